"""Whatever is given to be read as text, and whatever is wrong with it: pages, or one error that names it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docdex.errors import (
    DamagedSource,
    DocdexError,
    EmptySource,
    InvalidSetting,
    MissingExtra,
    NoText,
    PageOutOfRange,
    PageTooLarge,
    PasswordProtected,
    SourceNotFound,
    SourceTooLarge,
    TooManyPages,
    UnsupportedFormat,
)
from docdex.images import Limits, Page, Refusal
from docdex.text import TextPage, iter_text_pages, ocr, read_text_pages

PICTURE = np.full((40, 30, 3), 200, np.uint8)
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def png(pixels: np.ndarray = PICTURE) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def brightness(page: np.ndarray) -> str:
    """Stands for OCR: the words of a page are how bright it is."""
    return f"brightness {page.mean():.0f}"


def read(source: object, **settings: object) -> list[TextPage]:
    return list(read_text_pages(source, **settings))


# Pages


def test_path_bytes_and_a_page_of_text_give_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(b"Dear Sir")
    given = [str(path), path, b"Dear Sir", bytearray(b"Dear Sir"), TextPage("Dear Sir", "x")]
    pages = [page for source in given for page in read(source)]
    assert [page.text for page in pages] == ["Dear Sir"] * 5
    assert [page.source for page in pages] == [str(path), str(path), "<bytes>", "<bytes>", "x"]


def test_a_kind_is_told_by_content_whatever_the_name(tmp_path: Path, make_pdf) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(make_pdf(["Invoice 12"]))
    assert [page.text for page in read(path)] == ["Invoice 12"]


def test_a_text_that_mentions_how_a_pdf_begins_is_a_text(make_pdf) -> None:
    note = "Release notes\nFiles begin with %PDF-1.7 from now on."
    mail = f"From: a@b.c\nTo: d@e.f\nSubject: Notes\n\n{note}"
    assert [page.text for page in read(note.encode())] == [note]
    assert [page.text for page in read(mail.encode())] == [f"Notes\n{note}"]
    assert [page.text for page in read(b"put before it by a scanner\n" + make_pdf(["one"]))] == ["one"]


def test_a_pdf_is_read_page_by_page(make_pdf) -> None:
    data = make_pdf(["one\nmore", "two", "three"])
    assert [(page.number, page.text) for page in read(data)] == [(1, "one\nmore"), (2, "two"), (3, "three")]
    assert [page.text for page in read(data, pages="2-")] == ["two", "three"]


def test_every_page_of_a_pdf_comes_back_as_a_page_or_a_refusal(make_pdf) -> None:
    pages = list(iter_text_pages([make_pdf(["one", None, "", "four"])], ocr=lambda page: ""))
    assert [page.error.code if isinstance(page, Refusal) else page.text for page in pages] == [
        "one",
        "no-text",
        "no-text",
        "four",
    ]
    assert [page.page for page in pages if isinstance(page, Refusal)] == [2, 3]


def test_a_digest_is_that_of_the_file_and_the_page(make_pdf) -> None:
    data = make_pdf(["one", "two"])
    first, second = read(data)
    assert first.digest == read(data)[0].digest != second.digest
    assert TextPage("a").digest == TextPage("a", "elsewhere").digest != TextPage("b").digest


def test_a_page_of_text_needs_words_and_valid_unicode() -> None:
    for blank in ("", " \n", "... --- !", "\u2003"):
        with pytest.raises(NoText):
            TextPage(blank)
    with pytest.raises(InvalidSetting, match="Unicode"):
        TextPage("a \ud800")
    assert TextPage("請").size == 1


def test_a_page_of_text_has_a_name_and_a_number_from_one() -> None:
    for number in (0, -5, 1.0, "1"):
        with pytest.raises(InvalidSetting, match="numbered from 1"):
            TextPage("a", "x", number)  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="source is its name"):
        TextPage("a", Path("x"))  # type: ignore[arg-type]
    assert type(TextPage("a", "x", np.int64(2)).number) is int  # type: ignore[arg-type]


# Pictures


@pytest.mark.parametrize("source", [png(), PICTURE, Image.fromarray(PICTURE), Page(PICTURE, "<array>")])
def test_pictures_of_every_kind_are_read_by_ocr(source: object) -> None:
    assert [page.text for page in read(source, ocr=brightness)] == ["brightness 200"]


def test_only_pages_of_a_pdf_that_have_no_text_are_read_by_ocr(make_pdf) -> None:
    asked = []

    def engine(page: np.ndarray) -> str:
        asked.append(page.shape)
        return "scanned words"

    pages = read(make_pdf(["laid words", None]), ocr=engine)
    assert [page.text for page in pages] == ["laid words", "scanned words"]
    ((height, width, channels),) = asked
    assert min(height, width) >= 1000
    assert channels == 3


def test_pictures_without_the_extra_say_what_to_install(monkeypatch: pytest.MonkeyPatch, make_pdf) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    monkeypatch.setattr(ocr, "_kept", ocr.open_ocr)
    with pytest.raises(MissingExtra, match=r"<bytes> is a picture.*docdex\[ocr\]"):
        read(png())
    refused = list(iter_text_pages([make_pdf([None, "words"])]))
    assert isinstance(refused[0], Refusal)
    assert refused[0].error.code == "missing-extra"
    assert "no text layer" in refused[0].error.message
    assert isinstance(refused[1], TextPage)


def test_the_words_of_a_picture_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rapidocr", reason="needs the extra ocr")
    import cv2

    page = np.full((120, 500, 3), 255, np.uint8)
    cv2.putText(page, "INVOICE 2026", (20, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 4)
    assert "INVOICE" in read(page)[0].text


# What is wrong


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"", EmptySource, "no bytes"),
        (b" \r\n\t", NoText, "no words"),
        (b"<html><script>x</script></html>", NoText, "no words"),
        (bytes(range(256)) * 8, UnsupportedFormat, "binary"),
        (b"{\\rtf1\\ansi words}", UnsupportedFormat, "RTF"),
        (OLD_OFFICE, UnsupportedFormat, "DOC"),
        (OLD_OFFICE + "EncryptedPackage".encode("utf-16-le"), PasswordProtected, "password"),
        (b"PK\x03\x04 broken", DamagedSource, "DOCX"),
        (b"%PDF-1.7\nbroken", DamagedSource, "PDF"),
        (b"\x89PNG\r\n\x1a\nbroken", DamagedSource, "PNG"),
    ],
)
def test_what_cannot_be_read_is_one_error_that_names_it(
    data: bytes, error: type[DocdexError], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "given.dat"
    path.write_bytes(data)
    with pytest.raises(error, match=rf"given\.dat.*{said}"):
        read(path)
    (refusal,) = iter_text_pages([path])
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == error.code


def test_a_zip_of_anything_else_is_no_docx() -> None:
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("content.xml", "<a/>")
    with pytest.raises(UnsupportedFormat, match="no DOCX"):
        read(file.getvalue())


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(bytes=100), SourceTooLarge),
        (Limits(characters=5), PageTooLarge),
        (Limits(pdf_pages=1), TooManyPages),
    ],
)
def test_limits_can_be_set(limits: Limits, error: type[DocdexError], make_pdf) -> None:
    with pytest.raises(error, match="raise it with"):
        read(make_pdf(["many words", "more words"]), limits=limits)


def test_a_huge_text_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from docdex.text import sources

    monkeypatch.setattr(sources, "decode", None)
    with pytest.raises(PageTooLarge, match="1,000,000"):
        read(b"word " * 1_000_000)


def test_a_page_that_is_not_there_is_said(make_pdf) -> None:
    for source in (make_pdf(["one"]), b"plain", png()):
        with pytest.raises(PageOutOfRange, match="has 1 page"):
            read(source, pages="2", ocr=brightness)


def test_folders_give_their_files_and_one_bad_file_stops_nothing(tmp_path: Path) -> None:
    for name, data in {"a.txt": b"first", "b.bin": b"\0\1", "c.txt": b"second"}.items():
        (tmp_path / name).write_bytes(data)
    found = list(iter_text_pages([tmp_path, tmp_path / "nosuch.txt", b"third"]))
    assert [item.error.code if isinstance(item, Refusal) else item.text for item in found] == [
        "first",
        "unsupported-format",
        "second",
        "source-not-found",
        "third",
    ]
    with pytest.raises(SourceNotFound):
        read(tmp_path)


def test_what_is_no_source_is_said() -> None:
    with pytest.raises(InvalidSetting, match="not from int"):
        read(5)
    (refusal,) = iter_text_pages(5)
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == "invalid-setting"


def test_the_lines_of_an_open_file_are_no_texts_of_their_own(tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Sir,\nyour invoice is unpaid.\nPlease pay.\n")
    with letter.open("rb") as file:
        (refusal,) = iter_text_pages(file)
    assert isinstance(refusal.error, InvalidSetting)
    with letter.open() as file:
        (refusal,) = iter_text_pages(file)
    assert isinstance(refusal.error, InvalidSetting)
