"""What lies around, under and on the page: the table, the paper's bend, fingers and things in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def smooth_field(
    rng: np.random.Generator, height: int, width: int, *, knots: int, channels: int = 1
) -> NDArray[np.float32]:
    """Smooth random field of about unit variance that varies over 1/`knots` of a side.

    Returns (H, W) float32 for one channel, (H, W, channels) for more.
    """
    coarse = rng.normal(size=(knots + 1, knots + 1, channels)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field, dtype=np.float32)


def table(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """Something a page might lie on, (H, W, 3) uint8 RGB: any colour, uneven, perhaps a grain or an edge."""
    base = rng.uniform(0, 255, size=3) if rng.random() < 0.5 else np.full(3, rng.uniform(10, 245))
    field = smooth_field(rng, height, width, knots=2, channels=3) * rng.uniform(2, 14)
    field += base.astype(np.float32)
    kind = rng.random()
    if kind < 0.3:  # grain: stretched noise
        coarse = max(height // 2, 2), max(width // 40, 2)
        rough = rng.normal(0, rng.uniform(4, 16), size=coarse).astype(np.float32)
        rough = rough if rng.random() < 0.5 else rough.T
        grain = np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_LINEAR))
        field += grain[..., None]
    elif kind < 0.4:  # another sheet below: a straight edge somewhere
        edge = int(rng.uniform(0.05, 0.95) * (width if rng.random() < 0.5 else height))
        other = rng.uniform(0, 255, size=3).astype(np.float32)
        if rng.random() < 0.5:
            field[:, : min(edge, width)] = other
        else:
            field[: min(edge, height)] = other
    return np.asarray(np.clip(field, 0, 255), dtype=np.uint8)


def bend(rng: np.random.Generator, severity: float, height: int, width: int) -> NDArray[np.float32] | None:
    """Shift of page coordinates, (H, W, 2) float32 in shares of the page; None when it lies flat."""
    if rng.random() > 0.7 * severity:
        return None
    amount = severity * rng.uniform(0.002, 0.014)
    field = smooth_field(rng, height, width, knots=int(rng.integers(1, 4)), channels=2)
    field *= np.float32(amount)
    if rng.random() < 0.5:  # a book's or a roll's curl: one wave across the page, the same in every row
        phase, waves = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.3)
        curl = np.sin(np.linspace(0, 2 * np.pi * waves, width, dtype=np.float32) + np.float32(phase))
        strength = np.float32(severity * rng.uniform(0.004, 0.022))
        if rng.random() < 0.5:
            field[..., 1] += curl[None, :] * strength
        else:
            down = np.sin(np.linspace(0, 2 * np.pi * waves, height, dtype=np.float32) + np.float32(phase))
            field[..., 0] += down[:, None] * strength
    return field


def occlude(photo: Pixels, rng: np.random.Generator, severity: float) -> Pixels:
    """Fingertips from the edges, now and then a thing on the page. Draws into `photo` and returns it."""
    height, width = photo.shape[:2]
    side = min(height, width)
    if rng.random() < 0.3 * severity:
        for _ in range(int(rng.integers(1, 3))):
            _finger(photo, rng, side)
    if rng.random() < 0.12 * severity:
        centre = rng.uniform(0, 1, size=2) * (width, height)
        extent = rng.uniform(0.06, 0.3, size=2) * side
        box = cv2.boxPoints(((centre[0], centre[1]), (extent[0], extent[1]), rng.uniform(0, 90)))
        cv2.fillConvexPoly(photo, box.astype(np.int32), rng.uniform(0, 255, size=3).tolist(), cv2.LINE_AA)
    return photo


def _finger(photo: Pixels, rng: np.random.Generator, side: int) -> None:
    height, width = photo.shape[:2]
    on_edge = rng.uniform(0, 1)
    tip, base = [
        ((on_edge, 0.0), (0.0, -1.0)),
        ((on_edge, 1.0), (0.0, 1.0)),
        ((0.0, on_edge), (-1.0, 0.0)),
        ((1.0, on_edge), (1.0, 0.0)),
    ][int(rng.integers(4))]
    reach = rng.uniform(0.02, 0.14) * side
    thick = rng.uniform(0.05, 0.1) * side
    length = 3 * thick
    outward = np.array(base) + rng.normal(0, 0.35, size=2)
    outward /= np.linalg.norm(outward)
    centre = np.array(tip) * (width, height) + outward * (length - reach)
    skin = np.array([[255, 224, 196], [224, 172, 134], [160, 110, 80], [92, 62, 48]])[int(rng.integers(4))]
    colour = np.clip(skin * rng.uniform(0.6, 1.05), 0, 255)
    angle = float(np.degrees(np.arctan2(outward[1], outward[0])))
    ellipse = ((float(centre[0]), float(centre[1])), (2 * length, 2 * thick), angle)
    cv2.ellipse(photo, ellipse, colour.tolist(), -1, cv2.LINE_AA)
