"""Give samples new vectors when the model changes, so that nobody has to register everything again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from docdex.contract import require_same_kind
from docdex.errors import DocdexError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docdex.embedder import Embedder
    from docdex.gallery import Gallery, Sample
    from docdex.images import Limits
    from docdex.reading import Reader


@dataclass(frozen=True, slots=True)
class Reembedding:
    """What new vectors were made from: source files that are still there unchanged, else thumbnails.

    The thumbnail of a text is its beginning, which is all that a model looks at.
    """

    from_sources: int
    from_thumbnails: int


def reembed(
    gallery: Gallery, embedder: Embedder, limits: Limits, advance: Callable[[], None] | None = None
) -> Reembedding:
    """Replace the vectors of all samples by those of `embedder`, all at once: until then the old ones answer.

    A thumbnail is small (`docdex.thumbnails.LONG_SIDE`), so vectors made from one are a little less exact.
    Raises what the gallery raises, `NotAGallery` for a thumbnail that is damaged, and `ContractMismatch` when
    one of the two compares by picture and the other by text.
    """
    require_same_kind(gallery.contract, embedder.contract, "The gallery")
    reader = embedder.reader
    from_sources = from_thumbnails = 0

    def renewed() -> Iterator[Sample]:
        nonlocal from_sources, from_thumbnails
        for sample in gallery.scan():
            content = _read_source(sample, limits, reader)
            if content is None:
                content = reader.restore(sample.thumbnail)
                from_thumbnails += 1
            else:
                from_sources += 1
            yield msgspec.structs.replace(sample, vector=embedder.embed([content])[0, 0])
            if advance is not None:
                advance()

    gallery.rebuild(embedder.contract, renewed())
    return Reembedding(from_sources, from_thumbnails)


def _read_source(sample: Sample, limits: Limits, reader: Reader) -> Any | None:
    """What is on the page a sample was registered from; `None` if that is gone, or no longer the same."""
    if sample.source.startswith("<"):
        return None
    try:
        (page,) = reader.read_pages(sample.source, limits=limits, pages=str(sample.page))
    except DocdexError:
        return None
    return page.content if page.digest == sample.digest else None
