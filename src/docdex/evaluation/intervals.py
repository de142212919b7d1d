"""Say between which bounds a figure lies, and the difference of two, so that neither is taken for exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from docdex.evaluation.bootstrap import CONFIDENCE, REPLICATES, interval
from docdex.evaluation.results import Intervals

if TYPE_CHECKING:
    from docdex.evaluation.replicates import Replicates, Values
    from docdex.evaluation.results import Interval

_DECIMALS = 6


def bounds_of(replicates: Replicates) -> Intervals:
    """The interval of each figure, where it was measured in more than half of the replicates."""
    told = {"confidence": CONFIDENCE, "replicates": REPLICATES, **_bounds_of_each(replicates)}
    return msgspec.convert(told, Intervals)


def differences(one: Replicates, other: Replicates) -> Replicates:
    """How far one peer is ahead of another, in each figure that both have and in each replicate.

    Types that are hard for one are hard for the other too, and are drawn as often for both: a difference
    varies less than what it is made of, and two peers may differ for certain while their intervals touch.
    """
    return {name: _minus(part, other[name]) for name, part in one.items() if name in other}


def _minus(one: Values | Replicates, other: Values | Replicates) -> Values | Replicates:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one - other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return differences(one, other)
    return None


def _bounds_of_each(replicates: Replicates) -> dict[str, Any]:
    return {
        name: _rounded(part) if part is None or isinstance(part, np.ndarray) else _bounds_of_each(part)
        for name, part in replicates.items()
    }


def _rounded(values: Values) -> Interval | None:
    bounds = None if values is None else interval(values)
    return None if bounds is None else (round(bounds[0], _DECIMALS), round(bounds[1], _DECIMALS))
