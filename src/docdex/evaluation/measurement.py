"""Turn what a recogniser answered into all figures of one result, and keep what pictures are drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from docdex.embedder import ROTATIONS
from docdex.evaluation.intervals import bounds_of
from docdex.evaluation.pairs import PairCounts, PairRates, pair_blocks, verify
from docdex.evaluation.protocol import (
    CAPTURES,
    DRAWS,
    FPIR_TARGETS,
    PAIR_TARGETS,
    Identification,
    dir_table,
    identify_rows,
    mean_oscr_area,
    pair_members,
    rank1_table,
    search_cost_table,
)
from docdex.evaluation.replicates import measure_replicates
from docdex.evaluation.results import PairResult, PeerResult, Rates, TurnedResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from docdex.evaluation.protocol import Capture
    from docdex.evaluation.replicates import Replicates, Resampling
    from docdex.evaluation.results import TrainingCost

_DECIMALS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """One peer's result, and the evidence behind it.

    replicates: its figures on other selections of types. draws: upright identification. pairs: similarities
    of all pairs, by capture; empty for a peer that has no vectors. vectors: (N, D) of all upright pictures,
    if there are any.
    """

    result: PeerResult
    replicates: Replicates
    draws: tuple[Identification, ...]
    pairs: dict[Capture, PairCounts]
    vectors: NDArray[np.float32] | None


def measure_vectors(
    resampling: Resampling, name: str, vectors: NDArray[np.float32], cost: TrainingCost | None = None
) -> Measurement:
    """All figures of a peer by its vectors (N, 4, D) of unit length or zero, in the order of the benchmark.

    A page turned by a quarter has the same four orientations as an upright one: what search finds does not
    depend on how a page lies, and one table serves all turns. cost: for the record.
    """
    benchmark = resampling.benchmark
    rows = np.arange(len(vectors))
    by_turn: list[list[Identification]] = [[] for _ in ROTATIONS]
    searched = []
    for number in range(DRAWS):
        gallery = vectors[benchmark.draw(number)[0], 0].T
        best = np.full((len(rows), gallery.shape[1]), -np.inf, dtype=np.float32)
        for turn, draws in enumerate(by_turn):
            against = vectors[:, turn] @ gallery
            draws.append(identify_rows(benchmark, number, rows, against))
            np.maximum(best, against, out=best)
        searched.append(identify_rows(benchmark, number, rows, best))
    upright = by_turn[0]
    pairs: dict[Capture, dict[str, PairResult]] = {}
    counts: dict[Capture, PairCounts] = {}
    for capture in CAPTURES:
        pairs[capture] = {}
        for of, (chosen, codes) in pair_members(benchmark, capture).items():
            rates, counted = verify(partial(pair_blocks, vectors[chosen, 0], codes), PAIR_TARGETS)
            pairs[capture][of] = _pair_result(rates)
            if of == "all":
                counts[capture] = counted
    replicates = measure_replicates(resampling, upright, searched, vectors[:, 0])
    result = PeerResult(
        peer=name,
        types=upright[0].types,
        strangers=len(upright[0].strangers),
        rank1={capture: _rates(rank1_table(benchmark, upright, capture)) for capture in CAPTURES},
        dir={capture: _rates(dir_table(benchmark, upright, capture)) for capture in CAPTURES},
        pairs=pairs,
        turned=TurnedResult(
            rank1=_rates(rank1_table(benchmark, searched, "stress")),
            dir=_rates(dir_table(benchmark, searched, "stress")),
            fpir_at_upright_threshold=_rates(search_cost_table(upright, searched)),
        ),
        oscr={capture: _rate(mean_oscr_area(benchmark, upright, capture)) for capture in CAPTURES},
        unsearched={
            str(degrees): {
                capture: _rate(rank1_table(benchmark, draws, capture)["mean"]) for capture in CAPTURES
            }
            for degrees, draws in zip(ROTATIONS, by_turn, strict=True)
        },
        draws=DRAWS,
        intervals=bounds_of(replicates),
        cost=cost,
    )
    return Measurement(result, replicates, tuple(upright), counts, vectors[:, 0])


def measure_matches(
    resampling: Resampling, name: str, rows: NDArray[np.intp], against: NDArray[np.floating], *, every: int
) -> Measurement:
    """What can be told of a peer that only compares, on the first draw and a share of its probes.

    rows: (M,) positions asked about, rising; against: (M, T) scores with the draw's samples. No pairs but
    those of a probe and a sample are known, and nothing was turned: such figures are None.
    """
    benchmark = resampling.benchmark
    draws = [identify_rows(benchmark, 0, rows, against)]
    replicates = measure_replicates(resampling, draws, (), None)
    nothing: Rates = {f"{target:g}": None for target in FPIR_TARGETS}
    result = PeerResult(
        peer=name,
        types=draws[0].types,
        strangers=len(draws[0].strangers),
        rank1={capture: _rates(rank1_table(benchmark, draws, capture)) for capture in CAPTURES},
        dir={capture: _rates(dir_table(benchmark, draws, capture)) for capture in CAPTURES},
        pairs={capture: {"all": PairResult(dict.fromkeys(PAIR_TARGETS), None)} for capture in CAPTURES},
        turned=TurnedResult(rank1={"mean": None}, dir=nothing, fpir_at_upright_threshold=nothing),
        oscr={capture: _rate(mean_oscr_area(benchmark, draws, capture)) for capture in CAPTURES},
        draws=1,
        every=every,
        intervals=bounds_of(replicates),
    )
    return Measurement(result, replicates, tuple(draws), {}, None)


def _pair_result(rates: PairRates) -> PairResult:
    return PairResult(tpr=_rates(rates.tpr), auroc=_rate(rates.auroc))


def _rates(rates: Mapping[str, float]) -> Rates:
    return {name: _rate(rate) for name, rate in rates.items()}


def _rate(rate: float) -> float | None:
    """What JSON can say: no NaN, and no more digits than a benchmark of some hundred pages has."""
    return None if math.isnan(rate) else round(rate, _DECIMALS)
