"""Small pictures of registered pages: to look at, and to embed again when the source file is gone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from docdex.errors import NotAGallery

LONG_SIDE = 256
"""Pixels of a thumbnail's longer side, unless the page is smaller."""

_QUALITY = 88


def make_thumbnail(pixels: NDArray[np.uint8], long_side: int = LONG_SIDE) -> bytes:
    """JPEG of a page (H, W, 3) uint8 RGB, shrunk so that its longer side is at most that many pixels."""
    height, width = pixels.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return encoded.tobytes()


def read_thumbnail(jpeg: bytes) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) uint8 RGB of a thumbnail. Raises `NotAGallery` when they cannot be read."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if pixels is None:
        raise NotAGallery("A thumbnail of the gallery is damaged: restore the gallery from a copy.")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
