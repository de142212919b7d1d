"""Light on the page: gradients, the photographer's shadow, glare on laminate, and the colour of the lamp."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.capture.surface import smooth_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_COARSE = 48
"""Light varies slowly: its field is drawn this coarse and stretched, costs a hundredth and looks the same."""


def illuminate(photo: Pixels, rng: np.random.Generator, severity: float) -> Pixels:
    """The photo under another light; a new array. (H, W, 3) uint8 RGB in and out."""
    height, width = photo.shape[:2]
    unevenness = smooth_field(rng, _COARSE, _COARSE, knots=int(rng.integers(1, 4)))
    gain = np.exp(unevenness * (severity * rng.uniform(0, 0.22)))
    if rng.random() < 0.45 * severity:
        gain *= _shadow(rng)
    coloured = gain[..., None] * _lamp(rng, severity)
    glare = np.zeros((_COARSE, _COARSE, 1), dtype=np.float32)
    if rng.random() < 0.35 * severity:
        for _ in range(int(rng.integers(1, 3))):
            glare[..., 0] += _spot(rng)
    field = np.concatenate([coloured, glare * 255], axis=2).astype(np.float32)
    stretched = np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR))
    lit = photo.astype(np.float32)
    lit *= stretched[..., :3]
    lit += stretched[..., 3:]
    return _tone(lit, rng, severity)


def _shadow(rng: np.random.Generator) -> NDArray[np.float32]:
    """Gain under a hand or phone, (COARSE, COARSE) float32 in 0..1: a half plane or a blob, soft or hard."""
    mask = np.zeros((_COARSE, _COARSE), dtype=np.float32)
    if rng.random() < 0.6:
        direction = rng.uniform(0, 2 * np.pi)
        ys, xs = np.mgrid[-1 : 1 : _COARSE * 1j, -1 : 1 : _COARSE * 1j]
        mask[np.cos(direction) * xs + np.sin(direction) * ys > rng.normal(0, 0.45)] = 1
    else:
        around = rng.normal(0, 0.35, size=(int(rng.integers(3, 6)), 2))
        points = (around + rng.uniform(0, 1, size=2)) * _COARSE
        cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1.0)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.6, 6)))
    return np.asarray(1 - soft * rng.uniform(0.2, 0.65), dtype=np.float32)


def _spot(rng: np.random.Generator) -> NDArray[np.float32]:
    """A lamp's mirror image, (COARSE, COARSE) float32, at most about 1.4: above 1 it burns out."""
    ys, xs = np.mgrid[0 : 1 : _COARSE * 1j, 0 : 1 : _COARSE * 1j]
    centre, turn = rng.uniform(0, 1, size=2), rng.uniform(0, np.pi)
    u = (xs - centre[0]) * np.cos(turn) + (ys - centre[1]) * np.sin(turn)
    v = (ys - centre[1]) * np.cos(turn) - (xs - centre[0]) * np.sin(turn)
    wide, narrow = rng.uniform(0.05, 0.35), rng.uniform(0.03, 0.12)
    distance = (u / wide) ** 2 + (v / narrow) ** 2
    spot = rng.uniform(0.25, 1.4) * np.exp(-0.5 * distance ** rng.uniform(0.7, 2))
    return np.asarray(spot, dtype=np.float32)


def _lamp(rng: np.random.Generator, severity: float) -> NDArray[np.float32]:
    """Gain a channel, (3,) float32: warm to cold, green to magenta, and the exposure."""
    warm, tint, exposure = severity * rng.normal(0, [0.12, 0.07, 0.13])
    gains = np.exp(np.array([warm + tint / 2, -tint, -warm + tint / 2]) + exposure)
    return np.asarray(gains, dtype=np.float32)


def _tone(lit: NDArray[np.float32], rng: np.random.Generator, severity: float) -> Pixels:
    """The camera's curve: contrast about a pivot, saturation, sometimes no colour at all, gamma by table."""
    colourless = rng.random() < 0.12 * severity
    saturation = 0.0 if colourless else float(np.exp(severity * rng.normal(0, 0.3)))
    contrast, lift = float(np.exp(severity * rng.normal(0, 0.17))), severity * float(rng.normal(0, 8))
    # Saturation and contrast are one 3x4 matrix on colour.
    grey = np.full((3, 3), 1 / 3) * (1 - saturation)
    matrix = contrast * (grey + np.eye(3) * saturation)
    offset = (1 - contrast) * 128 + lift
    toned = cv2.transform(lit, np.column_stack([matrix, np.full(3, offset)]).astype(np.float32))
    levels = np.clip(toned, 0, 255).astype(np.uint8)
    gamma = float(np.exp(severity * rng.normal(0, 0.22)))
    curve = (255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8)
    return np.asarray(cv2.LUT(levels, curve), dtype=np.uint8)
