"""Reads the directories of a TIFF, so that each of its pages can be checked, decoded and refused on its own.

EXIF data is a TIFF too, so its orientation is read here as well. Layout: TIFF 6.0 and BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from docdex.errors import DamagedSource, DocdexError, UnsupportedFormat

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _STRIP_COUNTS, _PLANAR = 273, 274, 277, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339

_TYPES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
# None, CCITT RLE, fax 3 and 4, LZW, old and new JPEG, Adobe and old Deflate, PackBits: what OpenCV reads.
_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946}
_REDUCED_OR_MASK = 0b101
_MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class Directory:
    """One page of a TIFF, sizes as stored.

    offset: where it stands in the file. orientation_at: the byte where its orientation is stored, or None.
    white_is_zero: samples count from white to black. alpha: "none", "straight" or "premultiplied".
    bits: of one sample; 1, 8 or 16.
    """

    offset: int
    width: int
    height: int
    bits: int
    orientation: int
    orientation_at: int | None
    white_is_zero: bool
    alpha: str


class TiffFile:
    """A TIFF's pages, each a Directory or the error that it is. data: the whole file.

    Raises DamagedSource if not even the first directory can be found.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._order = "<" if data[:2] == b"II" else ">"
        self._big = data[2:4] in (b"+\0", b"\0+")
        self._copy: NDArray[np.uint8] | None = None
        self._turned = slice(0)
        self._entries = self._listed = 0
        self.pages: list[Directory | DocdexError] = []
        self._walk()

    def patched(self, directory: Directory) -> NDArray[np.uint8]:
        """A copy of the file that begins with this page and leaves its orientation to us. (bytes,) uint8.

        One copy serves all pages: it is good until the next is asked for. OpenCV turns some kinds of TIFF and
        not others, and stops at the first broken page of several.
        """
        original = np.frombuffer(self._data, np.uint8)
        if self._copy is None:
            self._copy = original.copy()
        copy = self._copy
        # Undone first: where pages overlap it may be part of this one, whose size was checked without it.
        copy[self._turned] = original[self._turned]
        at, code = (8, "Q") if self._big else (4, "I")
        struct.pack_into(self._order + code, copy.data, at, directory.offset)
        if directory.orientation_at is not None:
            self._turned = slice(directory.orientation_at, directory.orientation_at + 2)
            struct.pack_into(self._order + "H", copy.data, directory.orientation_at, 1)
        return copy

    def _walk(self) -> None:
        visited: set[int] = set()
        try:
            offset = self._unpack("Q", 8) if self._big else self._unpack("I", 4)
            while offset and offset not in visited and len(self.pages) < _MOST_PAGES:
                visited.add(offset)
                number = len(self.pages) + 1
                fields, following = self._fields(offset)
                page = self._page(offset, fields, f"{self._name} page {number}" if number > 1 else self._name)
                # Thumbnails and masks belong to the page before them and are no pages.
                if number == 1 or not self._first(fields, _SUBFILE, 0) & _REDUCED_OR_MASK:
                    self.pages.append(page)
                offset = following
        except (struct.error, ValueError, IndexError):
            self.pages.append(
                DamagedSource(
                    f"{self._name} is a truncated TIFF: page {len(self.pages) + 1} is missing. Get it again."
                )
            )
        except DamagedSource as error:
            self.pages.append(error)
        if not self.pages:
            raise DamagedSource(f"{self._name} is a damaged TIFF: it has no page.")

    def _unpack(self, code: str, at: int) -> int:
        if at > len(self._data):
            raise struct.error("beyond the end")  # Python has no struct.error for a BigTIFF's largest offsets
        value: int = struct.unpack_from(self._order + code, self._data, at)[0]
        return value

    def _fields(self, offset: int) -> tuple[dict[int, _Field], int]:
        entry_size, inline = (20, 8) if self._big else (12, 4)
        count = self._unpack("Q" if self._big else "H", offset)
        start = offset + (8 if self._big else 2)
        end = start + count * entry_size
        following = self._unpack("Q" if self._big else "I", end)
        # Directories that overlap can be as many as the file has bytes, each nearly as long as the file.
        self._entries += count
        if self._entries > len(self._data) // entry_size:
            raise DamagedSource(
                f"{self._name} is a damaged TIFF: page {len(self.pages) + 1} and those before it overlap."
            )
        fields: dict[int, _Field] = {}
        for at in range(start, end, entry_size):
            tag, kind = struct.unpack_from(self._order + "HH", self._data, at)
            number = self._unpack("Q" if self._big else "I", at + 4)
            value_at = at + entry_size - inline
            dtype = _TYPES.get(kind)
            if dtype is None:
                continue
            if number * int(dtype[1]) > inline:
                value_at = self._unpack("Q" if self._big else "I", value_at)
            # The first of two equal tags counts, as for libtiff: a second one must not slip past the limits.
            fields.setdefault(tag, _Field(self._order + dtype, number, value_at))
        return fields, following

    def _values(self, fields: dict[int, _Field], tag: int) -> NDArray[np.int64]:
        field = fields.get(tag)
        if field is None:
            return np.zeros(0, np.int64)
        # Checked first, so that nothing is allocated for a hostile count.
        if field.offset + field.count * int(field.dtype[2]) > len(self._data):
            raise ValueError(f"tag {tag} lies beyond the end")
        # A list is asked for once, and a value has a byte at least: more values than bytes are the same ones.
        self._listed += field.count
        if self._listed > len(self._data):
            raise DamagedSource(f"{self._name} is a damaged TIFF: lists of its pages overlap.")
        return np.frombuffer(self._data, field.dtype, field.count, field.offset).astype(np.int64)

    def _first(self, fields: dict[int, _Field], tag: int, default: int) -> int:
        values = self._values(fields, tag)
        return int(values[0]) if values.size else default

    def _page(self, offset: int, fields: dict[int, _Field], name: str) -> Directory | DocdexError:
        try:
            return self._checked(offset, fields, name)
        except (struct.error, ValueError):
            return _truncated(name)
        except DocdexError as error:
            return error

    def _checked(self, offset: int, fields: dict[int, _Field], name: str) -> Directory:
        width, height = self._first(fields, _WIDTH, 0), self._first(fields, _HEIGHT, 0)
        if width < 1 or height < 1:
            raise DamagedSource(f"{name} is a damaged TIFF: it claims {width} x {height} pixels.")
        bits = self._first(fields, _BITS, 1)
        sample_format = self._first(fields, _SAMPLE_FORMAT, 1)
        compression = self._first(fields, _COMPRESSION, 1)
        if bits not in (1, 8, 16) or sample_format != 1:
            kind = "unsigned" if sample_format == 1 else "signed or floating-point"
            raise UnsupportedFormat(
                f"{name} has {bits}-bit {kind} samples; docdex reads 1, 8 or 16 bits unsigned."
            )
        if compression not in _COMPRESSIONS:
            raise UnsupportedFormat(
                f"{name} is a TIFF with compression {compression}, which docdex cannot read."
            )
        # OpenCV takes it that the 16-bit samples of a pixel stand together, and says nothing if they do not.
        if bits == 16 and self._first(fields, _SAMPLES, 1) > 1 and self._first(fields, _PLANAR, 1) == 2:
            raise UnsupportedFormat(
                f"{name} is a TIFF that stores its 16-bit colours one after the other (planar), which docdex "
                f"cannot read: save it with 8 bits, or with the colours of a pixel together."
            )
        self._check_data(fields, name, width, height)
        orientation = self._first(fields, _ORIENTATION, 1)
        at = fields.get(_ORIENTATION)
        inverted = self._first(fields, _PHOTOMETRIC, 1) == 0
        return Directory(
            offset,
            width,
            height,
            bits,
            orientation if 1 <= orientation <= 8 else 1,
            at.offset if at is not None and at.dtype[1:] == "u2" and at.count == 1 else None,
            white_is_zero=inverted,
            alpha=self._alpha(fields, bits),
        )

    def _alpha(self, fields: dict[int, _Field], bits: int) -> str:
        extra = self._first(fields, _EXTRA_SAMPLES, 0)
        if self._first(fields, _SAMPLES, 1) != 4 or extra not in (1, 2):
            return "none"
        # libtiff multiplies 8-bit samples by their alpha by itself, and leaves 16-bit ones as they are.
        return "premultiplied" if extra == 1 or bits == 8 else "straight"

    def _check_data(self, fields: dict[int, _Field], name: str, width: int, height: int) -> None:
        tiled = _TILE_OFFSETS in fields
        offsets = self._values(fields, _TILE_OFFSETS if tiled else _STRIP_OFFSETS)
        counts = self._values(fields, _TILE_COUNTS if tiled else _STRIP_COUNTS)
        if tiled:
            tile = self._first(fields, _TILE_WIDTH, 0) * self._first(fields, _TILE_HEIGHT, 0)
            # A tile is decoded whole, so one far larger than its page is a way around the limits.
            if not 0 < tile <= 16 * max(width * height, 1 << 20):
                raise DamagedSource(f"{name} is a damaged TIFF: its tiles hold {tile} pixels.")
        if not offsets.size:
            raise DamagedSource(f"{name} is a damaged TIFF: it has no image data.")
        if (offsets < 0).any() or (offsets >= len(self._data)).any():
            raise _truncated(name)
        if counts.size == offsets.size and (counts > len(self._data) - offsets).any():
            raise _truncated(name)


@dataclass(frozen=True, slots=True)
class _Field:
    dtype: str
    count: int
    offset: int


def _truncated(name: str) -> DamagedSource:
    return DamagedSource(f"{name} is a truncated TIFF: its image data ends too early. Get it again.")


def exif_orientation(block: bytes | Sequence[int]) -> int:
    """Orientation 1-8 of an EXIF block (without its "Exif" prefix); 1 if it says none or cannot be read.

    Damaged metadata is no reason to refuse a page whose pixels are whole.
    """
    data = bytes(block)
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    order = "<" if data[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for at in range(start + 2, start + 2 + count * 12, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", data, at)
            if tag == _ORIENTATION and kind == 3:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
