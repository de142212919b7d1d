"""PDFs: pages come out as a reader shows them, and a scan comes out as it was scanned."""

from __future__ import annotations

import threading
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from docdex.errors import (
    DamagedSource,
    EmptySource,
    PageOutOfRange,
    PageTooLarge,
    PasswordProtected,
    TooManyPages,
)
from docdex.images import Limits, Page, Refusal, iter_pages, read_pages, sources
from docdex.images import pdf as pdf_module

SCAN = b"q 80 0 0 120 0 0 cm /I0 Do Q"
RED_LEFT = b"1 0 0 rg 0 0 40 120 re f"


@pytest.fixture(scope="module")
def jpeg(scene, encode):
    return encode(scene, "JPEG", quality=95, subsampling=0)


@pytest.fixture
def scan_pdf(make_pdf, pdf_image, jpeg):
    """scan_pdf(content, more of the page, more of the image) -> a PDF with the scene on its one page"""
    return lambda content=SCAN, page=b"", image=b"": make_pdf(
        [(content, page)], [pdf_image(jpeg, 80, 120, image)]
    )


@pytest.fixture
def rendered():
    """The pages that PDFium had to draw, as its mock remembers them."""
    with mock.patch.object(pdf_module, "_render", wraps=pdf_module._render) as render:
        yield render


def close(pixels, expected):
    return pixels.shape == expected.shape and np.abs(pixels.astype(int) - expected).mean() < 2


def test_a_scan_is_taken_as_it_is(scan_pdf, scene, rendered):
    (page,) = read_pages(scan_pdf())
    assert close(page.pixels, scene)
    assert not rendered.called


def test_a_scan_is_decoded_at_reduced_scale(make_pdf, pdf_image, photo, encode, rendered):
    data = make_pdf(
        [(b"96 0 0 64 0 0 cm /I0 Do", b"/MediaBox [0 0 96 64]")], [pdf_image(encode(photo, "JPEG"), 960, 640)]
    )
    (page,) = read_pages(data, short_side=160)
    assert page.pixels.shape == (160, 240, 3)
    assert not rendered.called


def test_the_words_under_a_scan_do_not_count(scan_pdf, scene, rendered):
    words = SCAN + b" BT /F1 12 Tf 3 Tr 10 60 Td (invoice) Tj ET"
    (page,) = read_pages(scan_pdf(words))
    assert close(page.pixels, scene)
    assert not rendered.called


@pytest.mark.parametrize(("turn", "quarters"), [(90, -1), (180, 2), (270, 1)])
def test_a_turned_page_is_turned_with_its_scan(scan_pdf, scene, rendered, turn, quarters):
    (page,) = read_pages(scan_pdf(page=b"/Rotate %d" % turn))
    assert close(page.pixels, np.rot90(scene, quarters))
    assert not rendered.called


