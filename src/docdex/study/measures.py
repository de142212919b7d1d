"""Measure what an embedding is good for, on arrays: how classes lie, and whether vectors find their own.

Vectors are (N, D) float32 of unit length, or of zeros, which are like nothing (a text without a known word).
Labels are (N,) int64 class numbers in 0..C-1, where C is one more than the highest there is. What cannot be
measured is NaN, never 0. Similarities are cosines, to six decimals; where the right class and a wrong one are
then equally near, the wrong one counts as nearer: an embedding that has collapsed into a point finds nothing,
and the order of the rows changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import InvalidSetting
from docdex.evaluation.metrics import allowed_of, auroc, detection_and_identification_rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Labels = NDArray[np.int64]

FPIR_TARGETS = (0.1, 0.01)

_AT_ONCE = 1 << 24
"""Similarities held at the same time: 64 MB, a few times over while they are sorted."""
_ROWS_AT_ONCE = 1 << 15
_DECIMALS = 6
"""Finer than this, float32 products of the same two vectors differ by where in a matrix they stand."""
_UNIT = 1e-3


def cohesion(vectors: Vectors, labels: Labels) -> NDArray[np.float64]:
    """Mean cosine of all pairs within each class, (C,), larger is tighter; NaN below two vectors.

    A vector's cosine with itself is no pair. By itself cohesion rewards collapse: vectors that are all equal
    reach 1, the most there is. Read it beside `separation`. Exact whatever N is: all pairs of a class add up
    to the square of its vectors' sum, less what each is with itself.
    """
    sums = _sum_up(vectors, labels)
    pairs = sums.counts * (sums.counts - 1)
    return _divide((sums.vectors**2).sum(axis=1) - sums.squares, pairs)


def separation(vectors: Vectors, labels: Labels) -> NDArray[np.float64]:
    """By how much the mean cosine within each class is above that of its vectors to all others', (C,).

    -2 to 2; 0 for vectors that do not know of their classes, be they spread out or collapsed: what cohesion
    cannot tell. NaN for a class below two vectors, and where there is no other class.
    """
    sums = _sum_up(vectors, labels)
    outside = sums.vectors.sum(axis=0) - sums.vectors
    pairs = sums.counts * (len(vectors) - sums.counts)
    return cohesion(vectors, labels) - _divide((sums.vectors * outside).sum(axis=1), pairs)


def centroid_similarity(
    vectors: Vectors, labels: Labels, group: Labels, others: Labels
) -> NDArray[np.float64]:
    """Mean cosine of each class's centroid to those of other classes, (G,); smaller is better apart.

    group: (G,) class numbers. others: (O,) those they are compared with: the classes outside the group, or
    the group itself. No class is compared with itself. One without vectors is left out of `others`, and NaN
    in `group`.
    """
    sums = _sum_up(vectors, labels, classes=1 + max((*group, *others), default=-1))
    lengths = np.linalg.norm(sums.vectors, axis=1, keepdims=True)
    # A class whose vectors cancel out has no direction: like nothing.
    centroids = np.divide(sums.vectors, lengths, out=np.zeros_like(sums.vectors), where=lengths > 0)
    compared = (np.not_equal.outer(group, others) & (sums.counts[others] > 0)).astype(np.float64)
    compared[sums.counts[group] == 0] = 0
    cosines = centroids[group] @ centroids[others].T
    return _divide((cosines * compared).sum(axis=1), compared.sum(axis=1))


def recall_at_1(vectors: Vectors, labels: Labels) -> float:
    """Share of vectors whose nearest other vector has their class; NaN if no class has two.

    A vector that is the only one of its class has nothing to find and does not count.
    """
    hits = [np.max(within, axis=1) > _highest(others) for within, others in _neighbours(vectors, labels)]
    return float(np.mean(np.concatenate(hits))) if hits else float("nan")


def map_at_r(vectors: Vectors, labels: Labels) -> float:
    """Mean average precision at R (arXiv 2003.08505), 0 to 1; NaN if no class has two vectors.

    For a vector with R others of its class, of its R nearest: the precision at each place that holds one of
    its class, summed over these places, by R. It rewards a class that is complete before others begin, which
    recall@1 does not see. Who counts: as in `recall_at_1`.
    """
    precisions: list[float] = []
    for within, others in _neighbours(vectors, labels):
        relevant = within.shape[1]
        places = np.arange(1, relevant + 1)
        for own, rest in zip(-np.sort(-within, axis=1), np.sort(others, axis=1), strict=True):
            # The n-th of its class stands behind n - 1 of its class and all others that are as near.
            ranks = places + len(rest) - np.searchsorted(rest, own, side="left")
            precisions.append(float((places / ranks)[ranks <= relevant].sum()) / relevant)
    return float(np.mean(precisions)) if precisions else float("nan")


def tpr_at_fpr(vectors: Vectors, labels: Labels, targets: Sequence[float]) -> NDArray[np.float64]:
    """Share of all pairs of one class above the threshold that few pairs of two classes reach, (T,).

    targets: (T,) false-positive rates, per pair; the threshold is that of `docdex.evaluation.metrics`. NaN
    without pairs of either kind. Exact for any N: of the negatives, only those are kept that a target allows.
    Raises InvalidSetting for a target outside 0 to 1.
    """
    _check(vectors, labels)
    sizes = np.bincount(labels)
    positives = int((sizes * (sizes - 1)).sum()) // 2
    negatives = (len(labels) ** 2 - int((sizes**2).sum())) // 2
    allowed = [allowed_of(negatives, target) for target in targets]
    if not positives or not negatives:
        return np.full(len(targets), np.nan)
    hardest = _hardest_negatives(vectors, labels, min(max(allowed, default=0) + 1, negatives))
    refused = [hardest[count] if count < negatives else -np.inf for count in allowed]
    accepted = np.zeros(len(targets), dtype=np.int64)
    for within, _ in _neighbours(vectors, labels, others=False):
        accepted += [int((within > value).sum()) for value in refused]
    return accepted / (2 * positives)  # each pair was met from both of its ends


def one_shot_identification(
    vectors: Vectors, labels: Labels, samples: int, draws: int, seed: int
) -> NDArray[np.float64]:
    """Share of vectors whose class has the nearest registered sample, (draws,): one gallery a draw.

    samples: how many of each class are registered, by chance; its other vectors ask. A class that has no more
    is registered with all it has, and only stands in the way of others. A class is as near as its nearest
    sample. For classes that training has not seen, this is what docdex promises of a new type. NaN where
    nothing asks. Raises InvalidSetting for less than one sample or draw.
    """
    _check(vectors, labels)
    if samples < 1 or draws < 1:
        raise InvalidSetting(f"{samples} samples and {draws} draws: at least one of each is asked.")
    rng = np.random.default_rng(seed)
    rates = np.full(draws, np.nan)
    for draw in range(draws):
        registered = _draw(labels, samples, rng)
        known = vectors[registered], labels[registered]
        _, correct = _identify(*known, vectors[~registered], labels[~registered])
        if len(correct):
            rates[draw] = correct.mean()
    return rates


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """How well questions of known classes are told from those of none.

    identified: share of probes whose nearest sample has their class. auroc: probability that a probe, right
    or not, is nearer to its nearest sample than a stranger. dir: by FPIR, as `0.01`, the share of probes that
    are right and above the threshold which lets at most this share of strangers through.
    """

    identified: float
    auroc: float
    dir: dict[str, float]


def out_of_scope_detection(
    gallery: tuple[Vectors, Labels],
    probes: tuple[Vectors, Labels],
    strangers: Vectors,
    targets: Sequence[float] = FPIR_TARGETS,
) -> OutOfScope:
    """Identify probes against a gallery in which others have nothing to find.

    gallery: samples (M, D), or one centroid a class, and their labels (M,). probes: (P, D) and (P,).
    strangers: (S, D), of no class. targets: FPIR. NaN without probes or without strangers. Raises
    InvalidSetting for an empty gallery.
    """
    for vectors, labels in (gallery, probes, (strangers, np.zeros(len(strangers), dtype=np.int64))):
        _check(vectors, labels)
    if not len(gallery[0]):
        raise InvalidSetting("A gallery without samples has nothing to find.")
    best, correct = _identify(*gallery, *probes)
    strange, _ = _identify(*gallery, strangers, np.full(len(strangers), -1))
    return OutOfScope(
        identified=float(correct.mean()) if len(correct) else float("nan"),
        auroc=auroc(best, strange),
        dir={
            f"{target:g}": detection_and_identification_rate(best, correct, strange, target)
            for target in targets
        },
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Of each class. vectors: (C, D), added up. squares: (C,), of their lengths, added up. counts: (C,)."""

    vectors: NDArray[np.float64]
    squares: NDArray[np.float64]
    counts: NDArray[np.int64]


