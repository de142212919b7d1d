"""Measure verification over all pairs in memory that does not grow with their number.

Twenty thousand pages make 200 million pairs: too many to keep, but not too many to count twice. The first
pass counts similarities by the upper half of their bits, the second those few by the lower half among which a
threshold lies. So thresholds are exact, and ties are ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import InvalidSetting
from docdex.evaluation.metrics import allowed_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Pairs = tuple[NDArray[np.float32], NDArray[np.float32]]
    """Similarities of some pairs of one type, and of some of two types."""

BINS = 1 << 20
"""Equal parts of -1 to 1 by which pairs are counted for AUROC and for curves; each is 2e-6 wide."""

_PAGES_AT_ONCE = 1024
"""A block of the similarity matrix has this many rows and columns: 4 MB."""

_HALF = 1 << 16


@dataclass(frozen=True, slots=True)
class PairRates:
    """Verification over pairs: TPR by per-pair FPR, and AUROC; NaN where there is nothing to tell."""

    tpr: dict[str, float]
    auroc: float


@dataclass(frozen=True, slots=True, eq=False)
class PairCounts:
    """How many pairs have which similarity: (B,) int64 each, from -1 to 1, of one type and of two."""

    same: NDArray[np.int64]
    different: NDArray[np.int64]

    @classmethod
    def empty(cls, bins: int = BINS) -> PairCounts:
        """Counts of no pairs."""
        return cls(np.zeros(bins, np.int64), np.zeros(bins, np.int64))

    def add(self, same: NDArray[np.integer], different: NDArray[np.integer]) -> None:
        """Count pairs by the bins (P,) and (N,) in which they lie."""
        for counts, bins in ((self.same, same), (self.different, different)):
            np.add(counts, np.bincount(bins, minlength=len(counts)), out=counts)

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """ROC: per-pair FPR (K,) and TPR (K,), both rising from 0 to 1; empty when either has no pairs.

        One point a bin in which there is a pair, so that a threshold is met within 2e-6.
        """
        occupied = np.flatnonzero(self.same + self.different)[::-1]
        same, different = self.same[occupied].cumsum(), self.different[occupied].cumsum()
        if not len(occupied) or not same[-1] or not different[-1]:
            return np.empty(0), np.empty(0)
        return (
            np.concatenate([[0.0], different / different[-1]]),
            np.concatenate([[0.0], same / same[-1]]),
        )

    def auroc(self) -> float:
        """Probability that a pair of one type is above a pair of two; pairs of one bin count half."""
        same, different = int(self.same.sum()), int(self.different.sum())
        if not same or not different:
            return float("nan")
        below = self.different.cumsum() - self.different
        return float((self.same / same) @ ((below + self.different / 2) / different))


def pair_blocks(vectors: NDArray[np.float32], types: Sequence[int] | NDArray[np.integer]) -> Iterator[Pairs]:
    """Similarities of all pairs, block by block: every pair once and nothing with itself.

    vectors: (N, D) of unit length or zero; types: (N,). A block holds at most a million pairs, whatever N.
    """
    codes = np.asarray(types)
    starts = range(0, len(vectors), _PAGES_AT_ONCE)
    for top in starts:
        rows = slice(top, top + _PAGES_AT_ONCE)
        for left in starts[top // _PAGES_AT_ONCE :]:
            columns = slice(left, left + _PAGES_AT_ONCE)
            similarities = np.asarray(vectors[rows] @ vectors[columns].T, dtype=np.float32)
            same = codes[rows, None] == codes[columns]
            once = np.triu(np.ones(same.shape, dtype=np.bool_), k=1) if top == left else np.True_
            yield similarities[same & once], similarities[~same & once]


def verify(
    blocks: Callable[[], Iterable[Pairs]], targets: Mapping[str, float]
) -> tuple[PairRates, PairCounts]:
    """TPR at each per-pair FPR by the exact rule of `threshold_at_fpr`, AUROC, and counts for curves.

    blocks: gives the same blocks of similarities each time it is called; it is called twice. targets: FPR, 0
    to 1, by the name under which it is reported. AUROC counts similarities within 2e-6 as equal.

    Raises InvalidSetting for a target outside 0 to 1 or a similarity that is not finite.
    """
    counts = PairCounts.empty(BINS)
    upper = PairCounts.empty(_HALF)
    for same, different in blocks():
        if not (np.isfinite(same).all() and np.isfinite(different).all()):
            raise InvalidSetting("A similarity to measure with is not a finite number.")
        counts.add(_bin_of(same), _bin_of(different))
        upper.add(_ordered(same) >> 16, _ordered(different) >> 16)
    allowed = {name: allowed_of(int(upper.different.sum()), target) for name, target in targets.items()}
    # The upper half of the first similarity that must be refused; -1 where all may pass.
    decisive = {name: _last_with(upper.different, number) for name, number in allowed.items()}
    lower = {
        half: PairCounts(np.zeros(_HALF, np.int64), np.zeros(_HALF, np.int64)) for half in decisive.values()
    }
    for same, different in blocks():
        for half, within in lower.items():
            within.add(_lower(same, half), _lower(different, half))
    total = int(upper.same.sum())
    rates = {}
    for name, half in decisive.items():
        left = allowed[name] - int(upper.different[half + 1 :].sum())
        first_refused = _last_with(lower[half].different, left)
        accepted = int(upper.same[half + 1 :].sum()) + int(lower[half].same[first_refused + 1 :].sum())
        told = total and upper.different.any()
        rates[name] = accepted / total if told else float("nan")
    return PairRates(rates, counts.auroc()), counts


def _last_with(counts: NDArray[np.int64], number: int) -> int:
    """The highest position from which on upwards there are more than `number`; -1 if there are no more."""
    from_above = counts[::-1].cumsum()
    return len(counts) - 1 - int(np.searchsorted(from_above, number, side="right"))


def _bin_of(similarities: NDArray[np.float32]) -> NDArray[np.intp]:
    # A cosine may be a rounding error outside of -1 to 1.
    return np.clip((similarities + 1) * (BINS // 2), 0, BINS - 1).astype(np.intp)


def _ordered(similarities: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Bits of float32 so changed that as whole numbers they stand in the order of the floats."""
    # Adding zero makes -0.0 the 0.0 that it equals.
    bits = (similarities + np.float32(0)).view(np.uint32)
    return np.asarray(np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)), dtype=np.uint32)


def _lower(similarities: NDArray[np.float32], upper: int) -> NDArray[np.uint32]:
    """The lower half of the bits of those similarities that have this upper half."""
    keys = _ordered(similarities)
    return np.asarray(keys[keys >> 16 == upper] & np.uint32(_HALF - 1))