def test_a_camera_note_inside_a_pdf_does_not_turn_the_scan(make_pdf, pdf_image, scene, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = encode(scene, "JPEG", quality=95, subsampling=0, exif=exif.tobytes())
    (page,) = read_pages(make_pdf([(SCAN, b"")], [pdf_image(jpeg, 80, 120)]))
    assert close(page.pixels, scene)


@pytest.mark.parametrize(
    ("content", "page", "image"),
    [
        pytest.param(SCAN + b" 0 0 1 rg 10 10 20 20 re f", b"", b"", id="drawn over"),
        pytest.param(SCAN + b" BT /F1 12 Tf 10 60 Td (paid) Tj ET", b"", b"", id="written over"),
        pytest.param(SCAN + b" 20 0 0 30 5 5 cm /I0 Do", b"", b"", id="two images"),
        pytest.param(b"60 0 0 90 10 10 cm /I0 Do", b"", b"", id="with a border"),
        pytest.param(b"80 0 0 -120 0 120 cm /I0 Do", b"", b"", id="upside down"),
        pytest.param(b"0 120 -80 0 80 0 cm /I0 Do", b"", b"", id="turned by its matrix"),
        pytest.param(b"160 0 0 240 0 0 cm /I0 Do", b"", b"", id="larger than the page"),
        pytest.param(b"80 0 0 80 0 0 cm /I0 Do", b"/MediaBox [0 0 80 80]", b"", id="distorted"),
        pytest.param(b"0 0 40 120 re W n " + SCAN, b"", b"", id="clipped"),
        pytest.param(SCAN, b"/CropBox [0 0 40 60]", b"", id="cropped"),
        pytest.param(SCAN, b"", b"/Decode [1 0 1 0 1 0]", id="inverted"),
        pytest.param(SCAN, b"", b"/Mask [0 10 0 10 0 10]", id="masked"),
        pytest.param(
            SCAN, b"/Annots [<< /Type /Annot /Subtype /Square /Rect [9 9 50 50] >>]", b"", id="stamped"
        ),
    ],
)
def test_a_page_that_is_more_than_a_scan_is_drawn(scan_pdf, rendered, content, page, image):
    list(read_pages(scan_pdf(content, page, image)))
    assert rendered.call_count == 1


def test_an_inverted_scan_looks_as_a_reader_shows_it(scan_pdf):
    (page,) = read_pages(scan_pdf(image=b"/Decode [1 0 1 0 1 0]"))
    height, width = page.pixels.shape[:2]
    assert np.abs(page.pixels[height // 4, width // 4].astype(int) - (0, 255, 255)).max() < 5


def test_a_broken_scan_is_left_to_the_reader(make_pdf, pdf_image, jpeg, rendered):
    list(read_pages(make_pdf([(SCAN, b"")], [pdf_image(jpeg[:-2], 80, 120)])))
    assert rendered.call_count == 1


def test_a_filter_whose_name_is_no_text_is_left_to_the_reader(make_pdf, pdf_image, jpeg, rendered):
    list(read_pages(make_pdf([(SCAN, b"")], [pdf_image(jpeg, 80, 120).replace(b"/DCTDecode", b"/DCT\xe5")])))
    assert rendered.call_count == 1


def test_an_image_beyond_the_limit_is_never_drawn(make_pdf, pdf_image, jpeg, rendered):
    data = make_pdf([(b"9 0 0 9 0 0 cm /I0 Do", b"")], [pdf_image(jpeg, 60_000, 60_000)])
    with pytest.raises(PageTooLarge, match="An image on <bytes> page 1 has 60000 x 60000"):
        list(read_pages(data))
    assert not rendered.called


def test_a_scan_that_is_larger_than_its_pdf_says_is_never_drawn(make_pdf, pdf_image, jpeg, rendered):
    start = jpeg.index(b"\xff\xc0") + 5
    hostile = jpeg[:start] + b"\xea\x60\xea\x60" + jpeg[start + 4 :]
    with pytest.raises(PageTooLarge, match="<bytes> page 1 has 60000 x 60000"):
        list(read_pages(make_pdf([(SCAN, b"")], [pdf_image(hostile, 80, 120)])))
    assert not rendered.called


@pytest.mark.parametrize(("short_side", "expected"), [(0, 1240), (1, 512), (256, 512), (700, 700)])
def test_a_drawn_page_keeps_its_short_side(make_pdf, short_side, expected):
    (page,) = read_pages(make_pdf([(RED_LEFT, b"")]), short_side=short_side)
    assert page.pixels.shape == (expected * 3 // 2, expected, 3)
    assert page.pixels[50, 50].tolist() == [255, 0, 0]
    assert page.pixels[50, -50].tolist() == [255, 255, 255]


def test_a_page_of_absurd_shape_is_refused(make_pdf):
    with pytest.raises(PageTooLarge, match="megapixels; the limit is 100"):
        list(read_pages(make_pdf([(RED_LEFT, b"/MediaBox [0 0 1 14400]")])))


def test_filled_form_fields_are_seen(make_pdf):
    field = (
        b"/Annots [<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (MMMMMMM) /DA (/F1 30 Tf 0 g) "
        b"/Rect [0 0 80 60] /F 4 >>]"
    )
    form = b"/AcroForm << /Fields [] /NeedAppearances true /DR << /Font << /F1 3 0 R >> >> >>"
    (empty,) = read_pages(make_pdf([(b"", b"")]))
    (filled,) = read_pages(make_pdf([(b"", field)], catalog=form))
    assert empty.pixels.min() == 255
    assert filled.pixels.min() < 255


@pytest.mark.parametrize(
    ("pages", "numbers"), [(None, [1, 2, 3, 4, 5]), ("2", [2]), ("4-,1-2", [1, 2, 4, 5]), ("3,3,1", [1, 3])]
)
def test_pages_come_by_range_and_know_their_number(make_pdf, pages, numbers):
    data = make_pdf([(b"%f g 0 0 80 120 re f" % (number / 5), b"") for number in range(5)])
    read = list(read_pages(data, pages=pages, short_side=16))
    assert [page.number for page in read] == numbers
    assert [round(page.pixels[9, 9, 0] / 51) for page in read] == [number - 1 for number in numbers]
    assert len({page.digest for page in read}) == len(numbers)


def test_a_page_that_is_not_there_is_out_of_range(make_pdf):
    with pytest.raises(PageOutOfRange, match="<bytes> has 2 pages; page 3 was asked for"):
        list(read_pages(make_pdf([(b"", b"")] * 2), pages="2-3"))


def test_more_pages_than_the_limit_are_refused_before_the_first(make_pdf):
    data = make_pdf([(b"", b"")] * 4)
    with pytest.raises(TooManyPages, match="4 pages to read; the limit is 3"):
        next(read_pages(data, limits=Limits(pdf_pages=3)))
    assert len(list(read_pages(data, limits=Limits(pdf_pages=3), pages="2-4", short_side=16))) == 3


def test_one_broken_page_costs_only_itself(make_pdf):
    data = make_pdf([(RED_LEFT, b""), (RED_LEFT, b"/MediaBox [0 0 1 14400]"), (RED_LEFT, b"")])
    first, second, third = iter_pages(data, short_side=16)
    assert isinstance(first, Page)
    assert isinstance(second, Refusal)
    assert (second.source, second.page, second.error.code) == ("<bytes>", 2, "page-too-large")
    assert isinstance(third, Page)
    assert third.number == 3


def test_a_password_is_asked_for_by_name(make_pdf):
    locked = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> /ID [<00> <00>]" % (
        b"11" * 32,
        b"22" * 32,
    )
    with pytest.raises(PasswordProtected, match="<bytes> asks for a password"):
        list(read_pages(make_pdf([(RED_LEFT, b"")], trailer=locked)))


def test_a_pdf_without_pages_is_empty(make_pdf):
    with pytest.raises(EmptySource, match="PDF without pages"):
        list(read_pages(make_pdf([])))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_pdf_is_an_error_though_pdfium_would_mend_it(make_pdf, share):
    data = make_pdf([(RED_LEFT, b"")] * 3)
    with pytest.raises(DamagedSource, match="its end is missing"):
        list(read_pages(data[: int(len(data) * share)]))


def test_a_truncated_linearised_pdf_is_an_error_though_it_has_an_end(make_pdf):
    data = make_pdf([(RED_LEFT, b"")]).replace(b"%PDF-1.7\n", b"%PDF-1.7\n% << /Linearized 1 /L 99999 >>\n")
    with pytest.raises(DamagedSource, match="its end is missing"):
        list(read_pages(data))


def test_rubbish_before_and_after_a_pdf_is_tolerated(make_pdf):
    assert (
        len(list(read_pages(b"\r\n" * 20 + make_pdf([(RED_LEFT, b"")]) + b"\0" * 5000, short_side=16))) == 1
    )


def test_pages_left_unread_close_their_pdf(make_pdf, monkeypatch):
    opened = []

    def open_pdf(data, name):
        opened.append(pdf_module.PdfFile(data, name))
        return opened[0]

    monkeypatch.setattr(sources, "PdfFile", open_pdf)
    pages = read_pages(make_pdf([(RED_LEFT, b"")] * 3), short_side=16)
    next(pages)
    assert opened[0]._document.raw
    pages.close()
    assert not opened[0]._document.raw


def test_threads_read_pdfs_side_by_side(make_pdf, pdf_image, jpeg):
    data = make_pdf([(SCAN, b""), (RED_LEFT, b"")] * 3, [pdf_image(jpeg, 80, 120)])
    expected = [page.pixels for page in read_pages(data, short_side=16)]
    results: list[bool] = []

    def read() -> None:
        pixels = [page.pixels for page in read_pages(data, short_side=16)]
        results.append(all(map(np.array_equal, pixels, expected)))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4
