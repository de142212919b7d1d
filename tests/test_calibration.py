from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.calibration import (
    Calibration,
    OperatingPoint,
    accepted_allowed,
    find_threshold,
    pages_needed,
    upper_bound,
)
from docdex.contract import Contract
from docdex.errors import CalibrationError, InvalidSetting, TooFewPages

CONTRACT = Contract(model="a" * 64, preprocess=1, dimension=4)


@pytest.mark.parametrize(
    ("target", "needed"), [(0.1, 29), (0.05, 59), (0.01, 299), (0.003, 998), (0.001, 2995), (0.0001, 29956)]
)
def test_pages_needed_are_the_tabulated_ones(target: float, needed: int) -> None:
    assert pages_needed(target) == needed


@pytest.mark.parametrize(
    ("accepted", "strangers", "bound"),
    [
        # One-sided 95 % limits as printed in tables of the exact binomial interval.
        (0, 10, 0.25887),
        (0, 299, 0.009969),
        (1, 10, 0.39416),
        (1, 20, 0.21611),
        (5, 100, 0.10225),
        (5, 50, 0.19882),
        (10, 20, 0.69805),
        (50, 1000, 0.06286),
        (9, 10, 0.99488),
        (10, 10, 1.0),
    ],
)
def test_the_bound_is_the_tabulated_one(accepted: int, strangers: int, bound: float) -> None:
    assert upper_bound(accepted, strangers) == pytest.approx(bound, abs=2e-5)


@given(strangers=st.integers(1, 400), share=st.floats(0, 1))
def test_the_bound_leaves_five_percent_below(strangers: int, share: float) -> None:
    accepted = min(int(share * strangers), strangers - 1)
    rate = upper_bound(accepted, strangers)
    below = sum(
        math.comb(strangers, count) * rate**count * (1 - rate) ** (strangers - count)
        for count in range(accepted + 1)
    )
    assert below == pytest.approx(0.05, rel=1e-6)


@given(strangers=st.integers(29, 5000), target=st.sampled_from([0.1, 0.2, 0.5, 0.9]))
def test_one_more_accepted_would_break_the_bound(strangers: int, target: float) -> None:
    allowed = accepted_allowed(strangers, target)
    assert upper_bound(allowed, strangers) <= target < upper_bound(allowed + 1, strangers)


@pytest.mark.parametrize("target", [0.1, 0.01, 0.001])
def test_exactly_enough_pages_allow_none_accepted(target: float) -> None:
    assert accepted_allowed(pages_needed(target), target) == 0


def test_one_page_too_few_is_refused_with_the_number_needed() -> None:
    with pytest.raises(TooFewPages, match=r"298 pages of other types .*: at least 299 are needed"):
        find_threshold(np.zeros(298), 0.01)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, math.nan])
def test_a_rate_outside_0_to_1_is_refused(target: float) -> None:
    with pytest.raises(InvalidSetting):
        pages_needed(target)


similarities = st.lists(st.floats(-1, 0.999), min_size=30, max_size=200)


@given(similarities)
def test_no_more_strangers_are_accepted_than_the_bound_allows(values: list[float]) -> None:
    point = find_threshold(values, 0.1)
    assert point.accepted == sum(value >= point.threshold for value in values)
    assert point.accepted <= accepted_allowed(len(values), 0.1)
    assert point.bound <= point.target_fpr


@given(similarities)
def test_the_threshold_is_no_higher_than_it_must_be(values: list[float]) -> None:
    point = find_threshold(values, 0.1)
    lower = point.threshold - 1e-4
    assert sum(value >= lower - 1e-9 for value in values) > accepted_allowed(len(values), 0.1)


@given(similarities, st.randoms(use_true_random=False))
def test_the_order_of_strangers_changes_nothing(values: list[float], random: np.random.Generator) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert find_threshold(shuffled, 0.1) == find_threshold(values, 0.1)


def test_the_threshold_printed_is_the_threshold_used() -> None:
    point = find_threshold(np.linspace(0.1, 0.61234567, 50), 0.1)
    assert float(f"{point.threshold:.4f}") == point.threshold


def test_the_bound_holds_on_strangers_not_measured() -> None:
    # 2,000 calibrations on uniform strangers, whose FPR is one minus the threshold: about 5 % may exceed.
    rng = np.random.default_rng(3)
    broken = sum(1 - find_threshold(rng.random(120), 0.1).threshold > 0.1 for _ in range(2000))
    assert broken / 2000 < 0.06


def test_strangers_equal_to_samples_leave_no_threshold() -> None:
    with pytest.raises(CalibrationError, match="look exactly like registered samples"):
        find_threshold(np.ones(40), 0.1)


def test_a_similarity_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="finite"):
        find_threshold([math.nan] * 40, 0.1)


def calibration() -> Calibration:
    point = OperatingPoint(threshold=0.5, target_fpr=0.1, strangers=40, accepted=0, bound=0.07)
    return Calibration(
        point, CONTRACT, samples=3, labels=2, version=7, rotations=(0, 90), date="2026-01-01T00:00:00Z"
    )


def test_an_unchanged_gallery_raises_no_doubt() -> None:
    assert calibration().doubts(contract=CONTRACT, samples=3, version=7, rotations=(0,)) == ()


@pytest.mark.parametrize(
    ("contract", "samples", "version", "rotations", "word"),
    [
        (CONTRACT, 4, 8, (0, 90), "3 samples"),
        (CONTRACT, 3, 9, (0, 90), "registered since"),
        (Contract("b" * 64, 1, 4), 3, 7, (0, 90), "model bbbb"),
        (CONTRACT, 3, 7, (0, 90, 180), "rotations"),
    ],
)
def test_whatever_raises_the_rate_raises_a_doubt(
    contract: Contract, samples: int, version: int, rotations: tuple[int, ...], word: str
) -> None:
    (doubt,) = calibration().doubts(contract=contract, samples=samples, version=version, rotations=rotations)
    assert word in doubt
