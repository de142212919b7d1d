"""Measure a threshold from strangers' similarities, with a bound that holds for strangers not yet seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from docdex.contract import Contract
from docdex.errors import CalibrationError, InvalidSetting, TooFewPages

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
"""One-sided confidence of every bound here."""

_STEPS = 10_000
"""Thresholds are rounded up to a ten-thousandth, so that the number printed is the number used."""


class OperatingPoint(msgspec.Struct, frozen=True):
    """A threshold and what was measured at it.

    threshold: cosine; a probe at or above it is accepted. target_fpr: share of strangers that may get a
    label, per probe. strangers: how many were measured; accepted: how many of them reach the threshold.
    bound: with `CONFIDENCE`, the FPR on further strangers of the same kind is at most this; it never exceeds
    the target.
    """

    threshold: float
    target_fpr: float
    strangers: int
    accepted: int
    bound: float


class Calibration(msgspec.Struct, frozen=True):
    """An operating point with the gallery and settings it was measured under, as the gallery keeps it.

    samples, labels: size of the gallery. version: of the gallery, which grows with each change. rotations:
    degrees tried on each stranger. date: ISO 8601, UTC.
    """

    point: OperatingPoint
    contract: Contract
    samples: int
    labels: int
    version: int
    rotations: tuple[int, ...]
    date: str
    confidence: float = CONFIDENCE

    @property
    def threshold(self) -> float:
        """The threshold of its operating point."""
        return self.point.threshold

    def encode(self) -> bytes:
        """As the gallery keeps it: JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, stored: bytes) -> Calibration:
        """From `encode`. Raises `CalibrationError` for anything else."""
        try:
            return msgspec.json.decode(stored, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CalibrationError(
                f"The calibration kept in the gallery cannot be read ({error}): calibrate again."
            ) from error

    def doubts(
        self, *, contract: Contract, samples: int, version: int, rotations: tuple[int, ...]
    ) -> tuple[str, ...]:
        """Why the bound no longer holds, one sentence each; empty while it does."""
        found = []
        if contract != self.contract:
            found.append(f"The threshold was measured with {self.contract}; the gallery now has {contract}.")
        if samples > self.samples:
            found.append(
                f"The threshold was measured with {self.samples} samples, the gallery now has {samples}: "
                "more samples accept more strangers."
            )
        elif version != self.version:
            found.append("Samples were registered since the threshold was measured.")
        if not set(rotations) <= set(self.rotations):
            tried, wanted = (", ".join(map(str, degrees)) for degrees in (self.rotations, rotations))
            found.append(f"The threshold was measured with rotations {tried}; {wanted} are tried now.")
        return tuple(found)


def pages_needed(target_fpr: float) -> int:
    """Fewest strangers that can show an FPR of at most `target_fpr`: enough when none is accepted.

    target_fpr: per probe, above 0 and below 1. Raises `InvalidSetting` otherwise.
    """
    _check_rate(target_fpr)
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-target_fpr))


def upper_bound(accepted: int, strangers: int) -> float:
    """Exact (Clopper-Pearson) one-sided upper bound of a rate seen as `accepted` in `strangers`."""
    if not 0 <= accepted <= strangers or strangers == 0:
        raise InvalidSetting(f"A rate of {accepted} in {strangers} does not exist.")
    if accepted == strangers:
        return 1.0
    low, high = accepted / strangers, 1.0
    # The tail falls as the rate grows, so halving the bracket cannot miss; its upper end is the safe side.
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return high
        if _log_tails(strangers, middle, accepted)[accepted] > math.log(1 - CONFIDENCE):
            low = middle
        else:
            high = middle


def accepted_allowed(strangers: int, target_fpr: float) -> int:
    """Most strangers that may be accepted while the bound stays at or below the target.

    Raises `TooFewPages`, saying how many are needed, when not even none is few enough.
    """
    needed = pages_needed(target_fpr)
    if strangers < needed:
        raise TooFewPages(
            f"{strangers} pages of other types cannot show a false-positive rate of {target_fpr:g}: "
            f"at least {needed} are needed. Add pages or ask for a higher rate."
        )
    # At a count near the expected one the tail is about a half, so the count looked for lies below it.
    tails = _log_tails(strangers, target_fpr, min(strangers - 1, math.ceil(strangers * target_fpr)))
    return max(0, int(np.searchsorted(tails, math.log(1 - CONFIDENCE), side="right")) - 1)


def find_threshold(similarities: ArrayLike, target_fpr: float) -> OperatingPoint:
    """Lowest threshold whose FPR on further strangers is at most `target_fpr`, with `CONFIDENCE`.

    similarities: (N,) the similarity of each stranger's nearest candidate, over all rotations tried.

    How many may be accepted follows from N and the target alone, before any similarity is seen. The threshold
    is then an order statistic of the strangers, for which the Clopper-Pearson bound is exact (Wilks'
    tolerance limit) although the same pages choose it and measure it. The bound assumes that strangers come
    one by one: a hundred pages of one type count less than a hundred pages of as many types.

    Raises `TooFewPages`, `InvalidSetting`, or `CalibrationError` when so many strangers are exact copies of
    samples that no threshold keeps them out.
    """
    ranked: NDArray[np.float64] = np.sort(np.asarray(similarities, dtype=np.float64).ravel())[::-1]
    if not np.isfinite(ranked).all():
        raise InvalidSetting("A similarity to calibrate with is not a finite number.")
    allowed = accepted_allowed(len(ranked), target_fpr)
    threshold = (math.floor(ranked[allowed] * _STEPS) + 1) / _STEPS
    if threshold > 1:
        raise CalibrationError(
            f"{allowed + 1} of the pages of other types look exactly like registered samples: no threshold "
            f"can keep them out. Remove them from the pages, or register their types."
        )
    return OperatingPoint(
        threshold=threshold,
        target_fpr=target_fpr,
        strangers=len(ranked),
        accepted=int((ranked >= threshold).sum()),
        bound=upper_bound(allowed, len(ranked)),
    )


def _log_tails(trials: int, rate: float, most: int) -> NDArray[np.float64]:
    """Log of the chance of at most 0, 1, … `most` successes: (most + 1,), for 0 < rate < 1."""
    counts = np.arange(most, dtype=np.float64)
    steps = np.log((trials - counts) / (counts + 1)) + (math.log(rate) - math.log1p(-rate))
    log_chances = trials * math.log1p(-rate) + np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(np.logaddexp.accumulate(log_chances))


def _check_rate(rate: float) -> None:
    if not 0 < rate < 1:
        raise InvalidSetting(f"A false-positive rate of {rate:g} is not between 0 and 1.")
