"""Count what users would have been told wrongly, by set, because one share over all sets names no cause."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from docdex.evaluation.confusions import Confusion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from docdex.evaluation.protocol import Benchmark, Capture, Identification


class ProbeMistakes(msgspec.Struct, frozen=True):
    """Answers about the probes of a set and capture at one threshold, in all draws together.

    asked: probes. wrong: nearest to another type, and above the threshold; same_set: those of them whose
    answer is a type of the same set. unknown: below the threshold; astray: those of them that were nearest to
    another type. The rest is right.
    """

    set: str
    capture: Capture
    asked: int
    wrong: int
    same_set: int
    unknown: int
    astray: int


_COUNTED = ProbeMistakes.__struct_fields__[2:]


class StrangerMistakes(msgspec.Struct, frozen=True):
    """Answers about the strangers of a set, flat and stress: asked in all draws, labelled all the same."""

    set: str
    asked: int
    labelled: int


def probe_mistakes(
    benchmark: Benchmark, draws: Sequence[Identification], threshold: float
) -> list[ProbeMistakes]:
    """What became of the probes at a threshold (a cosine; equal to it is above), flat sets before stress."""
    counts: dict[tuple[Capture, str], Counter[str]] = {}
    for outcome in draws:
        for probe, sample, similarity, correct in zip(
            outcome.probes, outcome.nearest, outcome.best, outcome.correct, strict=True
        ):
            asked, answer = benchmark.instances[probe], benchmark.instances[sample]
            known = bool(similarity >= threshold)
            count = counts.setdefault((asked.capture, asked.set), Counter())
            count["asked"] += 1
            count["wrong"] += known and not correct
            count["same_set"] += known and not correct and asked.set == answer.set
            count["unknown"] += not known
            count["astray"] += not known and not correct
    return [
        ProbeMistakes(of, capture, **{field: int(count[field]) for field in _COUNTED})
        for (capture, of), count in sorted(counts.items())
    ]


def stranger_mistakes(
    benchmark: Benchmark, draws: Sequence[Identification], threshold: float
) -> list[StrangerMistakes]:
    """How many strangers were given a label at a threshold (a cosine; equal to it is above), by set."""
    counts: dict[str, tuple[int, int]] = {}
    for outcome in draws:
        for stranger, similarity in zip(outcome.asked_strangers, outcome.strangers, strict=True):
            of = benchmark.instances[stranger].set
            asked, labelled = counts.get(of, (0, 0))
            counts[of] = (asked + 1, labelled + bool(similarity >= threshold))
    return [StrangerMistakes(of, *count) for of, count in sorted(counts.items())]


def missed_types(benchmark: Benchmark, draws: Sequence[Identification], threshold: float) -> list[Confusion]:
    """Probes nearest to their type but below the threshold: of each type the farthest; commonest first."""
    farthest: dict[str | None, tuple[float, int, int]] = {}
    times: Counter[str | None] = Counter()
    for outcome in draws:
        for n in np.flatnonzero(outcome.correct & (outcome.best < threshold)):
            found = (float(outcome.best[n]), int(outcome.probes[n]), int(outcome.nearest[n]))
            kind = benchmark.instances[found[1]].kind
            times[kind] += 1
            farthest[kind] = min(found, farthest.get(kind, found))
    missed = [
        Confusion(probe, sample, similarity, times[kind])
        for kind, (similarity, probe, sample) in farthest.items()
    ]
    return sorted(missed, key=lambda c: (-c.times, c.similarity, c.probe))


def alike_types(benchmark: Benchmark, vectors: NDArray[np.float32], threshold: float) -> list[Confusion]:
    """Types of which one would be taken for the other if that alone were registered, the most alike first.

    vectors: (N, D) of unit length, in the order of the benchmark; flat pages are compared. Each pair of types
    by its two nearest pages; `times` is how many pairs of their pages reach the threshold.
    """
    flat = benchmark.indices("flat")
    kinds, codes = np.unique(benchmark.types()[flat], return_inverse=True)
    similarities = vectors[flat] @ vectors[flat].T
    alike = []
    for first in range(len(kinds)):
        for second in range(first + 1, len(kinds)):
            ours, theirs = np.flatnonzero(codes == first), np.flatnonzero(codes == second)
            block = similarities[np.ix_(ours, theirs)]
            row, column = np.unravel_index(block.argmax(), block.shape)
            times = int((block >= threshold).sum())
            if times:
                nearest = float(block[row, column])
                alike.append(Confusion(int(flat[ours[row]]), int(flat[theirs[column]]), nearest, times))
    return sorted(alike, key=lambda c: (-c.similarity, c.probe, c.sample))
