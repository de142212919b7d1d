from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.evaluation import bootstrap
from docdex.evaluation.bootstrap import areas, detection_rates, interval, pair_replicates, resample, shares
from docdex.evaluation.metrics import (
    auroc,
    detection_and_identification_rate,
    oscr_area,
    tpr_at_fpr,
)

TARGETS = (0.0, 0.03, 0.1, 0.5, 1.0)

items = st.lists(
    # A coarse scale, so that ties occur; whether it is a hit; how often it counts.
    st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)


def parts(
    drawn: list[tuple[int, bool, int]],
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64]]:
    values, hits, weights = zip(*drawn, strict=True)
    return np.array(values, np.float32) / 4, np.array(hits), np.array(weights, np.int64)


@given(items, items)
def test_a_weight_is_so_many_copies(
    drawn: list[tuple[int, bool, int]], others: list[tuple[int, bool, int]]
) -> None:
    values, hits, weights = parts(drawn)
    refused, _, refused_weights = parts(others)
    best, correct = np.repeat(values, weights), np.repeat(hits, weights)
    strangers = np.repeat(refused, refused_weights)
    rates = detection_rates(values, hits, weights[None], refused, refused_weights[None], targets=TARGETS)
    expected = [detection_and_identification_rate(best, correct, strangers, target) for target in TARGETS]
    np.testing.assert_allclose(rates[0], expected)
    np.testing.assert_allclose(
        areas(values, hits, weights[None], refused, refused_weights[None])[0],
        oscr_area(best, correct, strangers),
    )
    np.testing.assert_allclose(shares(hits, weights[None])[0], correct.mean() if len(correct) else np.nan)


@given(st.integers(0, 1000), st.integers(2, 5), st.integers(4, 14))
def test_pairs_count_as_often_as_their_types(seed: int, types: int, pages: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, types, pages)
    rows, columns = np.triu_indices(pages, k=1)
    values = (rng.integers(-4, 5, len(rows)) / 4).astype(np.float32)
    same = codes[rows] == codes[columns]
    votes = resample(["set"] * types, seed, replicates=4)
    both = np.stack([codes[rows[~same]], codes[columns[~same]]])
    tpr, area = pair_replicates((values[same], codes[rows[same]]), (values[~same], both), votes, TARGETS)
    for number, vote in enumerate(votes):
        positives = np.repeat(values[same], vote[codes[rows[same]]])
        negatives = np.repeat(values[~same], vote[both[0]] * vote[both[1]])
        np.testing.assert_allclose(tpr[number], [tpr_at_fpr(positives, negatives, t) for t in TARGETS])
        np.testing.assert_allclose(area[number], auroc(positives, negatives))


def test_many_pairs_are_resampled_a_few_replicates_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    same = rng.random(30).astype(np.float32), rng.integers(0, 4, 30)
    different = rng.random(50).astype(np.float32), rng.integers(0, 4, (2, 50))
    votes = resample(["set"] * 4, 0, replicates=11)
    whole = pair_replicates(same, different, votes, TARGETS)
    monkeypatch.setattr(bootstrap, "_WEIGHTS_AT_ONCE", 150)
    for expected, found in zip(whole, pair_replicates(same, different, votes, TARGETS), strict=True):
        np.testing.assert_array_equal(found, expected)
    # Whichever pairs are more: a set may have one large type and one small one.
    sizes: list[int] = []
    monkeypatch.setattr(bootstrap, "areas", lambda *a: sizes.extend([a[2].size, a[4].size]) or np.zeros(0))
    pair_replicates((different[0], different[1][0]), (same[0], np.stack([same[1], same[1]])), votes, TARGETS)
    assert max(sizes) <= 150


def test_every_set_keeps_its_number_of_types_in_every_replicate() -> None:
    strata = ["a", "b", "a", "b", "a", "b"]
    votes = resample(strata, seed=3, replicates=200)
    for name, number in {"a": 3, "b": 3}.items():
        assert (votes[:, [stratum == name for stratum in strata]].sum(axis=1) == number).all()
    assert votes.mean(axis=0) == pytest.approx(np.ones(6), abs=0.2)
    assert len(np.unique(votes, axis=0)) > 10


def test_the_only_type_of_a_set_counts_as_often_as_one_of_many() -> None:
    votes = resample(["lonely", *["set"] * 500], seed=3, replicates=4000)
    for count in range(4):
        share = (votes == count).mean(axis=0)
        assert share[0] == pytest.approx(share[1:].mean(), abs=0.03)
    # What the other sets get does not depend on it.
    np.testing.assert_array_equal(votes[:, 1:], resample(["set"] * 500, seed=3, replicates=4000))


def test_a_seed_makes_the_votes() -> None:
    np.testing.assert_array_equal(resample(["a"] * 9, 5), resample(["a"] * 9, 5))
    assert (resample(["a"] * 9, 5) != resample(["a"] * 9, 6)).any()


def test_an_interval_holds_the_middle_of_the_replicates() -> None:
    low, high = interval(np.arange(1001) / 1000) or (0, 0)
    assert (low, high) == pytest.approx((0.025, 0.975))


def test_replicates_that_measured_nothing_are_left_out_unless_they_are_most() -> None:
    nothing = np.nan
    assert interval(np.array([0.5, nothing, 0.5])) == (0.5, 0.5)
    assert interval(np.array([0.5, nothing, nothing])) is None
    assert interval(np.array([nothing])) is None


def test_an_interval_of_types_covers_what_other_types_would_have_shown() -> None:
    # Types that are all right or all wrong: twenty pages of one know no more than one of them does.
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(100):
        of_types = rng.random(40) < 0.7
        votes = resample(["set"] * 40, trial, replicates=300)
        low, high = interval(shares(np.repeat(of_types, 20), np.repeat(votes, 20, axis=1))) or (0, 0)
        covered += low <= 0.7 <= high
    assert 85 <= covered <= 100
