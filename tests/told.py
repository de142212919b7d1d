"""Similarities of a benchmark as a test tells them: rules of evaluation are tested without a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from docdex.evaluation.protocol import Benchmark


def similarities(benchmark: Benchmark, **told: float) -> NDArray[np.float32]:
    """.9 within a type, .1 else, but for pairs told as `probe__sample`, each a type or a stranger's name."""
    kinds = benchmark.types()
    names = np.array([i.kind.split("/")[1] if i.kind else i.name.split("-")[0] for i in benchmark.instances])
    found = np.where(kinds[:, None] == kinds, 0.9, 0.1).astype(np.float32)
    for pair, value in told.items():
        probe, sample = pair.split("__")
        found[np.ix_(names == probe, names == sample)] = value
    return found
