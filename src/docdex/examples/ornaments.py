"""What makes a sheet look official: guilloches, rosettes, arms, stamps, signatures, barcodes, tables."""

# A place comes first in every call, coordinate by coordinate.
# ruff: noqa: PLR0917

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from docdex.examples.canvas import Align, Box, Canvas, smooth
from docdex.examples.people import Person, pick

INK = "#27408f"

# First strokes of a signature, in shares of its box: an A, a J, an S, an M.
CAPITALS = (
    ((0.03, 0.7), (0.1, 0.05), (0.16, 0.85), (0.02, 0.5)),
    ((0.06, 0.1), (0.18, 0.08), (0.1, 0.95), (0.0, 0.75)),
    ((0.18, 0.15), (0.04, 0.25), (0.18, 0.65), (0.02, 0.85)),
    ((0.02, 0.85), (0.06, 0.1), (0.11, 0.6), (0.17, 0.08)),
)


def draw_waves(
    canvas: Canvas,
    box: Box,
    colour: str,
    *,
    lines: int = 24,
    swing: float = 0.5,
    periods: float = 3.0,
    opacity: float = 0.5,
) -> None:
    """Fill a box with a band of interlaced waves; swing: height of a wave as a share of the box."""
    x = np.linspace(0, 1, 160)
    with canvas.faint(opacity), canvas.within(box):
        for k in np.linspace(0, 1, lines):
            beat = np.sin(2 * np.pi * (periods * x + k)) * np.cos(np.pi * (periods * 0.37 * x + 2 * k))
            y = box.y + box.h * (k * 1.2 - 0.1 + swing * 0.5 * beat)
            canvas.path(np.stack([box.x + box.w * x, y], axis=1), colour, 0.5)


