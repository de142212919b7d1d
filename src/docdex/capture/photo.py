"""Photograph a flat page: where each point of it lands, then light, lens and file, in the world's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.capture import lens, light, surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo of a page with the truth about it.

    pixels: (H, W, 3) uint8 RGB. corners: (4, 2) float32, x and y of the page's top left, top right, bottom
    right and bottom left corner, in photo pixels whose centres are at halves; they may lie outside the photo.
    """

    pixels: Pixels
    corners: NDArray[np.float32]


def capture(
    page: Pixels,
    rng: np.random.Generator,
    severity: float = 1.0,
    *,
    size: tuple[int, int] | None = None,
    margin: float = 0.0,
) -> Pixels:
    """Pixels of `photograph`, for callers who need no geometry."""
    return photograph(page, rng, severity, size=size, margin=margin).pixels


def photograph(
    page: Pixels,
    rng: np.random.Generator,
    severity: float = 1.0,
    *,
    size: tuple[int, int] | None = None,
    margin: float = 0.0,
) -> Photo:
    """A hurried phone photo of a page, cropped about as well as a person or a corner finder would.

    page: (H, W, 3) uint8 RGB, at least 2 pixels a side. severity: 0 (a flatbed scan) to 1 (as bad as a photo
    that people still send). size: (height, width) of the photo in pixels, default that of the page. margin:
    share of the photo's side that is table on each edge, before crop error; 0 is a cropped page. The same
    generator state gives the same photo.
    """
    height, width = size or page.shape[:2]
    corners = _corners(rng, severity, height, width, margin)
    table = surface.table(rng, height, width)
    photo = project(page, corners, table, surface.bend(rng, severity, height, width))
    photo = light.illuminate(photo, rng, severity)
    photo = surface.occlude(photo, rng, severity)
    return Photo(lens.expose(photo, rng, severity), corners)


def _corners(
    rng: np.random.Generator, severity: float, height: int, width: int, margin: float
) -> NDArray[np.float32]:
    """Where the corners land: a loose or tight crop, a tilted camera, a turned page, clumsy corners."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)
    corners = margin + square * (1 - 2 * margin)
    # A crop that is tight on one side and loose on the other shifts; one that is loose all round scales.
    scale = 1 + severity * rng.normal(0, 0.035, size=2)
    shift = severity * rng.normal(0, 0.022, size=2)
    corners = (corners - 0.5) * scale + 0.5 + shift
    # The camera's tilt: opposite edges shrink and grow.
    tilt = severity * rng.normal(0, 0.03, size=2)
    centred = corners - 0.5
    corners = 0.5 + centred * (1 + centred[:, ::-1] * tilt * 2)
    pixels = corners * (width, height)
    angle = np.deg2rad(severity * rng.normal(0, 2.2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([width / 2, height / 2])
    pixels = (pixels - centre) @ turn.T + centre
    pixels += severity * rng.normal(0, 0.018, size=(4, 2)) * (width, height)
    return np.asarray(pixels, dtype=np.float32)


def project(
    page: Pixels, corners: NDArray[np.float32], table: Pixels, bend: NDArray[np.float32] | None
) -> Pixels:
    """Draw the page onto the table, in place. bend: (H, W, 2) float32, a shift in shares of the page."""
    height, width = table.shape[:2]
    page_height, page_width = page.shape[:2]
    shrink = max(page_height / height, page_width / width)
    # remap samples four pixels only: shrink first, or fine print becomes noise. A sliver would vanish.
    if shrink > 2 and 4 * min(page_height, page_width) > shrink:
        smaller = cv2.resize(page, None, fx=2 / shrink, fy=2 / shrink, interpolation=cv2.INTER_AREA)
        page = np.asarray(smaller, dtype=np.uint8)
        page_height, page_width = page.shape[:2]
    target = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32) * (page_width, page_height)
    to_page = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    scale = to_page[2, 0] * xs + to_page[2, 1] * ys + to_page[2, 2]
    map_x = ((to_page[0, 0] * xs + to_page[0, 1] * ys + to_page[0, 2]) / scale - 0.5).astype(np.float32)
    map_y = ((to_page[1, 0] * xs + to_page[1, 1] * ys + to_page[1, 2]) / scale - 0.5).astype(np.float32)
    if bend is not None:
        map_x += bend[..., 0] * np.float32(page_width)
        map_y += bend[..., 1] * np.float32(page_height)
    drawn = cv2.remap(page, map_x, map_y, cv2.INTER_LINEAR, table, cv2.BORDER_TRANSPARENT)
    return np.asarray(drawn, dtype=np.uint8)
