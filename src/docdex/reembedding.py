"""Give samples new vectors when the model changes, so that nobody has to register everything again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from docdex.errors import DocdexError
from docdex.images import Limits, read_pages
from docdex.thumbnails import read_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from docdex.embedder import Embedder
    from docdex.gallery import Gallery, Sample


@dataclass(frozen=True, slots=True)
class Reembedding:
    """What new vectors were made from: source files that are still there unchanged, else thumbnails."""

    from_sources: int
    from_thumbnails: int


def reembed(
    gallery: Gallery, embedder: Embedder, limits: Limits, advance: Callable[[], None] | None = None
) -> Reembedding:
    """Replace the vectors of all samples by those of `embedder`, all at once: until then the old ones answer.

    A thumbnail is small (`docdex.thumbnails.LONG_SIDE`), so vectors made from one are a little less exact.
    Raises what the gallery raises, and `NotAGallery` for a thumbnail that is damaged.
    """
    from_sources = from_thumbnails = 0

    def renewed() -> Iterator[Sample]:
        nonlocal from_sources, from_thumbnails
        for sample in gallery.scan():
            pixels = _read_source(sample, limits, embedder.short_side)
            if pixels is None:
                pixels = read_thumbnail(sample.thumbnail)
                from_thumbnails += 1
            else:
                from_sources += 1
            yield msgspec.structs.replace(sample, vector=embedder.embed([pixels])[0, 0])
            if advance is not None:
                advance()

    gallery.rebuild(embedder.contract, renewed())
    return Reembedding(from_sources, from_thumbnails)


def _read_source(sample: Sample, limits: Limits, short_side: int) -> NDArray[np.uint8] | None:
    """The page a sample was registered from; `None` if it is no longer there, or no longer the same."""
    if sample.source.startswith("<"):
        return None
    try:
        (page,) = read_pages(sample.source, limits=limits, pages=str(sample.page), short_side=short_side)
    except DocdexError:
        return None
    return page.pixels if page.digest == sample.digest else None
