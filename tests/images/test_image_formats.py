"""Every format and kind of pixel gives the same upright RGB page."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from docdex.errors import DamagedSource, MissingExtra, UnsupportedFormat
from docdex.images import Page, read_pages
from docdex.images.decode import turn_upright

LOSSLESS = {"PNG": {}, "TIFF": {}, "BMP": {}, "WEBP": {"lossless": True}, "GIF": {}}


def only(source, **settings) -> Page:
    (page,) = read_pages(source, **settings)
    return page


def difference(pixels, expected) -> float:
    assert pixels.shape == expected.shape
    assert pixels.dtype == np.uint8
    return float(np.abs(pixels.astype(int) - expected).mean())


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_lossless_file_gives_its_pixels_exactly(scene, encode, kind):
    assert difference(only(encode(scene, kind, **LOSSLESS[kind])).pixels, scene) == 0


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "HEIF"])
def test_a_lossy_file_gives_its_pixels_closely(photo, encode, kind):
    pillow_heif.register_heif_opener()
    assert difference(only(encode(photo, kind, quality=90)).pixels, photo) < 2.5


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_page_stands_upright_whatever_its_exif_says(scene, encode, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    note = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif.tobytes()}
    data = encode(scene, kind, **LOSSLESS.get(kind, {"quality": 95}), **note)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert difference(only(data).pixels, expected) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bit_tiffs_stand_upright_too(scene, make_tiff, orientation):
    deep = make_tiff(scene.astype(np.uint16) * 257, photometric=2, orientation=orientation)
    assert difference(only(deep).pixels, turn_upright(scene, orientation)) == 0


@given(st.integers(1, 8))
def test_turning_upright_twice_by_inverse_orientations_changes_nothing(orientation):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    assert np.array_equal(turn_upright(turn_upright(pixels, orientation), inverse), pixels)


def test_an_orientation_outside_the_standard_is_ignored(scene, encode):
    exif = Image.Exif()
    exif[0x0112] = 77
    assert difference(only(encode(scene, "PNG", exif=exif.tobytes())).pixels, scene) == 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("alpha", "expected"), [(0, 255), (51, 215), (255, 55)])
def test_alpha_lies_over_white(encode, kind, alpha, expected):
    image = Image.new("RGBA", (40, 30), (55, 55, 55, alpha))
    pixels = only(encode(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))).pixels
    assert np.abs(pixels.astype(int) - expected).max() <= 1


def test_sixteen_bit_alpha_lies_over_white_straight_or_premultiplied(make_tiff):
    colour, alpha = 100 * 257, 51 * 257
    straight = np.full((20, 30, 4), colour, np.uint16)
    straight[..., 3] = alpha
    multiplied = straight.copy()
    multiplied[..., :3] = colour // 5
    for samples, kind in ((straight, 2), (multiplied, 1)):
        pixels = only(make_tiff(samples, photometric=2, extra_samples=kind)).pixels
        assert np.abs(pixels.astype(int) - 224).max() <= 1


def test_a_fourth_sample_that_is_no_alpha_is_not_taken_for_one(make_tiff):
    samples = np.full((20, 30, 4), 90, np.uint8)
    samples[..., 3] = 0
    assert (only(make_tiff(samples, photometric=2, extra_samples=0)).pixels == 90).all()


def test_a_transparent_gif_lies_over_white(encode):
    image = Image.new("P", (40, 20), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (20, 0, 40, 20))
    pixels = only(encode(image, "GIF", transparency=0)).pixels
    assert pixels[5, 5].tolist() == [255, 255, 255]
    assert pixels[5, 35].tolist() == [0, 0, 255]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_the_page(encode, kind):
    red, blue = Image.new("RGB", (40, 20), "red"), Image.new("RGB", (40, 20), "blue")
    data = encode(red, kind, save_all=True, append_images=[blue], **LOSSLESS[kind])
    assert only(data).pixels[10, 10].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_cut_off(encode, kind):
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (10, 1))
    pixels = only(encode(Image.fromarray(ramp), kind)).pixels
    assert np.array_equal(pixels[0, :, 0], np.arange(256))


@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero_is_turned_round(make_tiff, bits):
    ramp = np.tile(np.arange(256), (10, 1))
    samples = ramp.astype(np.uint8) if bits == 8 else (ramp * 257).astype(np.uint16)
    assert np.array_equal(only(make_tiff(samples, photometric=0)).pixels[0, :, 0], 255 - np.arange(256))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_bilevel_and_palette_become_rgb(photo, encode, kind, mode):
    image = Image.fromarray(photo).resize((90, 60)).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    assert difference(only(encode(image, kind, **LOSSLESS[kind])).pixels, expected) < 0.5


@pytest.mark.parametrize("compression", ["group3", "group4", "packbits", "tiff_lzw", "tiff_adobe_deflate"])
def test_the_compressions_of_scanners_are_read(photo, encode, compression):
    image = Image.fromarray(photo).convert("1")
    expected = np.asarray(image.convert("RGB"))
    assert difference(only(encode(image, "TIFF", compression=compression)).pixels, expected) == 0


def test_big_tiff_is_read(scene, encode):
    data = encode(scene, "TIFF", big_tiff=True)
    assert data[2] == 43
    assert difference(only(data).pixels, scene) == 0


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(photo, encode, kind):
    # Adobe's CMYK JPEGs are stored inverted, and Pillow writes them so.
    image = Image.fromarray(photo).convert("CMYK")
    assert difference(only(encode(image, kind)).pixels, photo) < 3


def test_a_bmp_with_empty_padding_is_not_taken_for_transparent(encode, scene):
    padded = np.dstack([scene[..., ::-1], np.zeros(scene.shape[:2], np.uint8)])[::-1].tobytes()
    info = struct.pack("<IiiHHIIiiII", 40, 80, 120, 1, 32, 0, len(padded), 0, 0, 0, 0)
    data = b"BM" + struct.pack("<IHHI", 54 + len(padded), 0, 0, 54) + info + padded
    assert difference(only(data).pixels, scene) == 0


def test_a_bmp_that_names_its_alpha_lies_over_white():
    pixels = bytes((55, 55, 55, 51)) * 600
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = (
        struct.pack("<IiiHHIIiiII", 108, 30, 20, 1, 32, 3, len(pixels), 0, 0, 0, 0)
        + masks
        + b"BGRs"
        + bytes(48)
    )
    data = b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + info + pixels
    assert np.abs(only(data).pixels.astype(int) - 215).max() <= 1


def test_a_gif_whose_background_colour_is_none_of_its_palette_is_read(encode):
    data = bytearray(encode(Image.new("P", (40, 20), 0), "GIF"))
    data[11] = 255
    assert only(bytes(data)).pixels.shape == (20, 40, 3)


def test_a_top_down_bmp_is_read(scene):
    rows = scene[..., ::-1].tobytes()
    info = struct.pack("<IiiHHIIiiII", 40, 80, -120, 1, 24, 0, len(rows), 0, 0, 0, 0)
    data = b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + info + rows
    assert difference(only(data).pixels, scene) == 0


def test_png_comments_and_profiles_change_nothing(scene, encode, capfd):
    plain = encode(scene, "PNG")
    body = b"iCCPnot a profile\0\0garbage"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    assert difference(only(plain[:33] + chunk + plain[33:]).pixels, scene) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "sizes", [(0, 960), (300, 480), (160, 240), (161, 480), (80, 120), (1, 120), (700, 960)]
)
def test_a_jpeg_is_decoded_no_larger_than_its_short_side_needs(photo, encode, sizes):
    short_side, width = sizes
    page = only(encode(photo, "JPEG", quality=95), short_side=short_side)
    assert page.pixels.shape == (width * 2 // 3, width, 3)
    expected = np.asarray(Image.fromarray(photo).resize((width, width * 2 // 3), Image.Resampling.BOX))
    assert difference(page.pixels, expected) < 3


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 300))
def test_reduced_decoding_never_goes_below_the_short_side(encode, width, height, short_side):
    data = encode(Image.new("RGB", (width, height), "teal"), "JPEG")
    pixels = only(data, short_side=short_side).pixels
    assert min(pixels.shape[:2]) >= min(short_side, width, height)
    assert np.abs(pixels.astype(int) - (0, 128, 128)).max() <= 3


def test_an_exif_orientation_counts_at_reduced_scale_too(photo, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    page = only(encode(photo, "JPEG", quality=95, exif=exif.tobytes()), short_side=160)
    expected = np.asarray(Image.fromarray(photo).resize((240, 160), Image.Resampling.BOX))
    assert difference(page.pixels, np.rot90(expected, -1)) < 3


def test_heic_without_its_extra_names_the_extra(scene, encode, monkeypatch):
    pillow_heif.register_heif_opener()
    data = encode(scene, "HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtra, match=r"docdex\[heic\]"):
        only(data)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [("L", 90, 90), ("LA", (55, 51), 215), ("RGBA", (55, 55, 55, 51), 215), ("RGBA", (55, 55, 55, 0), 255)],
)
def test_a_heic_in_grey_or_with_alpha_becomes_rgb_over_white(encode, mode, colour, expected):
    pillow_heif.register_heif_opener()
    pixels = only(encode(Image.new(mode, (64, 64), colour), "HEIF", quality=-1)).pixels
    assert pixels.shape == (64, 64, 3)
    assert np.abs(pixels.astype(int) - expected).max() <= 2


@pytest.mark.parametrize(
    ("samples", "tags"),
    [
        (np.zeros((4, 4), np.float32), {}),
        (np.zeros((4, 4), np.uint32), {}),
        (np.zeros((4, 4), np.uint8), {"compression": 34925}),
        (np.zeros((4, 4, 3), np.uint16), {"photometric": 2, "planar": 2}),
    ],
)
def test_a_tiff_beyond_what_is_read_says_so(make_tiff, samples, tags):
    with pytest.raises(
        UnsupportedFormat, match=r"32-bit|compression 34925|16-bit colours one after the other"
    ):
        only(make_tiff(samples, **tags))


def test_sixteen_bits_of_grey_are_read_whatever_is_said_of_the_order_of_colours(make_tiff):
    assert (only(make_tiff(np.full((4, 4), 90 * 257, np.uint16), planar=2)).pixels == 90).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Dear Sir,\nplease find attached", "it is text"),
        ("Überweisung".encode(), "it is text"),
        (b"BM is how this sentence begins, and it goes on", "it is text"),
        (b"\0\1\2\3" * 40, "first bytes are unknown"),
        (b"PK\3\4\xff\xfe\xfd", "first bytes are unknown"),
    ],
)
def test_what_is_no_image_is_unsupported_whatever_its_name(tmp_path, data, reason):
    path = tmp_path / "scan.jpg"
    path.write_bytes(data)
    with pytest.raises(UnsupportedFormat, match=reason) as caught:
        only(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(8, 2**64 - 1, id="its directory is nowhere"),
        pytest.param(8, 2**63, id="its directory is beyond any file"),
        pytest.param(16, 2**61, id="its directory never ends"),
        pytest.param(28, 2**62, id="its width is a list that never ends"),
    ],
)
def test_a_big_tiff_that_points_beyond_all_files_is_damaged(encode, at, value):
    data = bytearray(encode(Image.new("L", (20, 10)), "TIFF", big_tiff=True))
    struct.pack_into("<Q", data, at, value)
    with pytest.raises(DamagedSource):
        only(bytes(data))


def test_a_heic_without_an_image_in_it_is_damaged(scene, encode):
    pillow_heif.register_heif_opener()
    data = encode(scene, "HEIF")
    for part in (b"iloc", b"hvcC", b"ispe", b"meta"):
        with pytest.raises(DamagedSource):
            only(data.replace(part, b"none"))
