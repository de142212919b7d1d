"""Measure a benchmark's figures again on other selections of its types, as others may fare otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.evaluation.bootstrap import areas, detection_rates, pair_replicates, resample, shares
from docdex.evaluation.protocol import (
    CAPTURES,
    FPIR_TARGETS,
    PAIR_TARGETS,
    Benchmark,
    Identification,
    of_capture,
    pair_members,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from docdex.evaluation.bootstrap import Weights
    from docdex.evaluation.protocol import Capture

    Values = NDArray[np.float64] | None
    """(R,) a figure in each replicate, NaN where it has nothing to measure; None where all must be alike."""

    Replicates = Mapping[str, Values | "Replicates"]
    """The figures of one peer, as they lie in `Intervals`: by the same names, in the same order."""

MOST_PAIRS = 4_000_000
"""Resampling so many takes some minutes; a benchmark of more pairs has no intervals of verification."""


class Resampling:
    """How often each type, and each page of a stranger, counts in each replicate: the same for every peer.

    So two peers are compared on the same replicates, and a benchmark's intervals are the same in each run.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        self.benchmark = benchmark
        self._type_of = _numbered(benchmark.types())
        self._type_votes = resample(_strata(benchmark.types()), seed=0)
        strangers = benchmark.indices(strangers=True)
        self._page_of = np.full(len(benchmark.instances), -1)
        self._page_of[strangers] = _numbered(benchmark.stranger_pages())
        self._page_votes = resample(_strata(benchmark.stranger_pages()), seed=1)

    def type_numbers(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        """The type of pictures (M,), as its column in `type_votes`."""
        return self._type_of[positions]

    def type_votes(self) -> Weights:
        """(R, G) of all types; strangers are one more column, of no meaning."""
        return self._type_votes

    def of_probes(self, positions: NDArray[np.intp]) -> Weights:
        """(R, M) for pictures of registered types."""
        return np.take(self._type_votes, self._type_of[positions], axis=1)

    def of_strangers(self, positions: NDArray[np.intp]) -> Weights:
        """(R, M) for pictures of strangers."""
        return np.take(self._page_votes, self._page_of[positions], axis=1)


def measure_replicates(
    resampling: Resampling,
    upright: Sequence[Identification],
    searched: Sequence[Identification],
    vectors: NDArray[np.float32] | None,
) -> Replicates:
    """All figures of one peer in each replicate.

    upright, searched: the draws without and with search for the orientation; searched may be empty. vectors:
    (N, D) of all upright pictures; None for a peer that has none.
    """
    return {
        "rank1": {capture: _rank1(resampling, upright, capture) for capture in CAPTURES},
        "dir": {capture: _detection(resampling, upright, capture) for capture in CAPTURES},
        "pairs": {} if vectors is None else _pairs(resampling, vectors),
        "turned": {
            "rank1": _rank1(resampling, searched, "stress"),
            "dir": _detection(resampling, searched, "stress"),
        },
        "oscr": {capture: _oscr(resampling, upright, capture) for capture in CAPTURES},
    }


def _rank1(resampling: Resampling, draws: Sequence[Identification], capture: Capture) -> Mapping[str, Values]:
    rates: dict[str, list[NDArray[np.float64]]] = {}
    types: dict[str, set[int]] = {}
    for outcome in draws:
        probes = [resampling.benchmark.instances[n] for n in outcome.probes]
        sets = np.array([i.set if i.capture == capture else "" for i in probes], dtype=np.str_)
        for name in sorted({str(s) for s in sets} - {""}):
            mask = sets == name
            positions = outcome.probes[mask]
            rates.setdefault(name, []).append(shares(outcome.correct[mask], resampling.of_probes(positions)))
            types.setdefault(name, set()).update(resampling.type_numbers(positions).tolist())
    by_set = {name: np.mean(values, axis=0) for name, values in sorted(rates.items())}
    told = any(len(members) > 1 for members in types.values())
    return {
        # A set of one type has nothing to resample: an interval of no width would be a lie.
        **{name: values if len(types[name]) > 1 else None for name, values in by_set.items()},
        # It is missing where it was not drawn, so that nobody's lead rests on a single type unnoticed.
        "mean": np.nanmean(list(by_set.values()), axis=0) if told else None,
    }


def _detection(
    resampling: Resampling, draws: Sequence[Identification], capture: Capture
) -> Mapping[str, Values]:
    rates = [detection_rates(*asked, targets=FPIR_TARGETS) for asked in _weighed(resampling, draws, capture)]
    names = [f"{target:g}" for target in FPIR_TARGETS]
    if not rates or not _can_vary(resampling, draws, capture):
        return dict.fromkeys(names)
    return dict(zip(names, np.mean(rates, axis=0).T, strict=True))


def _oscr(resampling: Resampling, draws: Sequence[Identification], capture: Capture) -> Values:
    if not _can_vary(resampling, draws, capture):
        return None
    values = [areas(*asked) for asked in _weighed(resampling, draws, capture)]
    return np.asarray(np.mean(values, axis=0))


def _weighed(
    resampling: Resampling, draws: Sequence[Identification], capture: Capture
) -> Iterator[tuple[NDArray[np.floating], NDArray[np.bool_], Weights, NDArray[np.floating], Weights]]:
    """Of each draw: best similarities, whether right, weights; those of strangers, their weights."""
    for outcome in draws:
        mask = of_capture(resampling.benchmark, outcome.probes, capture)
        yield (
            outcome.best[mask],
            outcome.correct[mask],
            resampling.of_probes(outcome.probes[mask]),
            outcome.strangers,
            resampling.of_strangers(outcome.asked_strangers),
        )


def _can_vary(resampling: Resampling, draws: Sequence[Identification], capture: Capture) -> bool:
    """Whether the probes of a capture are of more than one type, and there are strangers."""
    types = {
        number
        for outcome in draws
        for number in resampling.type_numbers(
            outcome.probes[of_capture(resampling.benchmark, outcome.probes, capture)]
        ).tolist()
    }
    return len(types) > 1 and all(len(outcome.strangers) for outcome in draws)


def _pairs(resampling: Resampling, vectors: NDArray[np.float32]) -> Replicates:
    members = {capture: pair_members(resampling.benchmark, capture) for capture in CAPTURES}
    counts = [len(chosen) for by_set in members.values() for chosen, _ in by_set.values()]
    if max(counts) * (max(counts) - 1) // 2 > MOST_PAIRS:
        return {}
    return {
        capture: {
            name: _pair_rates(vectors[chosen], resampling.type_numbers(chosen), resampling.type_votes())
            for name, (chosen, _) in by_set.items()
        }
        for capture, by_set in members.items()
    }


def _pair_rates(vectors: NDArray[np.float32], types: NDArray[np.intp], votes: Weights) -> Replicates:
    rows, columns = np.triu_indices(len(vectors), k=1)
    similarities = (vectors @ vectors.T)[rows, columns]
    same = types[rows] == types[columns]
    if not same.any() or same.all():
        return {"tpr": dict.fromkeys(PAIR_TARGETS), "auroc": None}
    both = np.stack([types[rows[~same]], types[columns[~same]]])
    tpr, auroc = pair_replicates(
        (similarities[same], types[rows[same]]),
        (similarities[~same], both),
        votes,
        list(PAIR_TARGETS.values()),
    )
    return {"tpr": dict(zip(PAIR_TARGETS, tpr.T, strict=True)), "auroc": auroc}


def _numbered(names: NDArray[np.str_]) -> NDArray[np.intp]:
    return np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.intp)


def _strata(names: NDArray[np.str_]) -> list[str]:
    """The set of each of the names `<set>/<rest>`, each name once, in the order of `_numbered`."""
    return [str(name).partition("/")[0] for name in np.unique(names)]
