from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.errors import InvalidSetting
from docdex.evaluation.metrics import (
    auroc,
    detection_and_identification_rate,
    false_positive_rate,
    oscr_area,
    oscr_curve,
    pair_scores,
    threshold_at_fpr,
    tpr_at_fpr,
)

DTYPES = (np.float32, np.float64)
# Whole numbers, so that ties are the rule and not the exception.
coarse = st.lists(st.integers(-3, 3), min_size=1, max_size=40)
targets = st.one_of(st.floats(0, 1), st.integers(0, 40).map(lambda n: n / 40))


def floats(values: list[int], dtype: type = np.float64) -> NDArray[np.floating]:
    return np.array(values, dtype=dtype) / 4


def largest_accepted_set(negatives: NDArray[np.floating], target: float) -> int:
    """By definition: of all sets `at or above t`, the largest whose share does not exceed the target."""
    counts = [0, *(int((negatives >= t).sum()) for t in set(negatives.tolist()))]
    return max(count for count in counts if count / len(negatives) <= target + 1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@given(values=coarse, target=targets)
def test_the_threshold_accepts_the_largest_set_within_the_target(
    dtype: type, values: list[int], target: float
) -> None:
    negatives = floats(values, dtype)
    threshold = threshold_at_fpr(negatives, target)
    accepted = int((negatives >= threshold).sum())
    assert accepted == largest_accepted_set(negatives, target)


@pytest.mark.parametrize("dtype", DTYPES)
@given(values=coarse, target=targets)
def test_no_lower_threshold_would_do(dtype: type, values: list[int], target: float) -> None:
    negatives = floats(values, dtype)
    threshold = threshold_at_fpr(negatives, target)
    assume(threshold > -math.inf)
    lower = np.nextafter(dtype(threshold), dtype(-np.inf))
    assert (negatives >= lower).sum() / len(negatives) > target


@pytest.mark.parametrize(
    ("target", "accepted"), [(0.07, 7), (0.29, 29), (0.0699, 6), (0.0, 0), (0.009, 0), (0.01, 1), (0.99, 99)]
)
def test_a_share_that_allows_a_whole_number_allows_it(target: float, accepted: int) -> None:
    negatives = np.arange(100) / 100
    assert (negatives >= threshold_at_fpr(negatives, target)).sum() == accepted


def test_ties_stay_out_together() -> None:
    negatives = np.array([0.1, 0.5, 0.5, 0.5, 0.9])
    assert (negatives >= threshold_at_fpr(negatives, 0.4)).sum() == 1


@pytest.mark.parametrize("negatives", [np.array([0.1, 0.2]), np.array([])])
def test_everything_may_pass_at_a_rate_of_one_and_when_there_is_nothing(
    negatives: NDArray[np.float64],
) -> None:
    assert threshold_at_fpr(negatives, 1.0) == -math.inf


def test_a_positive_equal_to_a_refused_negative_is_refused_whatever_the_precision() -> None:
    tenth = np.array([0.1], dtype=np.float32)
    assert tpr_at_fpr(tenth, tenth.astype(np.float64), 0.0) == 0
    assert tpr_at_fpr(tenth.astype(np.float64), tenth, 0.0) == 0


@pytest.mark.parametrize("target", [-0.1, 1.1, math.nan])
def test_a_target_outside_0_to_1_is_refused(target: float) -> None:
    with pytest.raises(InvalidSetting, match="not between 0 and 1"):
        threshold_at_fpr(np.zeros(3), target)


@given(coarse, coarse, targets)
def test_tpr_is_the_share_above_the_threshold(
    positives: list[int], negatives: list[int], target: float
) -> None:
    wrong = floats(negatives)
    allowed = largest_accepted_set(wrong, target)
    refused = sorted(wrong)[: len(wrong) - allowed]
    expected = np.mean([all(p > r for r in refused) for p in floats(positives)])
    assert tpr_at_fpr(floats(positives), wrong, target) == pytest.approx(expected)


@given(coarse, coarse)
def test_auroc_is_the_chance_that_a_positive_is_above_a_negative(
    positives: list[int], negatives: list[int]
) -> None:
    expected = np.mean([(p > n) + (p == n) / 2 for p in positives for n in negatives])
    assert auroc(floats(positives), floats(negatives)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("positives", "negatives", "area"),
    [([1, 2], [0, -1], 1.0), ([0], [1], 0.0), ([1, 1], [1, 1], 0.5), ([3, 1], [2, 0], 0.75)],
)
def test_auroc_of_cases_worked_out_by_hand(positives: list[int], negatives: list[int], area: float) -> None:
    assert auroc(floats(positives), floats(negatives)) == area


@given(st.lists(st.integers(0, 3), min_size=0, max_size=9), st.randoms(use_true_random=False))
def test_every_pair_counts_once_and_none_with_itself(types: list[int], random: np.random.Generator) -> None:
    count = len(types)
    similarities = np.zeros((count, count))
    same, different = [], []
    for row in range(count):
        for column in range(row):
            value = random.random()
            similarities[row, column] = similarities[column, row] = value
            (same if types[row] == types[column] else different).append(value)
    positives, negatives = pair_scores(similarities, types)
    assert sorted(positives) == sorted(same)
    assert sorted(negatives) == sorted(different)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30), coarse, targets)
