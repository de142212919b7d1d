"""Describe a page by the directions of its edges, as pictures were told apart before networks.

Histograms of oriented gradients (Dalal and Triggs, CVPR 2005), in few lines since OpenCV 5 left them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 128
_CELLS = 8
_BINS = 9
_CLIP = 0.2
_SMALLEST = 1e-3
"""Added to a block's length, in grey levels: noise on blank paper is not blown up to an edge."""


def hog(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """Edges of a (128, 128) grey square, 0 to 255, as a vector: (1764,) of unit length or zero.

    8 x 8 cells of 9 directions, without sign, each gradient parted between the two nearest; 7 x 7 overlapping
    blocks of 2 x 2 cells, each of unit length, clipped at 0.2 and scaled again.
    """
    horizontal, vertical = (cv2.Sobel(square, cv2.CV_32F, dx, 1 - dx, ksize=1) for dx in (1, 0))
    strength, degrees = cv2.cartToPolar(horizontal, vertical, angleInDegrees=True)
    position = degrees % 180 * (_BINS / 180) - 0.5
    lower = np.floor(position)
    share = position - lower
    cells = np.arange(SIDE) * _CELLS // SIDE
    cell = (cells[:, None] * _CELLS + cells) * _BINS
    votes = np.zeros(_CELLS * _CELLS * _BINS)
    for number, weight in ((lower, 1 - share), (lower + 1, share)):
        bins = cell + number.astype(np.intp) % _BINS
        votes += np.bincount(bins.ravel(), (weight * strength).ravel(), minlength=len(votes))
    grid = votes.reshape(_CELLS, _CELLS, _BINS)
    corners = [grid[y : y + _CELLS - 1, x : x + _CELLS - 1] for y in (0, 1) for x in (0, 1)]
    blocks = np.concatenate(corners, axis=-1)
    vector = _scaled(np.minimum(_scaled(blocks), _CLIP)).ravel()
    return np.asarray(vector / (np.linalg.norm(vector) or 1), dtype=np.float32)


def _scaled(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors (..., D) of nearly unit length; what is near zero stays near it."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + _SMALLEST))
