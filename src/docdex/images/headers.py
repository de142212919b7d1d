"""Reads what an image file says about itself, so that limits and truncation are decided before decoding.

OpenCV gives a grey rest or a bare None for broken files, decodes before it tells a size, and lets libpng
print to the terminal; each parser here looks at just enough bytes to name the problem first.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import Enum

from docdex.errors import DamagedSource, UnsupportedFormat
from docdex.images.tiff import exif_orientation


class Format(Enum):
    """What the first bytes of a file say it is."""

    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    BMP = "BMP"
    WEBP = "WebP"
    TIFF = "TIFF"
    HEIC = "HEIC"
    PDF = "PDF"


@dataclass(frozen=True, slots=True)
class Header:
    """An image's size as stored, before its orientation (EXIF 1-8) is applied, and the bytes to decode.

    data: the file, perhaps without parts that no pixel needs and that only make decoders complain.
    components: of a JPEG. has_padding: the fourth byte of a BMP's pixels, if it has one, is not alpha.
    """

    format: Format
    width: int
    height: int
    data: bytes
    orientation: int = 1
    components: int = 3
    has_padding: bool = False


_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def sniff(data: bytes, name: str) -> Format:  # noqa: PLR0911 - one line a format
    """The format of these bytes. Raises UnsupportedFormat, whatever the file is called."""
    start = data[:16]
    if start.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if start.startswith((b"GIF87a", b"GIF89a")):
        return Format.GIF
    if start.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Format.TIFF
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return Format.WEBP
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        return Format.HEIC
    # Readers accept a PDF that starts within the first kilobyte; scanners do put bytes before it.
    if b"%PDF-" in data[:1024]:
        return Format.PDF
    # Two letters are no proof: text starts with BM too. The header's own length is.
    if start.startswith(b"BM") and data[14:18] in _BMP_HEADER_SIZES:
        return Format.BMP
    kind = "it is text" if _is_text(data[:512]) else "its first bytes are unknown"
    raise UnsupportedFormat(
        f"{name} is no image or PDF that docdex reads ({kind}): JPEG, PNG, WebP, TIFF, BMP, GIF, PDF, HEIC."
    )


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8", errors="strict" if len(start) < 512 else "ignore")
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character.isprintable() or character in "\t\r\n\f" for character in text)


def read_header(data: bytes, kind: Format, name: str) -> Header:
    """Size, orientation and decodable bytes of an image of one page; `name` is what messages call it.

    Raises DamagedSource if the file ends too early or contradicts itself. TIFF, HEIC and PDF have readers of
    their own.
    """
    try:
        header = _READERS[kind](data, name)
    except (struct.error, IndexError) as error:
        raise _truncated(name, kind) from error
    if header.width < 1 or header.height < 1:
        raise DamagedSource(
            f"{name} is a damaged {kind.value}: it claims {header.width} x {header.height} pixels."
        )
    return header


def _truncated(name: str, kind: Format) -> DamagedSource:
    return DamagedSource(f"{name} is a truncated {kind.value}: it ends before its image does. Get it again.")


def _broken(name: str, kind: Format, what: str) -> DamagedSource:
    return DamagedSource(f"{name} is a damaged {kind.value}: {what}.")


# SOF0-SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share the range.
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset(range(0xD0, 0xD8)) | {0x01}


def _jpeg(data: bytes, name: str) -> Header:
    position, size, orientation = 2, None, 1
    while True:
        if data[position] != 0xFF:
            raise _broken(name, Format.JPEG, f"no marker at byte {position}")
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker in _STANDALONE:
            continue
        if marker == 0xD9:
            raise _broken(name, Format.JPEG, "it ends before any image data")
        (length,) = struct.unpack_from(">H", data, position)
        if marker in _SOF and size is None:
            height, width, components = struct.unpack_from(">HHB", data, position + 3)
            size = width, height, components
        elif marker == 0xE1 and data[position + 2 : position + 8] == b"Exif\0\0":
            orientation = exif_orientation(data[position + 8 : position + length])
        elif marker == 0xDA:
            break
        position += length
    if size is None:
        raise _broken(name, Format.JPEG, "it gives no size")
    # Cut off, decoders fill the rest with grey. What cameras append after the end is tolerated; the zeros of
    # an unfinished download are not, for they hold no end marker.
    if data.rfind(b"\xff\xd9", position) < 0:
        raise _truncated(name, Format.JPEG)
    return Header(Format.JPEG, size[0], size[1], data, orientation, components=size[2])


_PNG_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _png(data: bytes, name: str) -> Header:
    view, position, orientation = memoryview(data), 8, 1
    if data[12:16] != b"IHDR":
        raise _broken(name, Format.PNG, "it does not begin with its header")
    width, height = struct.unpack_from(">II", data, 16)
    needed: list[memoryview] = [view[:8]]
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise _truncated(name, Format.PNG)
        if kind in _PNG_NEEDED:
            # libpng checks these too, but only after using them, and complains on the terminal.
            (checksum,) = struct.unpack_from(">I", data, end - 4)
            if zlib.crc32(view[position + 4 : end - 4]) != checksum:
                raise _broken(name, Format.PNG, f"the checksum of its {kind.decode()} part is wrong")
            needed.append(view[position:end])
        elif kind == b"eXIf":
            orientation = exif_orientation(data[position + 8 : end - 4])
        position = end
    # Colour profiles and comments change no pixel in OpenCV; libpng only warns about them.
    kept = data if sum(map(len, needed)) == len(data) else b"".join(needed)
    return Header(Format.PNG, width, height, kept, orientation)


def _gif(data: bytes, name: str) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _colour_table(flags)
    while True:
        block = data[position]
        if block == 0x21:  # an extension: its label, then sub-blocks
            position = _after_sub_blocks(data, position + 2)
        elif block == 0x2C:
            break
        else:
            raise _broken(name, Format.GIF, "it has no image")
    frame_width, frame_height, flags = struct.unpack_from("<4xHHB", data, position + 1)
    end = _after_sub_blocks(data, position + 10 + _colour_table(flags) + 1)
    # Only the first frame is a page, so only that far is the file decoded; and without its background colour,
    # which no viewer shows, and for which OpenCV refuses files whose palette lacks it.
    first_frame = data[:11] + b"\0" + data[12:end] + b";"
    return Header(Format.GIF, max(width, frame_width), max(height, frame_height), first_frame)


def _colour_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += data[position] + 1
    return position + 1


_BMP_CORE = 12
_BMP_HEADER_SIZES = {struct.pack("<I", size) for size in (_BMP_CORE, 40, 52, 56, 64, 108, 124)}


def _bmp(data: bytes, name: str) -> Header:
    offset, header_size = struct.unpack_from("<II", data, 10)
    compression = 0
    if header_size == _BMP_CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        height = abs(height)  # negative: rows from top to bottom
    uncompressed = compression in (0, 3)
    if uncompressed and offset + (width * bits + 31) // 32 * 4 * height > len(data):
        raise _truncated(name, Format.BMP)
    # From its third version on, the header may name the bits of alpha.
    names_alpha = header_size >= 56 and compression == 3 and struct.unpack_from("<I", data, 66) != (0,)
    return Header(Format.BMP, width, height, data, has_padding=not names_alpha)


def _webp(data: bytes, name: str) -> Header:
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise _truncated(name, Format.WEBP)
    position, dimensions, orientation = 12, None, 1
    while position + 8 <= size + 8:
        kind, length = struct.unpack_from("<4sI", data, position)
        body = position + 8
        if dimensions is None and kind == b"VP8X":
            dimensions = 1 + _int24(data, body + 4), 1 + _int24(data, body + 7)
        elif dimensions is None and kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, body + 6)
            dimensions = width & 0x3FFF, height & 0x3FFF
        elif dimensions is None and kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, body + 1)
            dimensions = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif kind == b"EXIF":
            orientation = exif_orientation(data[body : body + length].removeprefix(b"Exif\0\0"))
        position = body + length + length % 2
    if dimensions is None:
        raise _broken(name, Format.WEBP, "it has no image")
    return Header(Format.WEBP, dimensions[0], dimensions[1], data, orientation)


def _int24(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 3], "little")


_READERS = {
    Format.JPEG: _jpeg,
    Format.PNG: _png,
    Format.GIF: _gif,
    Format.BMP: _bmp,
    Format.WEBP: _webp,
}
