from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.capture import change_margins

Pixels = NDArray[np.uint8]
PAPER, INK = (236, 240, 232), (30, 20, 20)


@pytest.fixture
def slip() -> Pixels:
    """Print of 100 x 160 pixels, framed so that its extent can be found again, on paper of 150 x 200."""
    page = np.full((200, 150, 3), PAPER, dtype=np.uint8)
    page[20:180, 25:125] = INK
    page[24:176, 29:121] = PAPER
    page[40:60, 40:100] = INK
    return page


def extent(page: Pixels) -> tuple[int, int, int, int]:
    """First row, first column, height and width of what is in the ink of the slip."""
    inked = (np.abs(page.astype(int) - INK) < 60).all(axis=2)
    rows, columns = np.flatnonzero(inked.mean(axis=1) > 0.05), np.flatnonzero(inked.mean(axis=0) > 0.2)
    return int(rows[0]), int(columns[0]), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_print_keeps_its_width_and_moves_to_anywhere_near_the_head(slip: Pixels) -> None:
    places = []
    for seed in range(200):
        changed = change_margins(slip, np.random.default_rng(seed))
        top, left, height, width = extent(changed)
        assert abs(width - 100) <= 2
        assert 0.8 * 160 <= height <= 1.24 * 160
        places.append((top, left, changed.shape[1] - left - width))
    above, left, right = np.array(places).T
    for margin in (above, left, right):
        assert margin.min() < 5
        assert 25 < margin.max() <= 48
    # As often as not the print stands in the middle.
    assert 0.3 < np.mean(np.abs(left - right) < 4) < 0.8


def test_all_of_the_print_is_kept_and_what_is_new_is_paper(slip: Pixels) -> None:
    for seed in range(60):
        changed = change_margins(slip, np.random.default_rng(seed))
        top, left, height, width = extent(changed)
        printed = changed[top : top + height, left : left + width]
        assert np.mean((printed == INK).all(axis=2)) > 0.15  # frame and bar, as before
        around = np.ones(changed.shape[:2], dtype=bool)
        around[max(0, top - 3) : top + height + 3, max(0, left - 3) : left + width + 3] = False
        if around.any():
            assert np.mean((changed[around] == PAPER).all(axis=1)) > 0.8


def test_some_pages_get_a_note_by_hand_and_some_are_stretched(slip: Pixels) -> None:
    noted = stretched = 0
    for seed in range(200):
        changed = change_margins(slip, np.random.default_rng(seed))
        known = (changed == PAPER).all(axis=2) | (changed == INK).all(axis=2)
        _, _, height, _ = extent(changed)
        if abs(height - 160) > 1:
            stretched += 1
        else:
            noted += not known.all()
    assert 0.2 < stretched / 200 < 0.5
    assert 0.1 < noted / (200 - stretched) < 0.45


def test_the_same_generator_state_makes_the_same_change_and_the_page_is_left_alone(slip: Pixels) -> None:
    before = slip.copy()
    one, two, three = (change_margins(slip, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert np.array_equal(one, two)
    assert one.shape != three.shape or not np.array_equal(one, three)
    assert np.array_equal(slip, before)


def test_a_page_that_is_printed_to_its_border_or_blank_stays_as_it_is(slip: Pixels) -> None:
    shaded = np.repeat(np.linspace(0, 255, 200).astype(np.uint8)[:, None, None], 150, axis=1).repeat(
        3, axis=2
    )
    blank = np.full((200, 150, 3), 250, dtype=np.uint8)
    for page in (shaded, blank):
        assert change_margins(page, np.random.default_rng(0)) is page
    framed = slip.copy()
    framed[:, :12] = INK
    assert change_margins(framed, np.random.default_rng(0)) is framed


@settings(max_examples=150, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 2**32), noise=st.booleans())
def test_any_page_gives_a_page(height: int, width: int, seed: int, noise: bool) -> None:
    rng = np.random.default_rng(seed)
    page = np.full((height, width, 3), 240, dtype=np.uint8)
    if noise:
        page = rng.integers(0, 256, page.shape, dtype=np.uint8)
    page[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None] = 20
    changed = change_margins(page, rng)
    assert changed.dtype == np.uint8
    assert changed.ndim == 3
    assert min(changed.shape[:2]) >= 1
