from __future__ import annotations

import math
import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.errors import InvalidSetting
from docdex.evaluation.metrics import auroc, pair_scores, tpr_at_fpr
from docdex.evaluation.pairs import PairCounts, pair_blocks, verify
from docdex.evaluation.peers import unit_length

TARGETS = {"0": 0.0, "1e-5": 1e-5, "1e-3": 1e-3, "0.1": 0.1, "0.5": 0.5, "1": 1.0}


def vectors_of(count: int, seed: int, dimension: int = 3) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return unit_length(rng.standard_normal((count, dimension)).astype(np.float32))


def chunked(values: NDArray[np.float32], size: int) -> list[NDArray[np.float32]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


similarities = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60).map(
    lambda values: np.array(values, dtype=np.float32)
)
coarse = st.lists(st.integers(-3, 3), min_size=1, max_size=60).map(
    lambda values: np.array(values, dtype=np.float32) / 4
)


@settings(max_examples=40)
@given(st.one_of(similarities, coarse), st.one_of(similarities, coarse), st.integers(1, 7))
def test_counting_twice_gives_the_figures_of_the_kept_pairs(
    same: NDArray[np.float32], different: NDArray[np.float32], size: int
) -> None:
    none = np.empty(0, np.float32)

    def blocks() -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        return [(part, none) for part in chunked(same, size)] + [
            (none, part) for part in chunked(different, size)
        ]

    rates, _ = verify(blocks, TARGETS)
    for name, target in TARGETS.items():
        assert rates.tpr[name] == pytest.approx(tpr_at_fpr(same, different, target))
    # Floats of one bin are ties: that far off may a single pair be.
    apart = np.abs(same[:, None] - different) > 4e-6
    assert abs(rates.auroc - auroc(same, different)) <= 0.5 * np.mean(~apart) + 1e-12


def test_thresholds_are_exact_where_bins_are_not() -> None:
    just_above = np.nextafter(np.float32(0.9), np.float32(1))
    different = np.array([0.9] * 50 + [0.1] * 50, dtype=np.float32)
    same = np.array([0.9, just_above], dtype=np.float32)
    assert verify(lambda: [(same, different)], {"low": 0.1})[0].tpr == {"low": 0.5}


def test_zero_equals_minus_zero() -> None:
    same, different = np.array([0.0], dtype=np.float32), np.array([-0.0], dtype=np.float32)
    assert verify(lambda: [(same, different)], {"none": 0.0})[0].tpr == {"none": 0.0}


@pytest.mark.parametrize("at_once", [1, 4, 7, 100])
def test_blocks_hold_every_pair_once_whatever_their_size(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docdex.evaluation.pairs._PAGES_AT_ONCE", at_once)
    vectors, types = vectors_of(23, 0), np.arange(23) % 5
    same, different = pair_scores(vectors @ vectors.T, types)
    blocks = list(pair_blocks(vectors, types))
    np.testing.assert_allclose(np.sort(np.concatenate([s for s, _ in blocks])), np.sort(same), atol=1e-6)
    np.testing.assert_allclose(np.sort(np.concatenate([d for _, d in blocks])), np.sort(different), atol=1e-6)


def test_streamed_figures_are_the_dense_ones() -> None:
    vectors, types = vectors_of(300, 1), np.arange(300) % 40
    rates, _ = verify(partial(pair_blocks, vectors, types), TARGETS)
    same, different = pair_scores(vectors @ vectors.T, types)
    assert rates.tpr == pytest.approx({name: tpr_at_fpr(same, different, f) for name, f in TARGETS.items()})
    assert rates.auroc == pytest.approx(auroc(same, different), abs=1e-5)


def test_memory_does_not_grow_with_the_number_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Small blocks and few bins, so that 2 million pairs (8 MB of similarities) are many.
    monkeypatch.setattr("docdex.evaluation.pairs._PAGES_AT_ONCE", 64)
    monkeypatch.setattr("docdex.evaluation.pairs.BINS", 1024)

    def peak(count: int) -> int:
        vectors, types = vectors_of(count, 2), np.arange(count) % 50
        tracemalloc.start()
        verify(partial(pair_blocks, vectors, types), {"1e-3": 1e-3})
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)
    assert peak(2000) < peak(100) + 1_000_000


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_similarity_that_is_not_finite_is_refused(value: float) -> None:
    broken, fine = np.array([0.5, value], dtype=np.float32), np.array([0.1], dtype=np.float32)
    for block in ((broken, fine), (fine, broken)):
        with pytest.raises(InvalidSetting, match="not a finite number"):
            verify(lambda pairs=block: [pairs], TARGETS)  # type: ignore[misc]


def test_a_target_outside_0_to_1_is_refused() -> None:
    fine = np.array([0.1], dtype=np.float32)
    with pytest.raises(InvalidSetting, match="not between 0 and 1"):
        verify(lambda: [(fine, fine)], {"much": 1.5})


def test_without_pairs_of_one_kind_there_is_nothing_to_tell() -> None:
    none, some = np.empty(0, np.float32), np.array([0.1], dtype=np.float32)
    for same, different in ((none, some), (some, none), (none, none)):
        rates, counts = verify(lambda s=same, d=different: [(s, d)], TARGETS)  # type: ignore[misc]
        assert all(math.isnan(rate) for rate in rates.tpr.values())
        assert math.isnan(rates.auroc)
        assert [len(part) for part in counts.curve()] == [0, 0]


def test_a_cosine_that_rounding_put_outside_counts_as_the_end() -> None:
    over = np.array([1.0000001], dtype=np.float32)
    counts = PairCounts.empty()
    rates, counts = verify(lambda: [(over, -over)], {"0": 0.0})
    assert rates.tpr["0"] == 1
    assert counts.same[-1] == counts.different[0] == 1


def test_the_curve_goes_from_nothing_to_everything_and_holds_the_rates() -> None:
    vectors, types = vectors_of(120, 3), np.arange(120) % 9
    rates, counts = verify(partial(pair_blocks, vectors, types), {"0.2": 0.2})
    fpr, tpr = counts.curve()
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) >= 0).all()
    assert tpr[np.searchsorted(fpr, 0.2, side="right") - 1] == pytest.approx(rates.tpr["0.2"], abs=0.01)
    assert float((np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2).sum()) == pytest.approx(rates.auroc)
