"""Whatever is given and whatever is wrong with it: pages, or one error that names it; the rest goes on."""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from docdex.errors import (
    DamagedSource,
    DocdexError,
    EmptySource,
    InvalidSetting,
    PageOutOfRange,
    PageTooLarge,
    SourceNotFound,
    SourceTooLarge,
    UnsupportedFormat,
)
from docdex.images import Limits, Page, Refusal, iter_pages, read_pages
from docdex.images.tiff import TiffFile

KINDS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"]


def only(source, **settings) -> Page:
    (page,) = read_pages(source, **settings)
    return page


def test_path_bytes_array_image_and_page_give_the_same_page(scene, encode, tmp_path):
    data = encode(scene, "PNG")
    path = tmp_path / "page.png"
    path.write_bytes(data)
    given = [
        str(path),
        path,
        data,
        bytearray(data),
        memoryview(data),
        scene,
        Image.fromarray(scene),
        Page(scene, "x"),
    ]
    read = [only(source) for source in given]
    assert all(np.array_equal(page.pixels, scene) for page in read)
    assert [page.source for page in read] == [
        str(path), str(path), "<bytes>", "<bytes>", "<bytes>", "<array>", "<image>", "x",
    ]  # fmt: skip


def test_a_list_is_read_in_its_order_and_bad_inputs_stand_where_they_were(scene, encode, tmp_path):
    good = encode(scene, "PNG")
    text = tmp_path / "notes.jpg"
    text.write_text("not a page")
    found = list(
        iter_pages([good, str(text), tmp_path / "nowhere.png", b"", good[:99], scene.astype(float), good])
    )
    assert [type(item) for item in found] == [Page] + [Refusal] * 5 + [Page]
    assert [(item.source, item.page, item.error.code) for item in found[1:-1]] == [
        (str(text), None, "unsupported-format"),
        (str(tmp_path / "nowhere.png"), None, "source-not-found"),
        ("<bytes>", None, "empty-source"),
        ("<bytes>", None, "damaged-source"),
        ("<array>", None, "unsupported-format"),
    ]


@pytest.mark.parametrize(
    "wrap", [lambda source: source, lambda source: [source], lambda source: iter([source])]
)
def test_one_source_needs_no_list(scene, encode, wrap):
    for source in (encode(scene, "PNG"), scene, Image.fromarray(scene), Page(scene, "x")):
        assert [type(item) for item in iter_pages(wrap(source))] == [Page]


def test_a_folder_gives_all_its_files_in_natural_order(scene, encode, tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("page10.png", "page2.png", "sub/page1.png"):
        (tmp_path / name).write_bytes(encode(scene, "PNG"))
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / ".hidden.png").write_bytes(b"")
    names = [os.path.relpath(item.source, tmp_path) for item in iter_pages(tmp_path)]
    assert names == ["page2.png", "page10.png", "readme.txt", "sub/page1.png"]


def test_an_empty_folder_is_one_refusal(tmp_path):
    (refusal,) = iter_pages(str(tmp_path))
    assert isinstance(refusal.error, EmptySource)


def test_pages_are_read_only_as_they_are_asked_for(scene, encode):
    def sources():
        yield encode(scene, "PNG")
        pytest.fail("the second source was taken before it was needed")

    assert isinstance(next(iter_pages(sources())), Page)


@pytest.mark.parametrize(
    "name", ["résumé.png", "証明書.png", "с пробелом .png", "emoji 🪪.png", "'quoted\".png"]
)
def test_any_name_that_the_system_allows_is_read(scene, encode, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encode(scene, "PNG"))
    assert np.array_equal(only(path).pixels, scene)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_a_name_that_is_no_text_is_read(scene, encode, tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(path)).write_bytes(encode(scene, "PNG"))
    assert np.array_equal(only(os.fsdecode(path)).pixels, scene)


