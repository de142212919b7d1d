"""Find what in a gallery will confuse answers, before probes do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from docdex.decision import require_cosine
from docdex.labels import common_ancestor, contradicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docdex.gallery import Gallery, Sample

DUPLICATE = 0.995
"""Cosine from which two samples are taken for the same picture: a file saved again stays above it."""

_SAMPLES_AT_ONCE = 256
_RIVALS = 8
"""Nearest labels looked at for each sample, its own included: one near more is in pairs enough."""


@dataclass(frozen=True, slots=True)
class Resemblance:
    """Two labels and the two samples of them that are nearest to each other.

    labels, samples: in the labels' order. shared: the label both are within, `None` if there is none; a probe
    between the two is then ambiguous.
    """

    labels: tuple[str, str]
    samples: tuple[str, str]
    similarity: float
    shared: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """What a check of a gallery found, most similar first.

    look_alikes: labels that contradict each other and have samples at least as near as the threshold.
    duplicates: labels, contradicting or not, that hold what looks like the same picture (`DUPLICATE`); these
    are not repeated among the look-alikes. lonely: labels with a single sample; no fault, one is enough.
    """

    look_alikes: tuple[Resemblance, ...]
    duplicates: tuple[Resemblance, ...]
    lonely: tuple[str, ...]


def check(gallery: Gallery, *, threshold: float) -> Health:
    """Compare each sample with the labels nearest to it. Time grows with the square of the gallery.

    threshold: -1 to 1. Raises `InvalidSetting` outside of it.
    """
    require_cosine(threshold)
    nearest: dict[tuple[str, str], Resemblance] = {}
    samples = gallery.scan()
    while batch := list(islice(samples, _SAMPLES_AT_ONCE)):
        for pair in _resemblances(gallery, batch, min(threshold, DUPLICATE)):
            best = nearest.get(pair.labels)
            if best is None or _order(pair) < _order(best):
                nearest[pair.labels] = pair
    ranked = sorted(nearest.values(), key=_order)
    duplicates = tuple(pair for pair in ranked if pair.similarity >= DUPLICATE)
    look_alikes = tuple(
        pair for pair in ranked if threshold <= pair.similarity < DUPLICATE and contradicts(*pair.labels)
    )
    lonely = tuple(label for label, samples in gallery.labels() if samples == 1)
    return Health(look_alikes, duplicates, lonely)


def _resemblances(gallery: Gallery, batch: list[Sample], threshold: float) -> Iterator[Resemblance]:
    vectors = np.stack([sample.vector for sample in batch])
    found = gallery.search(vectors, _RIVALS)
    for sample, hits in zip(batch, found, strict=True):
        for hit in hits:
            if hit.label != sample.label and hit.similarity >= threshold:
                (one, first), (other, second) = sorted(
                    [(sample.label, sample.id), (hit.label, hit.sample_id)]
                )
                shared = common_ancestor([one, other])
                yield Resemblance((one, other), (first, second), hit.similarity, shared)


def _order(pair: Resemblance) -> tuple[float, tuple[str, str], tuple[str, str]]:
    return (-pair.similarity, pair.labels, pair.samples)
