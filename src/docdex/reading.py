"""What an embedder reads, behind one protocol, so that pictures and words take the same way through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from docdex.images import iter_pages, read_pages
from docdex.thumbnails import make_thumbnail, read_thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from docdex.images import Limits, Page, PageSource, Refusal
    from docdex.text import TextPage

Source: TypeAlias = "PageSource | TextPage"
"""A file, bytes, an array, an image or a page; a `TextPage` where pages are compared by text."""

Sources: TypeAlias = "Source | Iterable[Source]"
"""Any number of files, folders, PDFs, bytes, arrays, images or pages."""


class AnyPage(Protocol):
    """A page, whatever is read of it: `docdex.images.Page` or `docdex.text.TextPage`."""

    @property
    def source(self) -> str:
        """What it came from."""
        ...

    @property
    def number(self) -> int:
        """Its place in that, from 1."""
        ...

    @property
    def digest(self) -> str:
        """Hex SHA-256, equal for the same page of the same file."""
        ...

    @property
    def content(self) -> Any:
        """What an embedder is given: pixels (H, W, 3) uint8 RGB, or a text."""
        ...

    @property
    def size(self) -> int:
        """Number of pixels or characters."""
        ...


class Reader(Protocol):
    """Gets pages out of sources for one kind of embedder, and keeps of them what a gallery needs."""

    def read_pages(self, source: Any, *, limits: Limits, pages: str | None) -> Iterator[AnyPage]:
        """As `docdex.images.read_pages`."""
        ...

    def iter_pages(self, sources: Any, *, limits: Limits, pages: str | None) -> Iterator[AnyPage | Refusal]:
        """As `docdex.images.iter_pages`."""
        ...

    def keep(self, content: Any) -> bytes:
        """What a gallery keeps of a page, to look at and to embed again when its file is gone."""
        ...

    def restore(self, kept: bytes) -> Any:
        """The content of a page from what was kept of it. Raises `NotAGallery` when it is damaged."""
        ...


@dataclass(frozen=True, slots=True)
class PictureReader:
    """Reads pages as pixels, and keeps thumbnails of them.

    short_side: pixels that a page's short side must keep when it is decoded; 0 is full size.
    """

    short_side: int = 0

    def read_pages(self, source: Any, *, limits: Limits, pages: str | None) -> Iterator[Page]:
        """See `Reader`."""
        return read_pages(source, limits=limits, pages=pages, short_side=self.short_side)

    def iter_pages(self, sources: Any, *, limits: Limits, pages: str | None) -> Iterator[Page | Refusal]:
        """See `Reader`."""
        return iter_pages(sources, limits=limits, pages=pages, short_side=self.short_side)

    def keep(self, content: NDArray[np.uint8]) -> bytes:
        """A thumbnail, as JPEG."""
        return make_thumbnail(content)

    def restore(self, kept: bytes) -> NDArray[np.uint8]:
        """See `Reader`."""
        return read_thumbnail(kept)
