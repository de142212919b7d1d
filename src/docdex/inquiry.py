"""Ask the gallery about probes, deep enough that what is left out of an answer could not have changed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from docdex.decision import Match, decide, is_complete, rank_labels, require_cosine
from docdex.embedder import Embedded, Embedder, embed_batches
from docdex.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from docdex.gallery import Gallery, Hit
    from docdex.images import Refusal
    from docdex.reading import AnyPage

_DEPTH = 8
"""Labels asked for at first; more only when that many are within the margin of the best."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A gallery, a model, and the settings with which probes are compared.

    rotations: degrees tried of each probe. top: candidates to give, at least 1. threshold: -1 to 1.
    margin: 0 to 2. Raises `InvalidSetting` outside of these.
    """

    gallery: Gallery
    embedder: Embedder
    rotations: tuple[int, ...]
    top: int
    threshold: float
    margin: float

    def __post_init__(self) -> None:
        if self.top < 1:
            raise InvalidSetting(f"{self.top} candidates are too few: ask for at least 1.")
        require_cosine(self.threshold)
        if not 0 <= self.margin <= 2:
            raise InvalidSetting(
                f"The margin {self.margin:g} is no difference of cosines: give one from 0 to 2."
            )

    def answer(self, page: AnyPage) -> Match:
        """The answer to one page."""
        vectors = self.embedder.embed([page.content], rotations=self.rotations)[0]
        return self._match([Embedded(page, vectors)])[0]

    def answer_all(self, pages: Iterable[AnyPage | Refusal]) -> Iterator[Match | Refusal]:
        """The answers to a stream of pages, in order; refusals pass through."""
        for batch in embed_batches(self.embedder, pages, rotations=self.rotations):
            matches = iter(self._match([item for item in batch if isinstance(item, Embedded)]))
            for item in batch:
                yield next(matches) if isinstance(item, Embedded) else item

    def _match(self, probes: Sequence[Embedded]) -> list[Match]:
        if not probes:
            return []
        depth = max(self.top, _DEPTH)
        hits = self.gallery.search(np.concatenate([probe.vectors for probe in probes]), depth)
        turns = len(self.rotations)
        return [
            self._decide(probe, hits[row * turns : (row + 1) * turns], depth)
            for row, probe in enumerate(probes)
        ]

    def _decide(self, probe: Embedded, hits: Sequence[Sequence[Hit]], depth: int) -> Match:
        found: Mapping[int, Sequence[Hit]] = dict(zip(self.rotations, hits, strict=True))
        while not is_complete(found, depth=depth, margin=self.margin):
            depth *= 4
            found = dict(zip(self.rotations, self.gallery.search(probe.vectors, depth), strict=True))
        candidates = rank_labels(found)
        decision = decide(candidates, threshold=self.threshold, margin=self.margin)
        return Match(
            decision=decision.decision,
            label=decision.label,
            similarity=decision.similarity,
            candidates=candidates[: self.top],
            rotation=candidates[0].rotation if candidates else None,
            source=probe.page.source,
            page=probe.page.number,
            threshold=self.threshold,
            margin=self.margin,
        )
