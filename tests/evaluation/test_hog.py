from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.evaluation.hog import SIDE, hog
from docdex.evaluation.peers import shrink_grey

BLOCK = 36
"""Numbers of a block: four cells of nine directions."""


def ramp(dx: float, dy: float) -> NDArray[np.float32]:
    across = np.arange(SIDE, dtype=np.float32)
    return across * np.float32(dx) + across[:, None] * np.float32(dy)


@pytest.mark.parametrize(
    ("square", "degrees"), [(ramp(1, 0), 0), (ramp(0, 1), 90), (ramp(1, 1), 45), (ramp(1, -1), 135)]
)
def test_an_edge_votes_for_its_direction(square: NDArray[np.float32], degrees: float) -> None:
    # A block in the middle, where the border changes nothing; bins have their centres at 10, 30, … degrees.
    block = hog(square).reshape(7, 7, BLOCK)[3, 3].reshape(4, 9).sum(axis=0)
    expected = np.zeros(9)
    position = degrees / 20 - 0.5
    lower = int(np.floor(position))
    expected[lower % 9] += 1 - (position - lower)
    expected[(lower + 1) % 9] += position - lower
    assert set(np.flatnonzero(block > 1e-3)) == set(np.flatnonzero(expected > 1e-3))


def test_an_edge_has_no_sign() -> None:
    square = ramp(2, 1)
    np.testing.assert_allclose(hog(square), hog(255 - square), atol=1e-5)


def test_edges_do_not_see_contrast_or_brightness(picture: Callable[[int], NDArray[np.uint8]]) -> None:
    square = shrink_grey(picture(1), SIDE)
    np.testing.assert_allclose(hog(square), hog(square * np.float32(0.5) + 60), atol=1e-3)


def test_a_page_is_1764_numbers_of_unit_length(picture: Callable[[int], NDArray[np.uint8]]) -> None:
    vector = hog(shrink_grey(picture(2), SIDE))
    assert vector.shape == (1764,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)


def test_a_blank_page_has_no_edges() -> None:
    assert (hog(np.full((SIDE, SIDE), 200, dtype=np.float32)) == 0).all()
