"""What travels out of this room: a page, a refusal, and the limits that decide between them."""

from __future__ import annotations

import hashlib
import operator
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, SupportsIndex, Union

import numpy as np
from numpy.typing import NDArray

from docdex.errors import DocdexError, InvalidSetting, PageTooLarge

if TYPE_CHECKING:
    from PIL import Image


class Encoded:
    """The bytes a page was decoded from, shared by all pages of one file and hashed at most once."""

    __slots__ = ("_sha256", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._sha256: bytes | None = None

    def sha256(self) -> bytes:
        """SHA-256 of the bytes, 32 bytes long."""
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self.data).digest()
        return self._sha256


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One side of one document.

    pixels: (H, W, 3) uint8, RGB, upright as its metadata says; perhaps decoded at a reduced scale.
    source: the path as given (a PDF's or TIFF's too), or "<bytes>", "<array>", "<image>".
    number: the page within its source, from 1.

    Raises InvalidSetting if `pixels` has another shape or type, or no pixels, and as `page_number`.
    """

    pixels: NDArray[np.uint8]
    source: str
    number: int = 1
    encoded: Encoded | None = field(default=None, repr=False)
    _digest: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or self.pixels.size == 0:
            raise InvalidSetting(
                f"A page needs uint8 pixels of shape (height, width, 3); got {self.pixels.dtype} {shape}."
            )
        object.__setattr__(self, "number", page_number(self.source, self.number))

    @property
    def content(self) -> NDArray[np.uint8]:
        """Its pixels: what an embedder is given of it."""
        return self.pixels

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.pixels.size // 3

    @property
    def digest(self) -> str:
        """Hex SHA-256 that is equal for the same page of the same file, whatever scale it was decoded at.

        It covers the encoded bytes and the page number; for an array or image, which have no encoded bytes,
        its shape and pixels.
        """
        if not self._digest:
            if self.encoded is not None:
                identity = self.encoded.sha256() + b" page %d" % self.number
            else:
                pixels = hashlib.sha256(np.ascontiguousarray(self.pixels).data).digest()
                identity = pixels + b" pixels %d %d" % self.pixels.shape[:2]
            object.__setattr__(self, "_digest", hashlib.sha256(identity).hexdigest())
        return self._digest


def page_number(source: object, number: SupportsIndex) -> int:
    """A page's number as an int: a NumPy integer is stored as bytes that nobody can read again.

    Raises InvalidSetting for one that is no whole number from 1, and for a source that is no str.
    """
    if not isinstance(source, str):
        raise InvalidSetting(f"A page's source is its name, a str; got {source!r}.")
    try:
        whole = operator.index(number)
    except TypeError:
        whole = 0
    if whole < 1:
        raise InvalidSetting(f"The pages of {source} are numbered from 1; got {number!r}.")
    return whole


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused for its size. Each must be at least 1 (InvalidSetting).

    pixels: of one page, as stored in the file. bytes: of one file, and of what is packed in it. pdf_pages:
    read from one PDF or TIFF. characters: of one page's text. unpacking: how many times as large as in the
    file a part of a DOCX may be.
    """

    pixels: int = 100_000_000
    bytes: int = 256 * 1024 * 1024
    pdf_pages: int = 2000
    characters: int = 1_000_000
    unpacking: int = 200

    def __post_init__(self) -> None:
        for name in ("pixels", "bytes", "pdf_pages", "characters", "unpacking"):
            if getattr(self, name) < 1:
                raise InvalidSetting(f"The limit `{name}` must be at least 1; got {getattr(self, name)}.")

    def check_pixels(self, name: str, width: int, height: int) -> None:
        """Raise PageTooLarge if a page of this size, called `name` in the message, is over the limit."""
        if width * height > self.pixels:
            raise PageTooLarge(
                f"{name} has {width} x {height} = {width * height / 1e6:.1f} megapixels; "
                f"the limit is {self.pixels / 1e6:g} (raise it with --max-megapixels or Limits(pixels=...))."
            )

    def check_characters(self, name: str, characters: int) -> None:
        """Raise PageTooLarge if a page of that many characters, called `name`, is over the limit."""
        if characters > self.characters:
            raise PageTooLarge(
                f"{name} has {characters:,} characters or more; the limit is {self.characters:,} "
                f"(raise it with --max-characters or Limits(characters=...))."
            )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source, or one page of it, that cannot be read. page: from 1, or None if it is the whole source."""

    source: str
    page: int | None
    error: DocdexError


PageSource = Union[str, "os.PathLike[str]", bytes, NDArray[np.generic], "Image.Image", Page]
