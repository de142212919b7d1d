"""Turn a trained network into figures: how the test's classes lie, and what could be done with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from docdex.study import measures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Labels = NDArray[np.int64]

Figures = dict[str, float | None]
"""By name; None where there was nothing to measure."""

PAIR_FPR = 1e-3
FPIR = 0.01
_DECIMALS = 6


def describe(vectors: Vectors, labels: Labels) -> dict[str, float]:
    """How classes lie, and whether a vector finds its own. vectors: (N, D) of the test; labels: (N,)."""
    return {
        "cohesion": _mean(measures.cohesion(vectors, labels)),
        "separation": _mean(measures.separation(vectors, labels)),
        "recall@1": measures.recall_at_1(vectors, labels),
        "map@r": measures.map_at_r(vectors, labels),
        "tpr@1e-3": float(measures.tpr_at_fpr(vectors, labels, (PAIR_FPR,))[0]),
    }


def describe_group(vectors: Vectors, labels: Labels, group: Labels, classes: int) -> dict[str, float]:
    """The published three measures of some classes, (G,): the smallest ones, or the one that was cut.

    cohesion within them (larger is better), and the similarity of their centroids to the other classes' and
    among themselves (smaller is better). NaN among themselves for a single one.
    """
    others = np.setdiff1d(np.arange(classes), group)
    within = np.full(classes, np.nan)
    found = measures.cohesion(vectors, labels)
    within[: len(found)] = found
    return {
        "group cohesion": _mean(within[group]),
        "group to others": _mean(measures.centroid_similarity(vectors, labels, group, others)),
        "group among itself": _mean(measures.centroid_similarity(vectors, labels, group, group)),
    }


def centroids(vectors: Vectors, labels: Labels, classes: int) -> Vectors:
    """The direction of each class's mean, (C, D) of unit length, or zeros for a class without vectors."""
    sums = np.zeros((classes, vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = np.divide(sums, lengths, out=sums, where=lengths > 0)
    return np.asarray(unit, dtype=np.float32)


def nearest(vectors: Vectors, centres: Vectors) -> Labels:
    """Class of the nearest centroid, (N,)."""
    return np.asarray((vectors @ centres.T).argmax(axis=1), dtype=np.int64)


def share_right(answers: Labels, labels: Labels, only: int | None = None) -> float:
    """Share of texts (N,) answered right; `only` those of one class. NaN without any."""
    asked = np.ones(len(labels), np.bool_) if only is None else labels == only
    return float((answers == labels)[asked].mean()) if asked.any() else float("nan")


def smallest_classes(labels: Labels, test: Labels, classes: int, count: int) -> Labels:
    """Of the classes with two texts or more to test, the `count` with the fewest to train, rising.

    A class of one test text has no cohesion that could be measured. Empty where that would be all there are.
    """
    sizes = np.bincount(labels, minlength=classes)
    asked = np.flatnonzero(np.bincount(test, minlength=classes) > 1)
    few = asked[np.argsort(sizes[asked], kind="stable")][:count]
    return few if count < len(asked) else np.empty(0, np.int64)


def known(figures: dict[str, float]) -> Figures:
    """What JSON can say: no NaN, and no more digits than some thousand texts have."""
    return {name: None if math.isnan(value) else round(value, _DECIMALS) for name, value in figures.items()}


def _mean(values: Iterable[float]) -> float:
    present = [value for value in values if not math.isnan(value)]
    return float(np.mean(present)) if present else float("nan")
