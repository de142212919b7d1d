"""Scan a flat page: no lamp and no hand, but it lies anywhere on the glass, and copiers change its ink."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.capture.lens import expose
from docdex.capture.photo import project

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def scan(
    page: Pixels,
    rng: np.random.Generator,
    severity: float = 1.0,
    *,
    size: tuple[int, int] | None = None,
    keep_shape: bool = False,
) -> Pixels:
    """A page from a flatbed, a feeder or a copier, cut out well, badly, or with much of the glass around it.

    page: (H, W, 3) uint8 RGB. severity: 0 (the page itself) to 1. size: (height, width) of the result in
    pixels, default that of the page. keep_shape: the glass is made higher or lower until the
    page on it has the shape of `size`. The same generator state gives the same scan.
    """
    height, width = size or page.shape[:2]
    lid = _lid(rng)
    left, top, right, bottom = _margins(rng, severity)
    if keep_shape:
        height = round(height * (1 - left - right) / (1 - top - bottom))
    glass = np.empty((height, width, 3), dtype=np.uint8)
    glass[:] = lid
    corners = np.array([[left, top], [1 - right, top], [1 - right, 1 - bottom], [left, 1 - bottom]])
    scanned = project(page, _turned(corners * (width, height), rng, severity), glass, None)
    scanned = _inked(scanned, rng, severity)
    if rng.random() < 0.15 * severity:
        _punch(scanned, rng)
    return expose(scanned, rng, 0.5 * severity)


def _lid(rng: np.random.Generator) -> tuple[int, int, int]:
    """What shows around the page: a white lid as a rule, black or grey when it stands open."""
    kind = rng.random()
    low, high = (240, 256) if kind < 0.75 else (0, 40) if kind < 0.9 else (60, 200)
    level = int(rng.integers(low, high))
    return level, level, level


def _margins(rng: np.random.Generator, severity: float) -> tuple[float, float, float, float]:
    """Glass left, above, right and below, as shares of its sides: a little, or much for a small receipt."""
    if rng.random() < 0.45 * severity:
        margins = severity * rng.uniform(0, 0.35, size=4) * (rng.random(4) < 0.6)
    else:
        margins = severity * rng.normal(0, 0.02, size=4)
    left, top, right, bottom = margins.tolist()
    return left, top, right, bottom


def _turned(pixels: NDArray[np.float64], rng: np.random.Generator, severity: float) -> NDArray[np.float32]:
    """Corners of a page, (4, 2), that was not laid quite straight."""
    angle = np.deg2rad(severity * rng.normal(0, 1.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = pixels.mean(axis=0)
    return np.asarray((pixels - centre) @ turn.T + centre, dtype=np.float32)


def _inked(scanned: Pixels, rng: np.random.Generator, severity: float) -> Pixels:
    """Grey or black and white, thicker or thinner strokes, faded or hard print."""
    if rng.random() < 0.35 * severity:
        grey = cv2.cvtColor(scanned, cv2.COLOR_RGB2GRAY)
        scanned = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    stroke = rng.random()
    if stroke < 0.2 * severity:  # darkest neighbour: ink runs
        scanned = cv2.erode(scanned, np.ones((2, 2), np.uint8)).astype(np.uint8)
    elif stroke < 0.35 * severity:
        scanned = cv2.dilate(scanned, np.ones((2, 2), np.uint8)).astype(np.uint8)
    levels = np.arange(256, dtype=np.float32)
    if rng.random() < 0.3 * severity:  # hard copy: contrast about a level of paper
        pivot, gain = rng.uniform(110, 220), rng.uniform(1.3, 4)
        levels = (levels - pivot) * gain + pivot
    if rng.random() < 0.4 * severity:  # faded: ink goes towards the paper
        levels = 255 - (255 - levels) * rng.uniform(0.35, 0.9)
    return np.asarray(cv2.LUT(scanned, np.clip(levels, 0, 255).astype(np.uint8)), dtype=np.uint8)


def _punch(scanned: Pixels, rng: np.random.Generator) -> None:
    """Holes of a binder along one side."""
    height, width = scanned.shape[:2]
    radius = max(1, int(0.02 * min(height, width)))
    along, level = rng.uniform(0.15, 0.4), int(rng.choice([0, 60, 250]))
    for share in (along, 1 - along):
        centre = (int(0.04 * width), int(share * height))
        if rng.random() < 0.3:
            centre = (int(share * width), int(0.04 * height))
        cv2.circle(scanned, centre, radius, (level, level, level), -1, cv2.LINE_AA)
