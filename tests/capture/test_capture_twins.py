from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.capture import make_twin
from docdex.training.templates import draw

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def pages() -> list[Pixels]:
    return [draw(3 * number, np.random.default_rng(number)) for number in range(24)]


def test_the_same_generator_state_makes_the_same_twin(pages: list[Pixels]) -> None:
    one, other, third = (make_twin(pages[0], pages[1], np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_a_twin_has_the_size_of_its_page_and_both_pages_stay_as_they_were(pages: list[Pixels]) -> None:
    before = pages[0].copy(), pages[1].copy()
    for seed in range(40):
        twin = make_twin(pages[0], pages[1], np.random.default_rng(seed))
        assert twin.shape == pages[0].shape
        assert twin.dtype == np.uint8
    assert np.array_equal(pages[0], before[0])
    assert np.array_equal(pages[1], before[1])


def test_a_twin_is_another_page_and_most_of_it_is_the_same(pages: list[Pixels]) -> None:
    for seed in range(40):
        page, donor = pages[seed % 24], pages[(seed + 7) % 24]
        twin = make_twin(page, donor, np.random.default_rng(seed))
        assert not np.array_equal(twin, page)
    kept = []
    for seed in range(200):
        page, donor = pages[seed % 24], pages[(seed + 7) % 24]
        twin = make_twin(page, donor, np.random.default_rng(seed))
        kept.append((twin == page).all(axis=2).mean())
    # Where it has not been given other colours, and its bands have not changed places.
    assert np.percentile(kept, 75) > 0.8


def test_its_head_is_always_changed(pages: list[Pixels]) -> None:
    page = np.full((200, 150, 3), 255, np.uint8)
    donor = np.zeros((200, 150, 3), np.uint8)
    donor[::2] = 255
    for seed in range(100):
        twin = make_twin(page, donor, np.random.default_rng(seed))
        assert not np.array_equal(twin[:60], page[:60])


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (2, 300), (300, 2), (3, 5)])
def test_any_page_has_a_twin(shape: tuple[int, int], pages: list[Pixels]) -> None:
    page = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for seed in range(30):
        assert make_twin(page, pages[0], np.random.default_rng(seed)).shape == page.shape
        assert make_twin(pages[0], page, np.random.default_rng(seed)).shape == pages[0].shape
