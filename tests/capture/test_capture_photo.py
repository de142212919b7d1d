from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.capture import Photo, capture, photograph

Pixels = NDArray[np.uint8]


def patchwork(seed: int, height: int = 240, width: int = 180) -> Pixels:
    """A page of coloured patches of 15 pixels: every place is told from every other, whatever the light."""
    cells = np.random.default_rng(seed).integers(0, 256, (height // 15, width // 15, 3), dtype=np.uint8)
    return np.repeat(np.repeat(cells, 15, axis=0), 15, axis=1)


def undo(photo: Photo, corners: NDArray[np.float32], height: int, width: int) -> Pixels:
    """The page cut out of its photo along these corners, as somebody who trusts them would."""
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    # OpenCV counts from the centres of pixels, corners from their edges.
    matrix = cv2.getPerspectiveTransform(corners - 0.5, flat - 0.5)
    return np.asarray(cv2.warpPerspective(photo.pixels, matrix, (width, height)), dtype=np.uint8)


def correlation(a: Pixels, b: Pixels) -> float:
    return float(np.corrcoef(a.astype(np.float64).ravel(), b.astype(np.float64).ravel())[0, 1])


def test_the_same_generator_state_gives_the_same_photo() -> None:
    one, other = (photograph(patchwork(0), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.pixels, other.pixels)
    assert np.array_equal(one.corners, other.corners)


def test_another_generator_state_gives_another_photo() -> None:
    one, other = (capture(patchwork(0), np.random.default_rng(seed)) for seed in (5, 6))
    assert not np.array_equal(one, other)


def test_a_photo_of_no_severity_is_the_page() -> None:
    page = patchwork(0)
    photo = photograph(page, np.random.default_rng(1), 0.0)
    assert np.array_equal(photo.pixels, page)
    assert np.array_equal(photo.corners, [[0, 0], [180, 0], [180, 240], [0, 240]])


def test_a_margin_surrounds_the_page_with_table_and_the_corners_say_where_it_lies() -> None:
    page = patchwork(0)
    photo = photograph(page, np.random.default_rng(1), 0.0, size=(480, 360), margin=0.25)
    assert np.array_equal(photo.corners, [[90, 120], [270, 120], [270, 360], [90, 360]])
    assert np.array_equal(photo.pixels[120:360, 90:270], page)


@pytest.mark.parametrize(("severity", "least"), [(0.3, 0.9), (1.0, 0.6)])
def test_the_page_is_found_along_the_corners_that_are_said_to_be_true(severity: float, least: float) -> None:
    page, found, missed = patchwork(0), [], []
    for seed in range(24):
        photo = photograph(page, np.random.default_rng(seed), severity, size=(480, 360), margin=0.15)
        framed = photograph(page, np.random.default_rng(seed), 0.0, size=(480, 360), margin=0.15).corners
        found.append(correlation(page, undo(photo, photo.corners, 240, 180)))
        missed.append(correlation(page, undo(photo, framed, 240, 180)))
    assert np.median(found) > least
    assert np.median(found) > np.median(missed) + 0.15


def test_more_severity_leaves_less_of_the_page() -> None:
    page = patchwork(0)
    means = [
        np.mean([correlation(page, capture(page, np.random.default_rng(k), severity)) for k in range(24)])
        for severity in (0.0, 0.3, 1.0)
    ]
    assert means[0] > means[1] > means[2]


def test_the_page_itself_stays_as_it_was() -> None:
    page = patchwork(0)
    before = page.copy()
    for seed in range(12):
        capture(page, np.random.default_rng(seed))
    assert np.array_equal(page, before)


def test_fine_print_shrinks_to_grey_and_not_to_noise() -> None:
    fine = np.repeat(
        255 * np.random.default_rng(0).integers(0, 2, (1200, 1200, 1), dtype=np.uint8), 3, axis=2
    )
    photo = capture(fine, np.random.default_rng(0), 0.0, size=(100, 100))
    assert photo.std() < 20  # four pixels averaged would leave 64
    assert 120 < photo.mean() < 135


@settings(max_examples=60, deadline=None)
@given(
    page=st.tuples(st.integers(2, 300), st.integers(2, 300)),
    size=st.none() | st.tuples(st.integers(2, 300), st.integers(2, 300)),
    severity=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_any_page_becomes_a_photo_of_the_size_asked_for(
    page: tuple[int, int], size: tuple[int, int] | None, severity: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*page, 3), dtype=np.uint8)
    photo = photograph(pixels, rng, severity, size=size)
    assert photo.pixels.shape == (*(size or page), 3)
    assert photo.pixels.dtype == np.uint8
    assert photo.corners.shape == (4, 2)
    assert photo.corners.dtype == np.float32


@pytest.mark.parametrize("shape", [(2000, 3), (3, 2000)])
def test_a_sliver_is_photographed_too(shape: tuple[int, int]) -> None:
    sliver = np.zeros((*shape, 3), dtype=np.uint8)
    assert capture(sliver, np.random.default_rng(0), size=(64, 48)).shape == (64, 48, 3)
