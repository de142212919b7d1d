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
from docdex.evaluation.protocol import DRAWS, Benchmark
from docdex.models import Threshold

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from docdex.embedder import Embedder

FPR_PER_PROBE = (0.1, 0.03, 0.01, 0.003)
GALLERY_SIZES = (10, 30)
"""Galleries measured beside the whole one: a small one needs a lower threshold for the same rate."""
_SUBSETS = 20
"""Random galleries of a size in each draw."""
FPR_PER_PAIR = (1e-3, 1e-4, 1e-5)
_STEPS = 10_000
"""Thresholds are rounded up to four decimals, never down."""


def threshold_table(root: str | os.PathLike[str], embedder: Embedder, *, data: str) -> tuple[Threshold, ...]:
    """Thresholds of a model on a benchmark folder, for upright pages and for the best of four orientations.

    Per probe: the threshold that lets at most this share of all strangers through, with one sample of each
    type in the gallery, or of 10 or 30 types picked at random; the mean over the protocol's draws, in some
    of which it lets a little more through, and in others less. Per
    pair: over all pairs of a probe and a sample of different types, flat and stress, no strangers. data: what
    the table says it was measured on.

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
    labels, strangers = len(benchmark.draw(0)[0]), len(benchmark.indices(strangers=True))
    if not strangers or labels < 2:
        raise EmptySource(
            f"{data} has {labels} types and {strangers} strangers: a threshold needs both, and rivals."
        )
    rows = []
    for size in [*(size for size in GALLERY_SIZES if size < labels), labels]:
        nearest = _strangers_by_gallery(benchmark, similarities, size)
        for fpr in FPR_PER_PROBE:
            mean = np.mean([threshold_at_fpr(best, fpr) for best in nearest])
            rows.append(Threshold(fpr, "probe", _round_up(float(mean)), rotations, size, strangers, data))
    kinds = np.array([instance.kind or "" for instance in benchmark.instances])
    known = benchmark.indices()
    # Both orders of a pair: only the probe is turned.
    negatives = similarities[np.ix_(known, known)][kinds[known][:, None] != kinds[known]]
    for fpr in FPR_PER_PAIR:
        threshold = _round_up(threshold_at_fpr(negatives, fpr))
        rows.append(Threshold(fpr, "pair", threshold, rotations, None, None, data))
    return rows


def _strangers_by_gallery(
    benchmark: Benchmark, similarities: NDArray[np.float32], size: int
) -> list[NDArray[np.float32]]:
    """Strangers' best similarities, (S,) for each gallery of `size` labels: the draws, or random parts."""
    strangers = benchmark.indices(strangers=True)
    rng = np.random.default_rng(size)
    nearest = []
    for number in range(DRAWS):
        gallery, _ = benchmark.draw(number)
        against = similarities[np.ix_(strangers, gallery)]
        parts = (
            [rng.permutation(len(gallery))[:size] for _ in range(_SUBSETS)] if size < len(gallery) else [...]
        )
        nearest += [against[:, part].max(axis=1) for part in parts]
    return nearest


def _round_up(threshold: float) -> float:
    return math.ceil(threshold * _STEPS) / _STEPS
