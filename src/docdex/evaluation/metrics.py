"""Measure verification and open-set identification on arrays, so that every figure has one exact definition.

A figure that cannot be measured (no positives, no negatives) is NaN, never 0 and never 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SLACK = 1e-9
"""0.07 * 100 is a little below 7 in binary: a share that allows a whole number allows it."""


def allowed_of(negatives: int, target: float) -> int:
    """How many of that many negatives may be accepted at a false-positive rate.

    Raises InvalidSetting for a target outside 0 to 1.
    """
    if not 0 <= target <= 1:
        raise InvalidSetting(f"A false-positive rate of {target:g} is not between 0 and 1.")
    return int(np.floor(target * negatives + _SLACK))


def threshold_at_fpr(negatives: NDArray[np.floating], target: float) -> float:
    """Lowest threshold at which at most a share `target` of the negatives is accepted.

    Accepted means *at or above* the threshold, so it lies just above the first negative that must stay out;
    ties stay out together. This accepts the largest set whose FPR does not exceed the target.

    negatives: (N,) similarities of pairs or probes that should be refused; "just above" is by their
    precision. Returns -inf when all may pass. Raises InvalidSetting for a target outside 0 to 1 or a
    similarity that is not finite.
    """
    allowed = allowed_of(len(negatives), target)
    _check_finite(negatives)
    if allowed >= len(negatives):
        return float("-inf")
    # The (allowed + 1)-th largest is the first that must be refused.
    split = len(negatives) - allowed - 1
    first_refused = np.partition(negatives, split)[split]
    return float(np.nextafter(first_refused, np.asarray(np.inf, dtype=negatives.dtype)))


def tpr_at_fpr(positives: NDArray[np.floating], negatives: NDArray[np.floating], target: float) -> float:
    """Share of positives (P,) accepted at the threshold of negatives (N,); NaN if either is empty."""
    threshold = threshold_at_fpr(negatives, target)
    _check_finite(positives)
    if not len(positives) or not len(negatives):
        return float("nan")
    return float(np.mean(_accepted(positives, threshold)))


def auroc(positives: NDArray[np.floating], negatives: NDArray[np.floating]) -> float:
    """Probability that a random positive is above a random negative, ties counted half (Mann-Whitney U).

    positives: (P,), negatives: (N,); NaN if either is empty. Raises InvalidSetting for what is not finite.
    """
    _check_finite(positives)
    _check_finite(negatives)
    if not len(positives) or not len(negatives):
        return float("nan")
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side="left")
    not_above = np.searchsorted(ordered, positives, side="right")
    return float((below + not_above).mean() / (2 * len(negatives)))


def pair_scores(
    similarities: NDArray[np.floating], types: Sequence[int] | NDArray[np.integer]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Similarities of all same-type and all different-type pairs, every pair once and nothing with itself.

    similarities: (N, N), symmetric; types: (N,). Returns positives (P,), negatives (Q,), P + Q = N (N - 1)
    / 2.
    """
    rows, columns = np.triu_indices(len(types), k=1)
    labels = np.asarray(types)
    same = labels[rows] == labels[columns]
    values = similarities[rows, columns]
    return values[same], values[~same]


def false_positive_rate(strangers: NDArray[np.floating], threshold: float) -> float:
    """Share of strangers (S,) that are accepted at a threshold; NaN without strangers."""
    _check_finite(strangers)
    return float(np.mean(_accepted(strangers, threshold))) if len(strangers) else float("nan")


def detection_and_identification_rate(
    best: NDArray[np.floating], correct: NDArray[np.bool_], strangers: NDArray[np.floating], target: float
) -> float:
    """DIR at FPIR `target`: share of probes whose nearest sample is right *and* above the threshold.

    best: (P,) similarity of each probe's nearest sample; correct: (P,) whether it has the probe's type;
    strangers: (S,) similarity of each stranger's nearest sample. The threshold lets at most a share
    `target` of them through. NaN without probes or without strangers.
    """
    threshold = threshold_at_fpr(strangers, target)
    _check_finite(best)
    if not len(best) or not len(strangers):
        return float("nan")
    return float(np.mean(correct & _accepted(best, threshold)))


def oscr_curve(
    best: NDArray[np.floating], correct: NDArray[np.bool_], strangers: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Open-set classification rate (Dhamija et al., arXiv 1811.04110): FPIR (K,) and DIR (K,), both rising.

    One point a threshold that tells: above everything, then at each similarity that occurs, highest first.
    The last has FPIR 1 and as DIR the rank-1 rate. Arguments as in `detection_and_identification_rate`;
    without probes or without strangers there is no curve: two empty arrays.
    """
    _check_finite(best)
    _check_finite(strangers)
    if not len(best) or not len(strangers):
        return np.empty(0), np.empty(0)
    # Negated, because searchsorted wants what rises.
    thresholds = -np.unique(np.concatenate([best, strangers]))[::-1]
    found = np.searchsorted(np.sort(-best[correct]), thresholds, side="right") / len(best)
    taken = np.searchsorted(np.sort(-strangers), thresholds, side="right") / len(strangers)
    return np.concatenate([[0.0], taken]), np.concatenate([[0.0], found])


def oscr_area(
    best: NDArray[np.floating], correct: NDArray[np.bool_], strangers: NDArray[np.floating]
) -> float:
    """Area below `oscr_curve` by straight lines, 0 to 1; NaN without probes or without strangers.

    It is the probability that a random probe is answered right and above a random stranger, ties counted
    half: at most the rank-1 rate, and equal to it when no stranger comes near.
    """
    _check_finite(best)
    _check_finite(strangers)
    if not len(best) or not len(strangers):
        return float("nan")
    share = float(np.mean(correct))
    return share * auroc(best[correct], strangers) if share else 0.0


def _accepted(similarities: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    # In float64: rounded to float32, a float64 threshold could fall onto the negative that it must refuse.
    return np.asarray(similarities.astype(np.float64) >= threshold)


def _check_finite(similarities: NDArray[np.floating]) -> None:
    # NaN sorts above everything: it would silently move every threshold.
    if not np.isfinite(similarities).all():
        raise InvalidSetting("A similarity to measure with is not a finite number.")
