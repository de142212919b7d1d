"""Say how far a figure may be off because other types could have been asked about.

Pages of one type resemble each other: a benchmark of a thousand pages of a hundred types knows hardly more
than a hundred things. Resampling pages or pairs would claim more; here *types* are resampled, within their
set, and strangers by the page that their copies show. It is the percentile bootstrap (Efron, 1979): a
replicate gives every type a whole number of votes, and a figure is measured again with those votes as
weights. The gallery stays whole, because one that lacks types asks easier questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.evaluation.metrics import allowed_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Weights = NDArray[np.int64]
    """(R, N): how often each of N items counts in each of R replicates."""

REPLICATES = 1000
CONFIDENCE = 0.95

_WEIGHTS_AT_ONCE = 1 << 22
"""Weights made at the same time: 32 MB, a few times over while they are summed."""


def resample(strata: Sequence[str] | NDArray[np.str_], seed: int, replicates: int = REPLICATES) -> Weights:
    """Votes (R, G) of G groups in each replicate, drawn within each stratum: as many as it has groups.

    A stratum of one group does not tell how much another would differ from it. Counted once in every
    replicate it would pass for certain; it counts as often as one of many does instead (Poisson, mean 1),
    in 37 % of the replicates not at all.

    strata: (G,) the stratum of each group.
    """
    rng = np.random.default_rng(seed)
    names = np.asarray(strata)
    votes = np.zeros((replicates, len(names)), dtype=np.int64)
    strata_members = [np.flatnonzero(names == name) for name in np.unique(names)]
    for members in (members for members in strata_members if len(members) > 1):
        equal = np.full(len(members), 1 / len(members))
        votes[:, members] = rng.multinomial(len(members), equal, size=replicates)
    lonely = [int(members[0]) for members in strata_members if len(members) == 1]
    votes[:, lonely] = rng.poisson(1.0, size=(replicates, len(lonely)))
    return votes


def interval(values: NDArray[np.floating]) -> tuple[float, float] | None:
    """Bounds within which the middle 95 % of replicates (R,) lie.

    Replicates that could not be measured are NaN; None when they are more than half. Where nothing ever went
    wrong all replicates are equal: then the rule of three (3 in n types) says more than the interval.
    """
    measured = values[~np.isnan(values)]
    if not len(measured) or 2 * len(measured) < len(values):
        return None
    low, high = np.quantile(measured, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def shares(hits: NDArray[np.bool_], weights: Weights) -> NDArray[np.float64]:
    """Share of hits (N,) in each replicate: (R,); NaN where nothing counts. weights: (R, N)."""
    return _divide(weights @ hits.astype(np.int64), weights.sum(axis=1))


def detection_rates(
    values: NDArray[np.floating],
    hits: NDArray[np.bool_],
    weights: Weights,
    refused: NDArray[np.floating],
    refused_weights: Weights,
    *,
    targets: Sequence[float],
) -> NDArray[np.float64]:
    """Share that is a hit *and* above the threshold of each replicate: (R, T).

    The DIR with probes as values and strangers as refused, the TPR with pairs of one type, all of them hits,
    and pairs of two. values, hits: (P,); weights: (R, P). refused: (N,); refused_weights: (R, N). targets:
    (T,) false-positive rates; the threshold of a replicate follows the exact rule of `threshold_at_fpr`, as
    if every item were there as often as it counts. NaN where nothing counts.
    """
    order = np.argsort(-refused)
    refused_sums = np.take(refused_weights, order, axis=1).cumsum(axis=1)
    best_first = np.argsort(-values)
    hit_sums = _sums(np.take(weights, best_first, axis=1) * hits[best_first])
    # Values above the n-th refused one; all of them above the one after the last.
    above = np.append(np.searchsorted(-values[best_first], -refused[order], side="left"), len(values))
    totals, asked = refused_weights.sum(axis=1), weights.sum(axis=1)
    rates = np.full((len(weights), len(targets)), np.nan)
    for replicate in np.flatnonzero((totals > 0) & (asked > 0)):
        allowed = [allowed_of(int(totals[replicate]), target) for target in targets]
        first_refused = np.searchsorted(refused_sums[replicate], allowed, side="right")
        rates[replicate] = hit_sums[replicate, above[first_refused]] / asked[replicate]
    return rates


def areas(
    values: NDArray[np.floating],
    hits: NDArray[np.bool_],
    weights: Weights,
    refused: NDArray[np.floating],
    refused_weights: Weights,
) -> NDArray[np.float64]:
    """Chance that a value is a hit and above a refused one, ties half, in each replicate: (R,).

    The OSCR area with probes and strangers, the AUROC with pairs. Arguments as in `detection_rates`.
    """
    order = np.argsort(refused)
    sums = _sums(np.take(refused_weights, order, axis=1))
    below = sums[:, np.searchsorted(refused[order], values, side="left")]
    not_above = sums[:, np.searchsorted(refused[order], values, side="right")]
    won = ((below + not_above) * (weights * hits)).sum(axis=1)
    return _divide(won, 2 * weights.sum(axis=1) * sums[:, -1])


def pair_replicates(
    same: tuple[NDArray[np.floating], NDArray[np.intp]],
    different: tuple[NDArray[np.floating], NDArray[np.intp]],
    votes: Weights,
    targets: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """TPR (R, T) and AUROC (R,) over pairs. votes: (R, G) of the types.

    same: similarities (P,) of pairs of one type, and that type (P,); each counts as often as its type.
    different: (N,), and both types (2, N); each counts as often as the product says.
    """
    tpr, auroc = [], []
    hits = np.ones(len(same[0]), dtype=np.bool_)
    for chunk in _chunks(votes, max(len(same[0]), len(different[0]))):
        # Not chunk[:, ...], which lies in memory by column: sums along its rows take thrice as long.
        weights = np.take(chunk, same[1], axis=1)
        refused_weights = np.take(chunk, different[1][0], axis=1)
        refused_weights *= np.take(chunk, different[1][1], axis=1)
        tpr.append(detection_rates(same[0], hits, weights, different[0], refused_weights, targets=targets))
        auroc.append(areas(same[0], hits, weights, different[0], refused_weights))
    return np.concatenate(tpr), np.concatenate(auroc)


def _chunks(votes: Weights, items: int) -> Iterator[Weights]:
    at_once = max(1, _WEIGHTS_AT_ONCE // max(1, items))
    return (votes[start : start + at_once] for start in range(0, len(votes), at_once))


def _sums(weights: Weights) -> Weights:
    """Weights (R, N) of the first n of N items: (R, N + 1)."""
    sums = np.zeros((len(weights), weights.shape[1] + 1), dtype=np.int64)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def _divide(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))
