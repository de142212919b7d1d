"""Measure verification and open-set identification on arrays, so that every figure has one exact definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def threshold_at_fpr(negatives: NDArray[np.floating], target: float) -> float:
    """Lowest threshold at which at most a share `target` of the negatives is accepted.

    Accepted means *at or above* the threshold, so the threshold lies just above the first negative that must stay out;
    ties stay out together. This is the largest accepted set whose FPR does not exceed the target.

    negatives: (N,) similarities of pairs or probes that should be refused. Returns -inf when all may pass.
    """
    allowed = int(np.floor(target * len(negatives) + 1e-9))
    if allowed >= len(negatives):
        return float("-inf")
    # The (allowed + 1)-th largest is the first that must be refused.
    split = len(negatives) - allowed - 1
    first_refused = np.partition(negatives, split)[split]
    return float(np.nextafter(first_refused, np.asarray(np.inf, dtype=negatives.dtype)))


def tpr_at_fpr(positives: NDArray[np.floating], negatives: NDArray[np.floating], target: float) -> float:
    """Share of positives accepted at the threshold of `threshold_at_fpr`. Both (N,); NaN without positives."""
    if not len(positives):
        return float("nan")
    return float(np.mean(positives >= threshold_at_fpr(negatives, target)))


def auroc(positives: NDArray[np.floating], negatives: NDArray[np.floating]) -> float:
    """Probability that a random positive is above a random negative, ties counted half (Mann-Whitney U)."""
    if not len(positives) or not len(negatives):
        return float("nan")
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side="left")
    not_above = np.searchsorted(ordered, positives, side="right")
    return float((below + not_above).mean() / (2 * len(negatives)))


def pair_scores(
    similarities: NDArray[np.floating], types: Sequence[int] | NDArray[np.integer]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Similarities of all same-type and all different-type pairs, every pair once.

    similarities: (N, N), symmetric; types: (N,). Returns positives (P,), negatives (Q,), P + Q = N (N - 1) / 2.
    """
    rows, columns = np.triu_indices(len(types), k=1)
    labels = np.asarray(types)
    same = labels[rows] == labels[columns]
    values = similarities[rows, columns]
    return values[same], values[~same]


def detection_and_identification_rate(
    best: NDArray[np.floating], correct: NDArray[np.bool_], strangers: NDArray[np.floating], target: float
) -> float:
    """DIR at FPIR `target`: share of probes whose nearest sample is right *and* above the strangers' threshold.

    best: (P,) similarity of each probe's nearest sample; correct: (P,) whether it has the probe's type;
    strangers: (S,) similarity of each stranger's nearest sample. The threshold lets at most a share `target` through.
    """
    return float(np.mean(correct & (best >= threshold_at_fpr(strangers, target))))