def _sum_up(vectors: Vectors, labels: Labels, classes: int = 0) -> _Sums:
    """Of all classes there are, or of so many if that is more."""
    _check(vectors, labels)
    counts = np.bincount(labels, minlength=classes)
    sums, squares = np.zeros((len(counts), vectors.shape[1])), np.zeros(len(counts))
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        of = labels[start : start + _ROWS_AT_ONCE]
        order = np.argsort(of, kind="stable")
        rows = vectors[start : start + _ROWS_AT_ONCE][order].astype(np.float64)
        present, starts = np.unique(of[order], return_index=True)
        sums[present] += np.add.reduceat(rows, starts, axis=0)
        squares[present] += np.add.reduceat((rows**2).sum(axis=1), starts)
    return _Sums(sums, squares, counts)


def _neighbours(
    vectors: Vectors, labels: Labels, *, others: bool = True
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Of each class of n > 1, q vectors at a time: cosines to its others (q, n - 1) and the rest (q, N - n).

    others: without it the rest is left out, (q, 0).
    """
    _check(vectors, labels)
    rows_at_once = max(1, _AT_ONCE // max(1, len(vectors)))
    for number in np.flatnonzero(np.bincount(labels) > 1):
        inside = labels == number
        own, rest = vectors[inside], vectors[~inside] if others else vectors[:0]
        for start in range(0, len(own), rows_at_once):
            asking = own[start : start + rows_at_once]
            cosines = _cosines(asking, own)
            itself = np.eye(len(asking), len(own), k=start, dtype=np.bool_)
            yield cosines[~itself].reshape(len(asking), -1), _cosines(asking, rest)


def _hardest_negatives(vectors: Vectors, labels: Labels, count: int) -> NDArray[np.float32]:
    """The so many highest cosines of pairs of two classes, falling."""
    kept = np.empty(0, dtype=np.float32)
    rows_at_once = max(1, _AT_ONCE // len(vectors))
    for start in range(0, len(vectors), rows_at_once):
        rows = slice(start, start + rows_at_once)
        cosines = _cosines(vectors[rows], vectors[start:])
        counted = np.tri(*cosines.shape, dtype=np.bool_)  # with itself, or from the other end
        negatives = cosines[~counted & np.not_equal.outer(labels[rows], labels[start:])]
        if len(kept) == count:  # most need not be sorted in
            negatives = negatives[negatives > kept.min()]
        kept = np.concatenate([kept, negatives])
        if len(kept) > count:
            kept = np.partition(kept, len(kept) - count)[-count:]
    return np.sort(kept)[::-1]


def _draw(labels: Labels, samples: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which (N,) are registered: of each class so many, by chance."""
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts, sizes = np.unique(labels[by_class], return_index=True, return_counts=True)
    registered = np.zeros(len(labels), dtype=np.bool_)
    registered[by_class] = np.arange(len(labels)) - np.repeat(starts, sizes) < samples
    return registered


def _identify(
    samples: Vectors, sample_labels: Labels, probes: Vectors, labels: Labels
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cosine of each probe's nearest sample (P,), and whether it has the probe's class (P,)."""
    best, correct = np.empty(len(probes), dtype=np.float32), np.zeros(len(probes), dtype=np.bool_)
    rows_at_once = max(1, _AT_ONCE // max(1, len(samples)))
    for start in range(0, len(probes), rows_at_once):
        rows = slice(start, start + rows_at_once)
        cosines = _cosines(probes[rows], samples)
        own = np.equal.outer(labels[rows], sample_labels)
        right, wrong = (_highest(np.where(which, cosines, -np.inf)) for which in (own, ~own))
        best[rows], correct[rows] = np.maximum(right, wrong), right > wrong
    return best, correct


def _cosines(one: Vectors, other: Vectors) -> NDArray[np.float32]:
    return np.asarray(np.round(one @ other.T, _DECIMALS))


def _highest(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highest of each row, -inf where there is none."""
    return np.asarray(cosines.max(axis=1, initial=-np.inf))


def _divide(part: NDArray[np.float64], whole: NDArray[np.number]) -> NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def _check(vectors: Vectors, labels: Labels) -> None:
    if vectors.ndim != 2 or labels.shape != vectors.shape[:1]:
        raise InvalidSetting(
            f"Vectors of shape {vectors.shape} with labels of shape {labels.shape}: asked are (N, D), (N,)."
        )
    if (labels < 0).any():
        raise InvalidSetting(f"Label {labels.min()}: classes are numbered from 0.")
    lengths = np.linalg.norm(vectors, axis=1)
    # Written so that NaN is caught too.
    off = np.flatnonzero(~((np.abs(lengths - 1) < _UNIT) | (lengths == 0)))
    if len(off):
        raise InvalidSetting(f"Vector {off[0]} has a length of {lengths[off[0]]:g}: 1 is asked, or 0.")
