"""Lens, sensor and file: what blurs, speckles and compresses a photo after the light has fallen on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def expose(photo: Pixels, rng: np.random.Generator, severity: float) -> Pixels:
    """Blur, noise and JPEG, in that order. (H, W, 3) uint8 RGB in and out; may return `photo` itself."""
    side = min(photo.shape[:2])
    kind = rng.random()
    if kind < 0.3 * severity:
        # Blur is meant relative to the page: this much of a side, whatever the resolution.
        photo = _uint8(cv2.GaussianBlur(photo, (0, 0), max(severity * rng.uniform(0.001, 0.011) * side, 0.3)))
    elif kind < 0.5 * severity:
        shake = max(3, severity * rng.uniform(0.01, 0.05) * side)
        photo = _uint8(cv2.filter2D(photo, -1, _motion(rng, shake)))
    elif kind < 0.62 * severity:
        smaller = rng.uniform(0.35, 0.8)
        low = cv2.resize(photo, None, fx=smaller, fy=smaller, interpolation=cv2.INTER_AREA)
        photo = _uint8(cv2.resize(low, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    if rng.random() < 0.6 * severity:
        photo = _noise(photo, rng, severity * rng.uniform(1, 14))
    if rng.random() < 0.7 * severity:
        quality = int(rng.uniform(20, 90))
        _, encoded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
        photo = _uint8(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return photo


def _uint8(array: object) -> Pixels:
    return np.asarray(array, dtype=np.uint8)


def _motion(rng: np.random.Generator, length: float) -> NDArray[np.float32]:
    """Kernel of a straight shake, odd side, sums to 1."""
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), dtype=np.float32)
    angle, centre = rng.uniform(0, np.pi), (side - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = (centre - reach).round().astype(int).tolist(), (centre + reach).round().astype(int).tolist()
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _noise(photo: Pixels, rng: np.random.Generator, sigma: float) -> Pixels:
    """Sensor noise of standard deviation `sigma` levels; grain of one or two pixels."""
    height, width = photo.shape[:2]
    coarse = 2 if rng.random() < 0.4 else 1
    grain: NDArray[np.int16] = np.empty((-(-height // coarse), -(-width // coarse), 3), dtype=np.int16)
    # OpenCV's generator is several times faster than numpy's; it is one a thread, and seeded anew each time.
    cv2.setRNGSeed(int(rng.integers(2**31 - 1)))
    cv2.randn(grain, np.zeros(3), np.full(3, sigma))
    if coarse > 1:
        grain = np.asarray(
            cv2.resize(grain, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.int16
        )
    return _uint8(cv2.add(photo, grain, dtype=cv2.CV_8U))
