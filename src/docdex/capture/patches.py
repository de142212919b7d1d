"""What changing a page by hand takes: a place on it, its paper, and another page's ink on that paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


PENS = ((20, 20, 60), (25, 25, 25), (160, 20, 30), (30, 60, 150))
"""What people write in: blue-black, black, red, blue; RGB."""


def random_box(
    rng: np.random.Generator, shape: tuple[int, ...], width: tuple[float, float], height: tuple[float, float]
) -> tuple[slice, slice]:
    """A random rectangle inside an image; extents in shares of its sides, of 2 pixels or more if it has."""
    rows, columns = shape[:2]
    h = min(rows, max(2, int(rng.uniform(*height) * rows)))
    w = min(columns, max(2, int(rng.uniform(*width) * columns)))
    top, left = int(rng.integers(rows - h + 1)), int(rng.integers(columns - w + 1))
    return slice(top, top + h), slice(left, left + w)


def paper_of(patch: Pixels) -> NDArray[np.float32]:
    """Colour of the paper in a patch, (3,) float32: the bright end, as ink is darker than what it lies on."""
    flat = patch.reshape(-1, 3)
    step = max(1, len(flat) // 512)
    return np.percentile(flat[::step], 85, axis=0).astype(np.float32)


def ink_of(patch: Pixels, height: int, width: int) -> NDArray[np.float32]:
    """What a patch does to the paper below it, (height, width, 3) float32, 1 where it is blank."""
    scaled = cv2.resize(patch, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.minimum(scaled / np.maximum(paper_of(patch), 1), 1)


def overwrite(page: Pixels, area: tuple[slice, slice], source: Pixels) -> None:
    """Blank a part of a page, in place, and write the ink of another picture there, scaled to fit."""
    height, width = page[area].shape[:2]
    page[area] = (paper_of(page[area]) * ink_of(source, height, width)).astype(np.uint8)
