"""Measure the table of thresholds that a model's passport shows to whoever has not calibrated."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from docdex.embedder import ROTATIONS, UPRIGHT
from docdex.errors import EmptySource
from docdex.evaluation.comparison import compare, embed_benchmark
from docdex.evaluation.metrics import threshold_at_fpr
from docdex.evaluation.protocol import DRAWS, Benchmark, identify
from docdex.models import Threshold

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from docdex.embedder import Embedder

FPR_PER_PROBE = (0.1, 0.03, 0.01, 0.003)
FPR_PER_PAIR = (1e-3, 1e-4, 1e-5)
_STEPS = 10_000
"""Thresholds are rounded up to four decimals: the one that is printed is the one that holds."""


def threshold_table(root: str | os.PathLike[str], embedder: Embedder, *, data: str) -> tuple[Threshold, ...]:
    """Thresholds of a model on a benchmark folder, for upright pages and for the best of four orientations.

    Per probe: the threshold that lets at most this share of all strangers through, with one sample of each
    type in the gallery; the mean over the protocol's draws. Per pair: over all pairs of a probe and a
    sample of different types, flat and stress, no strangers. data: what the table says it was measured on.

    Raises EmptySource for a folder without benchmark, without strangers, or with one type only.
    """
    benchmark = Benchmark.scan(Path(root))
    (vectors,) = embed_benchmark(benchmark, [embedder])
    tables = [
        _measure(benchmark, similarities, rotations, data)
        for rotations, similarities in zip((UPRIGHT, ROTATIONS), compare(vectors), strict=True)
    ]
    return tuple(row for table in tables for row in table)


def _measure(
    benchmark: Benchmark, similarities: NDArray[np.float32], rotations: tuple[int, ...], data: str
) -> list[Threshold]:
    draws = [identify(benchmark, number, similarities) for number in range(DRAWS)]
    labels, strangers = draws[0].types, len(draws[0].strangers)
    if not strangers or labels < 2:
        raise EmptySource(
            f"{data} has {labels} types and {strangers} strangers: a threshold needs both, and rivals."
        )
    rows = []
    for fpr in FPR_PER_PROBE:
        mean = np.mean([threshold_at_fpr(draw.strangers, fpr) for draw in draws])
        rows.append(Threshold(fpr, "probe", _round_up(float(mean)), rotations, labels, strangers, data))
    kinds = np.array([instance.kind or "" for instance in benchmark.instances])
    known = benchmark.indices()
    # Both orders of a pair: only the probe is turned.
    negatives = similarities[np.ix_(known, known)][kinds[known][:, None] != kinds[known]]
    for fpr in FPR_PER_PAIR:
        threshold = _round_up(threshold_at_fpr(negatives, fpr))
        rows.append(Threshold(fpr, "pair", threshold, rotations, None, None, data))
    return rows


def _round_up(threshold: float) -> float:
    return math.ceil(threshold * _STEPS) / _STEPS
