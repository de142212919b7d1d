"""Turn a page into the model's input in one place, so that training and inference can never drift apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 1
"""Part of the contract two vectors share: raised whenever `prepare` would give other numbers."""


def prepare(pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Model input of one page: squeezed to a square, scaled to [-1, 1].

    The aspect ratio is given up on purpose: a photo cropped a little wrong then moves every cell a little,
    where padding would move a band of cells by a lot. A square also makes quarter turns exact
    (`numpy.rot90`).

    pixels: (H, W, 3) uint8 RGB. Returns (3, side, side) float32, C-contiguous.
    """
    height, width = pixels.shape[:2]
    # Averaging is right when shrinking and blocky when enlarging.
    shrinking = height >= side and width >= side
    interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    square = np.asarray(cv2.resize(pixels, (side, side), interpolation=interpolation))
    scaled: NDArray[np.float32] = square.transpose(2, 0, 1).astype(np.float32, order="C")
    scaled *= np.float32(1 / 127.5)
    scaled -= np.float32(1)
    return scaled
