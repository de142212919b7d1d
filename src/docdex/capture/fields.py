"""Change the fields of a page, so that one picture of a template can stand for other people's copies of it.

One image a class never shows what the task is about: the same template with another person's data. Here
names, numbers, tables and photos of one page are overwritten by those of another, while the page's own art
stays where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.capture.patches import PENS, ink_of, overwrite, paper_of, random_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def change_fields(page: Pixels, donor: Pixels, rng: np.random.Generator, amount: float = 1.0) -> Pixels:
    """A copy of `page` with other contents taken from `donor`.

    page, donor: (H, W, 3) uint8 RGB of any sizes. amount: 0 changes nothing, 1 up to about 40 % of the
    page. The width stays; a band of up to half of the height may become up to eight times shorter or longer,
    as lists do.
    """
    page = page.copy()
    if rng.random() < 0.45 * amount:
        page = _change_rows(page, donor, rng)
    if rng.random() < 0.35 * amount:
        _move_ink(page, rng)
    for _ in range(int(rng.poisson(4 * amount))):
        _change_line(page, donor, rng)
    if rng.random() < 0.25 * amount:
        _change_photo(page, donor, rng)
    if rng.random() < 0.25 * amount:
        _write_by_hand(page, rng)
    return page


def _change_line(page: Pixels, donor: Pixels, rng: np.random.Generator) -> None:
    """Blank a line's worth of the page and write a line of the donor's there."""
    area = random_box(rng, page.shape, (0.08, 0.5), (0.015, 0.07))
    overwrite(page, area, donor[random_box(rng, donor.shape, (0.1, 0.6), (0.015, 0.09))])


def _change_rows(page: Pixels, donor: Pixels, rng: np.random.Generator) -> Pixels:
    """Replace a band over the full width by another of another height: a longer or shorter list of items."""
    rows, columns = page.shape[:2]
    top = int(rng.uniform(0.2, 0.75) * rows)
    bottom = min(rows, top + max(1, int(rng.uniform(0.05, 0.5) * rows)))
    height = max(2, int((bottom - top) * np.exp(np.clip(rng.normal(0, 0.7), -2.1, 2.1))))
    if rng.random() < 0.6:
        # Items of the page's own kind: its rows, from elsewhere in the page.
        start = int(rng.integers(max(1, rows - height)))
        source = page[start : start + height]
    else:
        source = donor[random_box(rng, donor.shape, (0.6, 1.0), (0.1, 0.5))]
    band = paper_of(page[top:bottom]) * ink_of(source, height, columns)
    return np.concatenate([page[:top], band.astype(np.uint8), page[bottom:]])


def _move_ink(page: Pixels, rng: np.random.Generator) -> None:
    """Roll the contents of a block along its rows: columns and rules stay, what is in them changes."""
    area = random_box(rng, page.shape, (0.3, 0.9), (0.1, 0.4))
    height, width = page[area].shape[:2]
    down, along = int(rng.integers(height)), int(rng.integers(-width // 4, width // 4 + 1))
    page[area] = np.roll(page[area], (down, along if rng.random() < 0.4 else 0), axis=(0, 1))


def _change_photo(page: Pixels, donor: Pixels, rng: np.random.Generator) -> None:
    """Paste a picture of the donor where a portrait might be."""
    area = random_box(rng, page.shape, (0.12, 0.35), (0.15, 0.45))
    height, width = page[area].shape[:2]
    source = donor[random_box(rng, donor.shape, (0.3, 0.8), (0.3, 0.8))]
    page[area] = cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA)


def _write_by_hand(page: Pixels, rng: np.random.Generator) -> None:
    """A signature, a tick, a stamp or a stroke of marker."""
    height, width = page.shape[:2]
    side = min(height, width)
    start = rng.uniform(0.05, 0.9, size=2) * (width, height)
    kind = rng.random()
    if kind < 0.2:  # marker: colours the paper, keeps the ink
        area = random_box(rng, page.shape, (0.15, 0.6), (0.02, 0.05))
        tint = np.array([[1, 1, 0.3], [0.5, 1, 0.6], [1, 0.6, 0.7]])[int(rng.integers(3))]
        page[area] = (page[area] * tint).astype(np.uint8)
        return
    ink = PENS[int(rng.integers(len(PENS)))]
    thickness = max(1, round(side * rng.uniform(0.003, 0.009)))
    if kind < 0.4:  # stamp
        radius = int(rng.uniform(0.05, 0.13) * side)
        cv2.circle(page, start.astype(int).tolist(), radius, ink, thickness, cv2.LINE_AA)
        cv2.circle(page, start.astype(int).tolist(), max(2, radius * 2 // 3), ink, thickness, cv2.LINE_AA)
        return
    steps = rng.normal(0, 1, size=(int(rng.integers(6, 24)), 2)) * (side * 0.03)
    steps[:, 0] += side * rng.uniform(0, 0.015)
    path = (start + np.cumsum(steps, axis=0)).astype(np.int32)
    cv2.polylines(page, [path], isClosed=False, color=ink, thickness=thickness, lineType=cv2.LINE_AA)
