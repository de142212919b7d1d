from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.capture import change_fields

Pixels = NDArray[np.uint8]


def form(height: int = 300, width: int = 220) -> Pixels:
    """White paper with a dark line of print every twelve rows."""
    page = np.full((height, width, 3), 250, dtype=np.uint8)
    for row in range(8, height - 4, 12):
        page[row : row + 3, 10 : width - 10 : 2] = 30
    return page


def other() -> Pixels:
    return np.random.default_rng(9).integers(0, 256, (150, 260, 3), dtype=np.uint8)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_no_amount_changes_nothing(seed: int) -> None:
    assert np.array_equal(change_fields(form(), other(), np.random.default_rng(seed), 0.0), form())


def test_the_same_generator_state_makes_the_same_change() -> None:
    one, two = (change_fields(form(), other(), np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)


def test_neither_page_nor_donor_is_written_to() -> None:
    page, donor = form(), other()
    for seed in range(60):
        change_fields(page, donor, np.random.default_rng(seed))
    assert np.array_equal(page, form())
    assert np.array_equal(donor, other())


@settings(max_examples=150, deadline=None)
@given(
    page=st.tuples(st.integers(1, 250), st.integers(1, 250)),
    donor=st.tuples(st.integers(1, 250), st.integers(1, 250)),
    amount=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
@example(page=(1, 222), donor=(1, 223), amount=1.0, seed=219_283)
def test_the_width_stays_and_at_most_half_of_the_height_shrinks_or_grows(
    page: tuple[int, int], donor: tuple[int, int], amount: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels, others = (rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in (page, donor))
    changed = change_fields(pixels, others, rng, amount)
    assert changed.dtype == np.uint8
    assert changed.shape[1:] == pixels.shape[1:]
    height = pixels.shape[0]
    # A band of one row is the least that is taken out, however low the page.
    assert height / 2 <= changed.shape[0] <= height + max(1, height / 2) * 7.2


def same_place(one: Pixels, two: Pixels) -> float:
    """Share of pixels that are the same in both, where both have rows."""
    rows = min(len(one), len(two))
    return float((one[:rows] == two[:rows]).all(axis=2).mean())


def test_most_of_the_page_s_own_art_stays_where_it_was() -> None:
    kept = [same_place(form(), change_fields(form(), other(), np.random.default_rng(k))) for k in range(200)]
    assert np.mean(kept) > 0.6
    assert np.mean(np.array(kept) < 1) > 0.9


@pytest.mark.parametrize("amounts", [(0.1, 0.5), (0.5, 1.0)])
def test_a_larger_amount_changes_more(amounts: tuple[float, float]) -> None:
    def kept(amount: float) -> float:
        changed = (change_fields(form(), other(), np.random.default_rng(k), amount) for k in range(150))
        return float(np.mean([same_place(form(), page) for page in changed]))

    less, more = amounts
    assert kept(more) < kept(less)


def test_what_is_written_comes_from_the_donor() -> None:
    """On a blank page, a donor without ink leaves little but what is written by hand."""
    blank = np.full((300, 220, 3), 250, dtype=np.uint8)
    full = form()
    inked = [
        np.mean([(change_fields(blank, donor, np.random.default_rng(k)) < 128).mean() for k in range(100)])
        for donor in (blank, full)
    ]
    assert inked[1] > 2 * inked[0]
