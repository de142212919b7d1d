"""Find what a recogniser mistook for what, because a picture of a mistake says more than its share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from docdex.evaluation.protocol import Benchmark, Identification


@dataclass(frozen=True, slots=True)
class Confusion:
    """A probe and the sample of another type that was nearest to it, both as positions in the benchmark.

    times: how often pages of the probe's type were answered with the sample's type, in all draws.
    """

    probe: int
    sample: int
    similarity: float
    times: int


def wrong_types(benchmark: Benchmark, draws: Sequence[Identification], most: int) -> list[Confusion]:
    """Probes answered with another type: the commonest pairs of types first, each by its nearest probe."""
    found = (
        (float(outcome.best[n]), int(outcome.probes[n]), int(outcome.nearest[n]))
        for outcome in draws
        for n in np.flatnonzero(~outcome.correct)
    )
    kinds = benchmark.types()
    confusions = _one_of_each(found, lambda probe, sample: (kinds[probe], kinds[sample]))
    return sorted(confusions, key=lambda c: (-c.times, -c.similarity, c.probe, c.sample))[:most]


def near_strangers(benchmark: Benchmark, draws: Sequence[Identification], most: int) -> list[Confusion]:
    """Strangers nearest to a sample, the nearest first, each page once a type."""
    found = (
        (float(outcome.strangers[n]), int(outcome.asked_strangers[n]), int(outcome.nearest_strangers[n]))
        for outcome in draws
        for n in range(len(outcome.strangers))
    )
    kinds = benchmark.types()
    pages = dict(zip(benchmark.indices(strangers=True).tolist(), benchmark.stranger_pages(), strict=True))
    confusions = _one_of_each(found, lambda probe, sample: (pages[probe], kinds[sample]))
    return sorted(confusions, key=lambda c: (-c.similarity, c.probe, c.sample))[:most]


def _one_of_each(
    found: Iterable[tuple[float, int, int]], key: Callable[[int, int], tuple[str, str]]
) -> list[Confusion]:
    """The nearest of all (similarity, probe, sample) that have the same key, and how many there are."""
    times: Counter[tuple[str, str]] = Counter()
    nearest: dict[tuple[str, str], tuple[float, int, int]] = {}
    for answer in found:
        _, probe, sample = answer
        names = key(probe, sample)
        times[names] += 1
        nearest[names] = max(answer, nearest.get(names, answer))
    return [
        Confusion(probe, sample, similarity, times[names])
        for names, (similarity, probe, sample) in nearest.items()
    ]
