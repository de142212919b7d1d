"""Builds the files that the tests of this room read: by real encoders where they exist, by hand elsewhere."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="session")
def scene() -> Pixels:
    """A page, 120 x 80, that no turn or flip maps onto itself: red, green / blue, white."""
    page = np.full((120, 80, 3), 255, np.uint8)
    page[:60, :40], page[:60, 40:], page[60:, :40] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return page


@pytest.fixture(scope="session")
def photo() -> Pixels:
    """A smooth colour picture of 960 x 640, which every lossy format keeps closely."""
    small = np.random.default_rng(7).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((960, 640), Image.Resampling.BICUBIC))


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """encode(pixels or PIL image, "PNG", **options of Pillow) -> bytes"""

    def _encode(image: Pixels | Image.Image, kind: str, **options: Any) -> bytes:
        file = io.BytesIO()
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
        return file.getvalue()

    return _encode


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """make_pdf([page, …], [image object, …]) -> bytes; a page is (content, more of its dictionary)."""

    def _make(
        pages: Sequence[tuple[bytes, bytes]],
        images: Sequence[bytes] = (),
        trailer: bytes = b"",
        catalog: bytes = b"",
    ) -> bytes:
        first_page = 4 + len(images)
        kids = b" ".join(b"%d 0 R" % (first_page + 2 * index) for index in range(len(pages)))
        names = b" ".join(b"/I%d %d 0 R" % (index, 4 + index) for index in range(len(images)))
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
            b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            *images,
        ]
        for index, (content, more) in enumerate(pages):
            size = b"" if b"/MediaBox" in more else b"/MediaBox [0 0 80 120]"
            objects.append(
                b"<< /Type /Page /Parent 2 0 R %s /Contents %d 0 R "
                b"/Resources << /XObject << %s >> /Font << /F1 3 0 R >> >> %s >>"
                % (size, first_page + 2 * index + 1, names, more)
            )
            objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        out, offsets = bytearray(b"%PDF-1.7\n"), []
        for number, body in enumerate(objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)

    return _make


@pytest.fixture(scope="session")
def pdf_image() -> Callable[..., bytes]:
    """pdf_image(jpeg, width, height, more of its dictionary) -> the image object of a PDF"""

    def _object(
        jpeg: bytes, width: int, height: int, more: bytes = b"", space: bytes = b"/DeviceRGB"
    ) -> bytes:
        return (
            b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %s /BitsPerComponent 8 "
            b"/Filter /DCTDecode /Length %d %s >>\nstream\n%s\nendstream"
            % (width, height, space, len(jpeg), more, jpeg)
        )

    return _object


@pytest.fixture(scope="session")
def make_tiff() -> Callable[..., bytes]:
    """make_tiff(array, photometric=1, …) -> an uncompressed TIFF with tags that Pillow won't write"""

    def _make(samples: NDArray[Any], photometric: int = 1, orientation: int = 1, **tags: int) -> bytes:
        height, width = samples.shape[:2]
        depth = samples.shape[2] if samples.ndim == 3 else 1
        data = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
        data += b"\0" * (len(data) % 2)
        bits = samples.dtype.itemsize * 8
        values: dict[int, tuple[str, Sequence[int]]] = {
            256: ("I", [width]),
            257: ("I", [height]),
            258: ("H", [bits] * depth),
            259: ("H", [tags.get("compression", 1)]),
            262: ("H", [photometric]),
            273: ("I", [8]),
            274: ("H", [orientation]),
            277: ("H", [depth]),
            278: ("I", [height]),
            279: ("I", [samples.nbytes]),
        }
        if "planar" in tags:
            values[284] = ("H", [tags["planar"]])
        if "extra_samples" in tags:
            values[338] = ("H", [tags["extra_samples"]])
        if samples.dtype.kind == "f":
            values[339] = ("H", [3])
        directory = 8 + len(data)
        overflow_at = directory + 2 + 12 * len(values) + 4
        entries, overflow = b"", b""
        for tag, (code, numbers) in sorted(values.items()):
            packed = struct.pack(f"<{len(numbers)}{code}", *numbers)
            if len(packed) > 4:
                packed, overflow = struct.pack("<I", overflow_at + len(overflow)), overflow + packed
            entries += struct.pack("<HHI4s", tag, 3 if code == "H" else 4, len(numbers), packed)
        head = b"II*\0" + struct.pack("<I", directory)
        return head + data + struct.pack("<H", len(values)) + entries + b"\0" * 4 + overflow

    return _make