def test_a_folder_is_no_file_and_an_impossible_name_is_not_found(tmp_path):
    for source in (tmp_path, tmp_path / "none", "nul\0.png", "x" * 5000):
        with pytest.raises(SourceNotFound):
            only(source)
    assert [type(item) for item in iter_pages(["nul\0.png", "x" * 5000])] == [Refusal, Refusal]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path):
    path = tmp_path / "secret.png"
    path.touch(mode=0o000)
    with pytest.raises(SourceNotFound, match="cannot be read"):
        only(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_damaged(photo, encode, kind, share):
    data = encode(photo[:160, :240], kind)
    with pytest.raises(DamagedSource, match="<bytes>"):
        only(data[: int(len(data) * share)])


def test_a_truncated_progressive_jpeg_with_a_whole_thumbnail_is_damaged(photo, encode):
    thumbnail = encode(photo[:64, :64], "JPEG")
    data = encode(photo, "JPEG", progressive=True)
    note = b"Exif\0\0" + thumbnail
    with_thumbnail = data[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + data[2:]
    assert only(with_thumbnail).pixels.shape == photo.shape
    with pytest.raises(DamagedSource, match="truncated JPEG"):
        only(with_thumbnail[:-2000])


def test_a_download_that_was_never_filled_is_damaged(photo, encode):
    data = encode(photo, "JPEG")
    with pytest.raises(DamagedSource, match="truncated JPEG"):
        only(data[: len(data) // 2] + b"\0" * (len(data) // 2))


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_after_the_end_is_tolerated(scene, encode, kind):
    data = encode(scene, kind)
    assert np.array_equal(only(data + b"\0trailer\n" * 500).pixels, only(data).pixels)


def test_a_png_with_a_wrong_checksum_is_damaged_and_nothing_is_printed(photo, encode, capfd):
    data = bytearray(encode(photo, "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(DamagedSource, match="checksum"):
        only(bytes(data))
    assert capfd.readouterr().err == ""


def _png(width: int, height: int) -> bytes:
    chunks = (
        b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0),
        b"IDAT" + zlib.compress(b"\0"),
        b"IEND",
    )
    packed = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_a_decompression_bomb_is_refused_by_its_header():
    with pytest.raises(
        PageTooLarge, match=r"60000 x 60000 = 3600\.0 megapixels; the limit is 100 .*--max-megapixels"
    ):
        only(_png(60_000, 60_000))


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_on_pixels_holds_for_every_format_and_can_be_set(photo, encode, kind):
    data = encode(photo, kind)
    with pytest.raises(PageTooLarge, match="960 x 640"):
        only(data, limits=Limits(pixels=960 * 640 - 1))
    assert only(data, limits=Limits(pixels=960 * 640)).pixels.shape == photo.shape


def test_the_limit_on_pixels_holds_for_arrays_images_and_pages(scene):
    for source in (scene, Image.fromarray(scene), Page(scene, "x")):
        with pytest.raises(PageTooLarge):
            only(source, limits=Limits(pixels=scene.shape[0] * scene.shape[1] - 1))


def test_opencvs_own_limit_is_named_when_ours_is_raised_beyond_it():
    with pytest.raises(PageTooLarge, match="OPENCV_IO_MAX_IMAGE_PIXELS"):
        only(_png(50_000, 50_000), limits=Limits(pixels=10**12))


def test_the_limit_on_bytes_holds_and_can_be_set(scene, encode, tmp_path):
    data = encode(scene, "BMP")
    path = tmp_path / "page.bmp"
    path.write_bytes(data)
    for source in (path, data):
        with pytest.raises(SourceTooLarge, match=r"the limit is 0\.001 MB"):
            only(source, limits=Limits(bytes=1000))
        assert only(source, limits=Limits(bytes=len(data))).number == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_read_to_its_end_or_to_the_limit(scene, encode, tmp_path):
    pipe, data = tmp_path / "pipe", encode(scene, "PNG")
    os.mkfifo(pipe)
    for limit, kind in ((len(data), Page), (len(data) - 1, Refusal)):
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        assert [type(item) for item in iter_pages(pipe, limits=Limits(bytes=limit))] == [kind]
        writer.join()


@pytest.mark.parametrize("field", ["pixels", "bytes", "pdf_pages"])
def test_a_limit_below_one_is_refused(field):
    with pytest.raises(InvalidSetting, match=field):
        Limits(**{field: 0})


@pytest.fixture
def three_pages(scene, encode):
    first, *rest = (Image.fromarray(scene // shade) for shade in (1, 2, 4))
    return encode(first, "TIFF", save_all=True, append_images=rest)


def test_a_tiff_gives_all_its_pages_or_a_range(scene, three_pages):
    pages = list(read_pages(three_pages))
    assert [page.number for page in pages] == [1, 2, 3]
    assert all(
        np.array_equal(page.pixels, scene // shade) for page, shade in zip(pages, (1, 2, 4), strict=True)
    )
    assert [page.number for page in read_pages(three_pages, pages="2-")] == [2, 3]
    assert len({page.digest for page in pages}) == 3


def test_the_pages_of_a_tiff_share_one_copy_of_it_that_keeps_nothing_of_the_page_before(scene, encode):
    turned = Image.fromarray(scene)
    data = encode(turned, "TIFF", save_all=True, append_images=[turned], tiffinfo={274: 6})
    shared, alone = TiffFile(data, "shared"), TiffFile(data, "alone")
    first, second = shared.pages
    assert first.orientation_at is not None
    copy = shared.patched(first)
    assert shared.patched(second) is copy
    assert np.array_equal(copy, alone.patched(second))


def test_a_tiff_cut_off_after_its_second_page_keeps_two(three_pages):
    with Image.open(io.BytesIO(three_pages)) as image:
        image.seek(2)
        end = image._frame_pos[2] if hasattr(image, "_frame_pos") else image.tag_v2._offset
    first, second, third = iter_pages(three_pages[:end])
    assert (first.number, second.number) == (1, 2)
    assert (third.page, third.error.code) == (3, "damaged-source")
    with pytest.raises(DamagedSource, match="page 3 is missing"):
        list(read_pages(three_pages[:end]))


def test_one_page_of_a_tiff_that_is_too_large_costs_only_itself(scene, encode):
    large = Image.new("L", (500, 500))
    data = encode(
        Image.fromarray(scene), "TIFF", save_all=True, append_images=[large, Image.fromarray(scene)]
    )
    found = list(iter_pages(data, limits=Limits(pixels=10_000)))
    assert [type(item) for item in found] == [Page, Refusal, Page]
    assert found[1].page == 2
    assert "<bytes> page 2 has 500 x 500" in found[1].error.message


def test_a_tiff_whose_pages_run_in_a_circle_ends(make_tiff):
    data = bytearray(make_tiff(np.zeros((4, 6), np.uint8)))
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * count, directory)
    assert len(list(read_pages(bytes(data)))) == 1


def test_a_tiff_whose_directories_overlap_ends(make_tiff):
    data = bytearray(make_tiff(np.zeros((4, 6), np.uint8)))
    start = len(data)
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * count, start)
    # At every fourth byte a directory of 65,535 entries: read to the last of them, they would take hours.
    following = range(start + 4, start + 400_000, 4)
    data += b"\xff" * (2 + 65_535 * 12) + struct.pack(f"<{len(following)}I", *following)
    page, empty, overlapping = iter_pages(bytes(data))
    assert isinstance(page, Page)
    assert (empty.error.code, overlapping.error.code) == ("damaged-source", "damaged-source")
    assert "overlap" in overlapping.error.message


def test_a_tiff_whose_pages_all_list_the_same_bytes_ends_soon():
    # 100 pages, each with a list of strips that is as long as the file: read anew for every page.
    pages, data = 100, b"II*\0\x08\0\0\0"
    for number in range(1, pages + 1):
        strips = ((tag, 4, 1_300, 8) for tag in (273, 279))
        entries = ((256, 4, 1, 10), (257, 4, 1, 10), *strips)
        data += struct.pack("<H", 4) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        data += struct.pack("<I", 8 + 54 * number if number < pages else 0)
    found = list(iter_pages(data))
    assert [item.error.code for item in found] == ["damaged-source"] * pages
    assert "overlap" in found[-1].error.message


def test_the_thumbnail_of_a_tiff_page_is_no_page(scene, encode):
    small = Image.fromarray(scene).resize((8, 12))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    assert len(list(read_pages(encode(scene, "TIFF", save_all=True, append_images=[small])))) == 1


def test_pages_of_what_has_only_one(scene, encode):
    for source in (encode(scene, "PNG"), scene, Image.fromarray(scene)):
        assert only(source, pages="1-").number == 1
        with pytest.raises(PageOutOfRange, match="has 1 page; page 2 was asked for"):
            only(source, pages="2")


def test_settings_are_checked_when_they_are_given():
    for read in (read_pages, iter_pages):
        with pytest.raises(PageOutOfRange, match="no page range"):
            read(b"", pages="two")
        with pytest.raises(InvalidSetting, match="short_side"):
            read(b"", short_side=-1)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros(7, np.uint8),
        np.zeros((4, 4), bool),
    ],
)
def test_an_array_of_another_shape_or_type_is_told_both(array):
    with pytest.raises(UnsupportedFormat, match=f"this one is {array.dtype}"):
        only(array)


def test_an_array_without_pixels_is_empty():
    with pytest.raises(EmptySource):
        only(np.zeros((0, 4, 3), np.uint8))


def test_a_grey_array_becomes_rgb():
    assert np.array_equal(only(np.full((2, 3), 7, np.uint8)).pixels, np.full((2, 3, 3), 7, np.uint8))


def test_an_open_file_is_one_source_that_is_refused_by_name(scene, encode):
    (refusal,) = iter_pages(io.BytesIO(encode(scene, "PNG")))
    assert (refusal.source, refusal.error.code) == ("BytesIO", "invalid-setting")
    assert "not from BytesIO" in refusal.error.message


def test_what_is_no_source_at_all_is_refused():
    with pytest.raises(InvalidSetting, match="not from int"):
        only(42)
    assert [item.error.code for item in iter_pages([42, None])] == ["invalid-setting"] * 2


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV"])
def test_a_pil_image_of_any_mode_becomes_rgb(scene, mode):
    image = Image.fromarray(scene).convert(mode)
    assert np.array_equal(only(image).pixels, np.asarray(image.convert("RGB")))


def test_a_pil_image_lies_over_white_and_stands_upright(scene, encode):
    assert (only(Image.new("RGBA", (3, 2), (9, 9, 9, 0))).pixels == 255).all()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.open(io.BytesIO(encode(scene, "PNG", exif=exif.tobytes())))
    assert np.array_equal(only(turned).pixels, np.rot90(scene, -1))


@pytest.mark.parametrize(
    ("mode", "clear"),
    [("LA", None), ("PA", None), ("RGBA", None), ("RGBa", None), ("L", 0), ("P", 0), ("RGB", (0, 0, 0))],
)
def test_a_pil_image_of_a_pillow_before_10_1_lies_over_white_too(monkeypatch, mode, clear):
    monkeypatch.delattr(Image.Image, "has_transparency_data", raising=False)
    image = Image.new(mode, (3, 2))
    if clear is not None:
        image.info["transparency"] = clear
    assert (only(image).pixels == 255).all()


def test_a_deep_pil_image_is_scaled_and_a_floating_one_refused():
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (2, 1))
    assert np.array_equal(only(Image.fromarray(ramp)).pixels[0, :, 0], np.arange(256))
    with pytest.raises(UnsupportedFormat, match="mode F"):
        only(Image.new("F", (3, 2)))


def test_a_pil_image_that_cannot_be_loaded_is_damaged(photo, encode):
    data = encode(photo, "JPEG")
    with pytest.raises(DamagedSource, match="PIL image"):
        only(Image.open(io.BytesIO(data[: len(data) // 2])))


@given(st.sampled_from(KINDS), st.data())
def test_any_bytes_give_pages_or_one_error_of_ours(scene, encode, kind, data):
    encoded = bytearray(encode(scene, kind))
    for _ in range(data.draw(st.integers(0, 8))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = list(read_pages(bytes(encoded), limits=Limits(pixels=1_000_000)))
    except DocdexError as error:
        assert "<bytes>" in error.message
    else:
        assert found