def test_dir_counts_probes_that_are_right_and_above_the_strangers(
    probes: list[tuple[int, bool]], strangers: list[int], target: float
) -> None:
    best, correct = floats([value for value, _ in probes]), np.array([right for _, right in probes])
    others = floats(strangers)
    refused = sorted(others)[: len(others) - largest_accepted_set(others, target)]
    expected = np.mean(
        [right and all(b > r for r in refused) for b, right in zip(best, correct, strict=True)]
    )
    assert detection_and_identification_rate(best, correct, others, target) == pytest.approx(expected)


probes = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30)


@given(probes, coarse)
def test_the_oscr_curve_holds_every_threshold_and_nothing_else(
    asked: list[tuple[int, bool]], others: list[int]
) -> None:
    best, correct, strangers = floats([b for b, _ in asked]), np.array([c for _, c in asked]), floats(others)
    fpir, found = oscr_curve(best, correct, strangers)
    points = set(zip(fpir.round(9).tolist(), found.round(9).tolist(), strict=True))
    expected = {
        (
            round(float(np.mean(strangers >= t)), 9),
            round(float(np.mean(correct & (best >= t))), 9),
        )
        for t in (np.inf, *best, *strangers)
    }
    assert points == expected
    assert (np.diff(fpir) >= 0).all()
    assert (np.diff(found) >= 0).all()
    assert found[-1] == pytest.approx(correct.mean())


@given(probes, coarse, targets)
def test_the_oscr_curve_passes_through_the_dir(
    asked: list[tuple[int, bool]], others: list[int], target: float
) -> None:
    best, correct, strangers = floats([b for b, _ in asked]), np.array([c for _, c in asked]), floats(others)
    fpir, found = oscr_curve(best, correct, strangers)
    highest = found[np.searchsorted(fpir, target + 1e-9, side="right") - 1]
    assert detection_and_identification_rate(best, correct, strangers, target) == pytest.approx(highest)


@given(probes, coarse)
def test_the_oscr_area_is_that_below_the_curve_and_a_chance(
    asked: list[tuple[int, bool]], others: list[int]
) -> None:
    best, correct, strangers = floats([b for b, _ in asked]), np.array([c for _, c in asked]), floats(others)
    fpir, found = oscr_curve(best, correct, strangers)
    area = oscr_area(best, correct, strangers)
    assert area == pytest.approx(float((np.diff(fpir) * (found[1:] + found[:-1]) / 2).sum()))
    wins = [c * ((b > s) + (b == s) / 2) for b, c in zip(best, correct, strict=True) for s in strangers]
    assert area == pytest.approx(np.mean(wins))


def test_without_strangers_there_is_no_oscr_curve() -> None:
    assert [len(part) for part in oscr_curve(SOME, np.array([True]), EMPTY)] == [0, 0]


def test_a_wrong_answer_is_no_detection_however_near() -> None:
    best, strangers = np.array([0.99, 0.5]), np.array([0.1] * 10)
    assert detection_and_identification_rate(best, np.array([False, True]), strangers, 0.1) == 0.5


def test_the_false_positive_rate_counts_strangers_at_the_threshold() -> None:
    assert false_positive_rate(np.array([0.1, 0.5, 0.6, 0.7]), 0.5) == 0.75


EMPTY, SOME = np.array([]), np.array([0.5])


@pytest.mark.parametrize(
    "figure",
    [
        tpr_at_fpr(EMPTY, SOME, 0.1),
        tpr_at_fpr(SOME, EMPTY, 0.1),
        auroc(EMPTY, SOME),
        auroc(SOME, EMPTY),
        false_positive_rate(EMPTY, 0.5),
        detection_and_identification_rate(EMPTY, EMPTY.astype(bool), SOME, 0.1),
        detection_and_identification_rate(SOME, np.array([True]), EMPTY, 0.1),
        oscr_area(SOME, np.array([True]), EMPTY),
        oscr_area(EMPTY, EMPTY.astype(bool), SOME),
    ],
)
def test_what_cannot_be_measured_is_not_a_number(figure: float) -> None:
    assert math.isnan(figure)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_similarity_that_is_not_finite_is_refused_and_moves_no_threshold(value: float) -> None:
    broken = np.array([0.5, value])
    for measure in (
        lambda: threshold_at_fpr(broken, 0.5),
        lambda: tpr_at_fpr(broken, SOME, 0.5),
        lambda: auroc(broken, SOME),
        lambda: auroc(SOME, broken),
        lambda: false_positive_rate(broken, 0.5),
        lambda: detection_and_identification_rate(broken, np.array([True, True]), SOME, 0.5),
        lambda: oscr_curve(SOME, np.array([True]), broken),
        lambda: oscr_area(broken, np.array([True, True]), SOME),
    ):
        with pytest.raises(InvalidSetting, match="not a finite number"):
            measure()
