from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.errors import NotAGallery
from docdex.thumbnails import make_thumbnail, read_thumbnail


@pytest.mark.parametrize(
    ("size", "small"),
    [((512, 1024), (128, 256)), ((1024, 512), (256, 128)), ((100, 50), (100, 50)), ((1, 9000), (1, 256))],
)
def test_the_longer_side_is_at_most_256_pixels(size: tuple[int, int], small: tuple[int, int]) -> None:
    assert read_thumbnail(make_thumbnail(np.zeros((*size, 3), np.uint8))).shape == (*small, 3)


def test_a_smaller_thumbnail_can_be_asked_for() -> None:
    small = make_thumbnail(np.zeros((400, 200, 3), np.uint8), long_side=100)
    assert read_thumbnail(small).shape == (100, 50, 3)


def test_a_thumbnail_keeps_layout_and_colours(blocks: Callable[[int], NDArray[np.uint8]]) -> None:
    page = blocks(3)
    difference = np.abs(read_thumbnail(make_thumbnail(page)).astype(int) - page)
    assert difference.mean() < 12


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_bytes_that_are_no_picture_are_refused(content: bytes) -> None:
    with pytest.raises(NotAGallery):
        read_thumbnail(content)