def draw_rosette(
    canvas: Canvas,
    x: float,
    y: float,
    radius: float,
    colour: str,
    *,
    petals: int = 12,
    turns: int = 14,
    opacity: float = 0.6,
) -> None:
    """Draw a guilloche rosette: one petalled curve, turned and shrunk many times."""
    theta = np.linspace(0, 2 * np.pi, 60 * max(4, petals // 2))
    with canvas.faint(opacity):
        for k in range(turns):
            part = k / turns
            reach = (
                radius * (0.45 + 0.55 * part) * (0.82 + 0.18 * np.cos(petals * theta + 2 * np.pi * part * 3))
            )
            canvas.path(np.stack([x + reach * np.cos(theta), y + reach * np.sin(theta)], axis=1), colour, 0.5)


def draw_arms(
    canvas: Canvas,
    x: float,
    y: float,
    size: float,
    field: str,
    metal: str,
    charge: Literal["sun", "tower", "ship"] = "sun",
) -> None:
    """Draw a shield with a crown and a charge, `size` high, around (x, y)."""
    w, h = size * 0.36, size * 0.5
    top = y - h * 0.55
    side = [(w, 0), (w, h * 0.55), (w * 0.7, h * 0.9), (0, h * 1.12)]
    shield = [
        (x - w, top),
        (x + w, top),
        *((x + a, top + b) for a, b in side[1:]),
        *((x - a, top + b) for a, b in side[-2:0:-1]),
    ]
    canvas.polygon(shield, field)
    canvas.path(shield, metal, size * 0.03, closed=True)
    crown = [
        (-0.75, -0.06),
        (-0.95, -0.5),
        (-0.45, -0.26),
        (0, -0.62),
        (0.45, -0.26),
        (0.95, -0.5),
        (0.75, -0.06),
    ]
    canvas.polygon([(x + a * w, top + b * w * 1.1) for a, b in crown], metal)
    middle = top + h * 0.5
    if charge == "sun":
        for angle in np.arange(0, 360, 30):
            a = np.deg2rad(angle)
            tip = (x + 0.68 * w * np.cos(a), middle + 0.68 * w * np.sin(a))
            base = [(x + 0.4 * w * np.cos(a + d), middle + 0.4 * w * np.sin(a + d)) for d in (-0.2, 0.2)]
            canvas.polygon([tip, *base], metal)
        canvas.disc(x, middle, 0.34 * w, metal)
    elif charge == "tower":
        canvas.fill(Box(x - 0.4 * w, middle - 0.4 * w, 0.8 * w, 1.1 * w), metal)
        for k in (-0.5, -0.1, 0.3):
            canvas.fill(Box(x + k * w, middle - 0.62 * w, 0.2 * w, 0.25 * w), metal)
        canvas.fill(Box(x - 0.13 * w, middle + 0.2 * w, 0.26 * w, 0.5 * w), field, 0.13 * w)
    else:
        hull = [(-0.7, 0.35), (0.7, 0.35), (0.45, 0.7), (-0.45, 0.7)]
        canvas.polygon([(x + a * w, middle + b * w) for a, b in hull], metal)
        for sail in (
            [(-0.05, -0.65), (-0.05, 0.25), (-0.6, 0.25)],
            [(0.08, -0.5), (0.08, 0.25), (0.6, 0.25)],
        ):
            canvas.polygon([(x + a * w, middle + b * w) for a, b in sail], metal)


def draw_stamp(
    canvas: Canvas,
    x: float,
    y: float,
    radius: float,
    colour: str,
    around: str,
    lines: Sequence[str],
    tilt: float = 0.0,
) -> None:
    """Draw a round rubber stamp: two rings, words around, words across; tilt: degrees counter-clockwise."""
    with canvas.faint(0.62):
        canvas.ring(x, y, radius, colour, radius * 0.06)
        canvas.ring(x, y, radius * 0.66, colour, radius * 0.03)
        step = 360 / len(around)
        for place, letter in enumerate(around):
            at = 180 - place * step + tilt
            a = np.deg2rad(at)
            canvas.text(
                x + radius * 0.74 * np.cos(a),
                y - radius * 0.74 * np.sin(a),
                letter,
                radius * 0.26,
                colour,
                weight=600,
                align="centre",
                angle=at - 90,
            )
        turn = np.deg2rad(tilt)
        for row, line in enumerate(lines):
            down = (row - (len(lines) - 1) / 2 + 0.3) * radius * 0.34
            canvas.text(
                x + np.sin(turn) * down,
                y + np.cos(turn) * down,
                line,
                radius * 0.28,
                colour,
                weight=700,
                align="centre",
                angle=tilt,
            )


def draw_signature(canvas: Canvas, box: Box, rng: np.random.Generator, colour: str = INK) -> None:
    """Draw a signature that nobody writes: a big first letter, waning loops, a flourish."""
    t = np.linspace(0, 1, 160)
    turns = 2 * np.pi * rng.uniform(5, 9) * t
    knots = np.linspace(0, 1, 7)
    height = np.interp(t, knots, np.linspace(0.34, 0.08, 7) * rng.uniform(0.4, 1.5, 7))
    x = (
        0.2
        + 0.72 * t
        + rng.uniform(0.02, 0.05) * np.sin(turns)
        - 0.25 * height * np.cos(turns) * rng.uniform(0.2, 0.8)
    )
    y = 0.56 + height * np.cos(turns) - 0.06 * t
    capital = pick(rng, CAPITALS) + rng.normal(0, 0.02, (4, 2))
    points = np.concatenate([smooth([*capital, (x[0], y[0])]), np.stack([x, y], axis=1)])
    canvas.path(points * (box.w, box.h) + (box.x, box.y), colour, 1.1)
    if rng.random() < 0.6:
        tail = [(0.95, 0.5), (0.6, 0.92), (0.15, 0.98), (0.55, 0.86), (1.0, float(rng.uniform(0.7, 0.9)))]
        canvas.path(smooth(np.array(tail) * (box.w, box.h) + (box.x, box.y)), colour, 0.9)


def write_by_hand(
    canvas: Canvas, x: float, y: float, text: str, size: float, rng: np.random.Generator, colour: str = INK
) -> None:
    """Write as with a ball-point pen: slanted, light, no two words quite level."""
    for word in text.split():
        drop, tilt = float(rng.normal(0, 0.5)), float(rng.normal(1.0, 0.7))
        x += canvas.text(
            x, y + drop, word, size, colour, face="italic", weight=300, angle=tilt, spacing=0.4, stretch=0.94
        )
        x += size * 0.3


def draw_barcode(canvas: Canvas, box: Box, rng: np.random.Generator, colour: str = "#111111") -> None:
    """Draw bars of random widths that fill the box."""
    widths = rng.integers(1, 5, 120).astype(np.float64)
    unit = box.w / widths[:90].sum()
    x = box.x
    for place, width in enumerate(widths[:90]):
        if place % 2 == 0:
            canvas.fill(Box(x, box.y, width * unit, box.h), colour)
        x += width * unit


def draw_matrix_code(
    canvas: Canvas, box: Box, rng: np.random.Generator, colour: str = "#111111", cells: int = 25
) -> None:
    """Draw a square code with three finder marks and random cells; it encodes nothing."""
    dark: NDArray[Any] = rng.random((cells, cells)) < 0.48
    ring = np.ones((7, 7), bool)
    ring[1:6, 1:6] = False
    ring[2:5, 2:5] = True
    for row, column in ((0, 0), (0, cells - 7), (cells - 7, 0)):
        dark[max(row - 1, 0) : row + 8, max(column - 1, 0) : column + 8] = False
        dark[row : row + 7, column : column + 7] = ring
    side = box.w / cells
    for row, column in np.argwhere(dark):
        canvas.fill(Box(box.x + column * side, box.y + row * side, side, side), colour)


def draw_chip(canvas: Canvas, box: Box) -> None:
    """Draw the gilt contact plate of a smart card."""
    canvas.fill(box, "#d9b65a", box.h * 0.18)
    x, y = box.centre
    for reach in (-0.17, 0.17):
        canvas.line(box.x, y + reach * box.h, box.x + box.w, y + reach * box.h, "#8d7130")
    canvas.line(x, box.y, x, box.y + box.h, "#8d7130")
    canvas.fill(Box(x - box.w * 0.17, box.y + box.h * 0.22, box.w * 0.34, box.h * 0.56), "#e5c876", 3)
    canvas.frame(box, "#8d7130", 1, box.h * 0.18)


def draw_field(
    canvas: Canvas,
    x: float,
    y: float,
    caption: str,
    value: str,
    *,
    size: float = 17,
    colour: str = "#1a1a1a",
    ink: str = "#5a6470",
    weight: int = 500,
) -> None:
    """Write a small caption and, under it, a value; (x, y) is the caption's baseline."""
    canvas.text(x, y, caption, size * 0.6, ink)
    canvas.text(x, y + size * 1.12, value, size, colour, weight=weight)


def draw_table(
    canvas: Canvas,
    x: float,
    y: float,
    widths: Sequence[float],
    rows: Sequence[Sequence[str]],
    *,
    height: float,
    size: float,
    head: str,
    head_ink: str = "#ffffff",
    stripe: str | None = None,
    rule: str = "#b9bec4",
    aligned: Sequence[Align] | None = None,
) -> float:
    """Draw a table whose first row is its head; returns the y of its lower edge."""
    total = sum(widths)
    aligned = aligned or ["left"] * len(widths)
    for place, row in enumerate(rows):
        top = y + place * height
        if place == 0:
            canvas.fill(Box(x, top, total, height), head)
        elif stripe and place % 2 == 0:
            canvas.fill(Box(x, top, total, height), stripe)
        left = x
        for cell, width, align in zip(row, widths, aligned, strict=True):
            at = {"left": left + 6, "centre": left + width / 2, "right": left + width - 6}[align]
            ink, weight = (head_ink, 600) if place == 0 else ("#24282d", 400)
            canvas.text(at, top + height * 0.5 + size * 0.35, cell, size, ink, weight=weight, align=align)
            left += width
        canvas.line(x, top + height, x + total, top + height, rule, 0.5)
    return y + len(rows) * height


def draw_ribbon(canvas: Canvas, x: float, y: float, radius: float, colour: str, dark: str) -> None:
    """Draw a seal with a serrated edge and two tails."""
    for side in (-1, 1):
        tail = [(0.15, 0.6), (0.75, 0.4), (0.95, 2.1), (0.55, 1.85), (0.3, 2.2)]
        canvas.polygon([(x + side * a * radius, y + b * radius) for a, b in tail], dark)
    angles = np.deg2rad(np.arange(0, 360, 7.5))
    reach = radius * np.where(np.arange(len(angles)) % 2, 1.0, 0.9)
    canvas.polygon(np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1), colour)
    canvas.ring(x, y, radius * 0.74, dark, 1)
    canvas.ring(x, y, radius * 0.68, dark, 0.5)
    star = [
        (
            x + radius * (0.5 if k % 2 == 0 else 0.2) * np.sin(k * np.pi / 5),
            y - radius * (0.5 if k % 2 == 0 else 0.2) * np.cos(k * np.pi / 5),
        )
        for k in range(10)
    ]
    canvas.polygon(star, dark)


def machine_lines(holder: Person, country: str, number: str, length: int = 30) -> tuple[str, str, str]:
    """Three machine-readable lines in the manner of an ID card's; the check digits are not real ones."""
    name = f"{holder.family}<<{holder.given}".upper()
    return (
        f"ID{country}{number}<8".ljust(length, "<")[:length],
        f"{holder.born:%y%m%d}4{holder.sex}3107152{country}".ljust(length - 1, "<") + "6",
        name.ljust(length, "<")[:length],
    )


def curved_band(box: Box, rise: float) -> NDArray[Any]:
    """Outline (N, 2) of a box whose lower edge swings up and down by `rise` pixels."""
    t = np.linspace(0, 1, 60)
    edge = np.stack([box.x + box.w * t, box.y + box.h + rise * np.sin(2 * np.pi * t)], axis=1)
    return np.concatenate([[(box.x, box.y), (box.x + box.w, box.y)], edge[::-1]])
