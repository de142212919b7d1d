from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.capture import scan

Pixels = NDArray[np.uint8]


@pytest.fixture
def page() -> Pixels:
    """A page of dark print on light paper, (240, 180, 3)."""
    page = np.full((240, 180, 3), 245, np.uint8)
    page[40:60, 20:160] = 30
    page[100:104, 20:120] = (40, 60, 160)
    page[150:200, 90:150] = (200, 120, 60)
    return page


def test_the_same_generator_state_gives_the_same_scan(page: Pixels) -> None:
    one, other, third = (scan(page, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_without_severity_the_scan_is_the_page(page: Pixels) -> None:
    for seed in range(5):
        assert np.abs(scan(page, np.random.default_rng(seed), 0.0).astype(int) - page).mean() < 1


@pytest.mark.parametrize("size", [None, (64, 64), (300, 50)])
def test_a_scan_has_the_size_asked_for_and_leaves_the_page_alone(
    page: Pixels, size: tuple[int, int] | None
) -> None:
    before = page.copy()
    for seed in range(30):
        scanned = scan(page, np.random.default_rng(seed), size=size)
        assert scanned.shape == ((*size, 3) if size else page.shape)
        assert scanned.dtype == np.uint8
    assert np.array_equal(page, before)


def test_scans_are_in_colour_in_grey_and_with_much_glass_around(page: Pixels) -> None:
    scans = [scan(page, np.random.default_rng(seed)) for seed in range(200)]
    coloured = [bool((np.ptp(s.astype(int), axis=2) > 40).any()) for s in scans]
    assert 0.4 < np.mean(coloured) < 0.9
    # Where the page has its dark bar, a small page on a large glass shows something else.
    moved = [bool(s[45:55, 60:120].mean() > 150) for s in scans]
    assert 0.1 < np.mean(moved) < 0.7


def test_a_page_that_keeps_its_shape_is_surrounded_by_as_much_glass_as_that_takes() -> None:
    # A disc shows the shape wherever it lies on the glass.
    page = np.full((200, 200, 3), 255, np.uint8)
    cv2.circle(page, (100, 100), 80, (0, 0, 0), -1)

    def shapes(*, keep_shape: bool) -> list[float]:
        found = []
        for seed in range(60):
            rng = np.random.default_rng(seed)
            dark = scan(page, rng, size=(200, 200), keep_shape=keep_shape).max(axis=2) < 90
            parts = cv2.connectedComponentsWithStats(dark.astype(np.uint8))[2][1:]
            if not len(parts):  # faded
                continue
            x, y, width, height, _ = parts[parts[:, 4].argmax()]
            if min(x, y) > 0 and x + width < dark.shape[1] and y + height < dark.shape[0]:
                found.append(height / width)
        assert len(found) > 20
        return found

    assert np.abs(np.log(shapes(keep_shape=True))).max() < 0.15
    assert np.abs(np.log(shapes(keep_shape=False))).max() > 0.3
