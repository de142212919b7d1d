"""Draw document templates and any number of filled-in copies of each, because no data set shows both by the thousand.

A template is a number. Three generators draw it: `layout` (shared by a family of two, so that near twins exist: the same
form of another issuer), `art` (the template's own colours, names and pictures) and `vary` (one person's data). `layout`
and `art` are used in the same order whatever `vary` says, which is what keeps the fixed parts fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Colour = tuple[int, int, int]

_SYLLABLES = [a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "er", "an", "is", "on", "al")]
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)


def _words(rng: np.random.Generator, count: int) -> str:
    lengths = rng.integers(1, 4, size=count)
    picks = rng.integers(len(_SYLLABLES), size=int(lengths.sum()))
    words, start = [], 0
    for length in lengths:
        words.append("".join(_SYLLABLES[p] for p in picks[start : start + length]))
        start += length
    return " ".join(words)


def _number(rng: np.random.Generator, digits: int) -> str:
    return "".join(map(str, rng.integers(0, 10, size=digits)))


@dataclass(slots=True)
class _Sheet:
    """A page being drawn, with the generators it is drawn by. Coordinates in pixels."""

    canvas: Pixels
    layout: np.random.Generator
    art: np.random.Generator
    vary: np.random.Generator
    pictures: Sequence[Pixels]
    ink: Colour = (20, 20, 20)
    accent: Colour = (40, 60, 140)
    value: Colour = (20, 20, 20)
    font: int = cv2.FONT_HERSHEY_SIMPLEX
    value_font: int = cv2.FONT_HERSHEY_SIMPLEX
    size: float = 0.3
    width: int = field(init=False)

    def __post_init__(self) -> None:
        self.width = self.canvas.shape[1]

    def text(self, x: float, y: float, words: str, *, colour: Colour, size: float, font: int, bold: bool = False) -> None:
        cv2.putText(
            self.canvas, words, (int(x), int(y)), font, size, colour, 2 if bold else 1, cv2.LINE_AA
        )

    def printed(self, x: float, y: float, words: str, *, scale: float = 1.0, accent: bool = False, bold: bool = False) -> None:
        """The template's own words."""
        self.text(
            x, y, words, colour=self.accent if accent else self.ink, size=self.size * scale, font=self.font, bold=bold
        )

    def filled(self, x: float, y: float, words: str, *, scale: float = 1.0) -> None:
        """A person's data."""
        self.text(x, y, words, colour=self.value, size=self.size * scale, font=self.value_font)

    def picture(self, rng: np.random.Generator, x: float, y: float, width: float, height: float) -> None:
        """A picture scaled into a box; which one is the generator's choice."""
        choice = int(rng.integers(1 << 30))
        top, left, h, w = int(y), int(x), int(height), int(width)
        area = self.canvas[max(top, 0) : top + h, max(left, 0) : left + w]
        if self.pictures and area.size:
            source = self.pictures[choice % len(self.pictures)]
            area[:] = cv2.resize(source, area.shape[1::-1], interpolation=cv2.INTER_AREA)


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    r, g, b = rng.integers(low, high, size=3)
    return int(r), int(g), int(b)


def draw(template: int, vary: np.random.Generator, pictures: Sequence[Pixels] = ()) -> Pixels:
    """One filled-in copy of a template, (H, W, 3) uint8 RGB, short side about 200 pixels.

    template: any non-negative number; 2 n and 2 n + 1 share a layout in half of the cases. vary: whose data.
    pictures: (H, W, 3) uint8 RGB pictures for logos and portraits; without them their places stay empty.
    """
    art = np.random.default_rng([template, 1])
    twin = np.random.default_rng([template // 2, 2]).random() < 0.5
    layout = np.random.default_rng([template // 2 if twin else template, 3, int(twin)])
    kind = _KINDS[int(layout.choice(len(_KINDS), p=_SHARES))]
    height, width = kind.shape(layout)
    paper = _colour(art, 228, 256) if art.random() < 0.6 else (255, 255, 255)
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = paper
    sheet = _Sheet(
        canvas,
        layout,
        art,
        vary,
        pictures,
        ink=_colour(art, 0, 70) if art.random() < 0.7 else _colour(art, 0, 150),
        accent=_colour(art, 0, 200),
        value=_colour(vary, 0, 60) if vary.random() < 0.7 else (30, 40, 140),
        font=_FONTS[int(art.integers(len(_FONTS)))],
        value_font=_FONTS[int(vary.integers(len(_FONTS)))],
        size=float(layout.uniform(0.2, 0.33)),
    )
    bottom = kind.draw(sheet)
    return sheet.canvas[:bottom] if bottom else sheet.canvas


def _logo(sheet: _Sheet, x: float, y: float, side: float) -> None:
    art = sheet.art
    shape, colour, other = int(art.integers(5)), _colour(art, 0, 220), _colour(art, 0, 255)
    r = int(side / 2)
    centre = (int(x + r), int(y + r))
    if shape == 0:
        sheet.picture(art, x, y, side, side)
    elif shape == 1:
        cv2.circle(sheet.canvas, centre, r, colour, -1, cv2.LINE_AA)
        cv2.circle(sheet.canvas, centre, r // 2, other, -1, cv2.LINE_AA)
    elif shape == 2:
        cv2.rectangle(sheet.canvas, (int(x), int(y)), (int(x + side), int(y + side)), colour, -1)
        sheet.text(x + 2, y + r + 4, _words(art, 1)[:2].upper(), colour=other, size=side / 40, font=sheet.font, bold=True)
    elif shape == 3:
        points = (art.uniform(0, 1, size=(int(art.integers(3, 6)), 2)) * side + (x, y)).astype(np.int32)
        cv2.fillConvexPoly(sheet.canvas, cv2.convexHull(points), colour, cv2.LINE_AA)
    else:
        sheet.text(x, y + r, _words(art, 1).upper(), colour=colour, size=side / 45, font=sheet.font, bold=True)


def _paragraph(sheet: _Sheet, rng: np.random.Generator, x: float, y: float, width: float, lines: int) -> float:
    """Running text by either the template's or the person's generator; returns the y below it."""
    step = 34 * sheet.size
    per_line = max(2, int(width / (sheet.size * 62)))
    for _ in range(lines):
        words = _words(rng, max(1, per_line - int(rng.integers(0, 2))))
        sheet.text(x, y, words, colour=sheet.ink, size=sheet.size * 0.85, font=sheet.font)
        y += step
    return y


def _labelled_fields(sheet: _Sheet, x: float, y: float, width: float, rows: int) -> float:
    """Printed labels with a person's values beside or below them, boxed, ruled or bare."""
    style, columns = int(sheet.layout.integers(4)), int(sheet.layout.integers(1, 4))
    step = float(sheet.layout.uniform(40, 62)) * sheet.size
    beside = sheet.layout.random() < 0.5
    cell = width / columns
    for _ in range(rows):
        for column in range(columns):
            left = x + column * cell
            label = _words(sheet.layout if sheet.font % 2 else sheet.art, 1)
            sheet.printed(left + 2, y - step * (0.35 if beside else 0.62), label, scale=0.75)
            if sheet.vary.random() < 0.8:
                value = _words(sheet.vary, 1) if sheet.vary.random() < 0.6 else _number(sheet.vary, 6)
                offset = cell * 0.45 if beside else 4
                sheet.filled(left + offset, y - step * (0.3 if beside else 0.12), value)
            if style == 0:
                cv2.rectangle(
                    sheet.canvas, (int(left), int(y - step)), (int(left + cell - 1), int(y)), sheet.ink, 1
                )
            elif style == 1:
                cv2.line(sheet.canvas, (int(left), int(y)), (int(left + cell - 6), int(y)), sheet.ink, 1)
        y += step
    return y


def _table(sheet: _Sheet, x: float, y: float, width: float, most: int) -> float:
    """A printed head with a person's rows below, as many as there are."""
    columns = int(sheet.layout.integers(3, 8))
    edges = np.sort(np.concatenate([[0], sheet.layout.uniform(0.15, 1, size=columns - 1), [1]])) * width + x
    style, step = int(sheet.layout.integers(4)), float(sheet.layout.uniform(34, 46)) * sheet.size
    if style != 3:
        cv2.rectangle(
            sheet.canvas, (int(x), int(y - step)), (int(x + width), int(y)), sheet.accent, -1 if style == 0 else 1
        )
    for left in edges[:-1]:
        words = _words(sheet.art, 1)[:6]
        colour = (255, 255, 255) if style == 0 else sheet.ink
        sheet.text(left + 1, y - step * 0.25, words, colour=colour, size=sheet.size * 0.75, font=sheet.font)
    for row in range(int(sheet.vary.integers(1, most + 1))):
        y += step
        for column, left in enumerate(edges[:-1]):
            value = _words(sheet.vary, 1) if column == 0 else _number(sheet.vary, int(sheet.vary.integers(1, 5)))
            room = max(1, int((edges[column + 1] - left) / (sheet.size * 20)))
            sheet.filled(left + 1, y - step * 0.25, value[:room], scale=0.8)
        if style == 1 or (style == 2 and row % 2):
            cv2.line(sheet.canvas, (int(x), int(y)), (int(x + width), int(y)), sheet.ink, 1)
    if style in (1, 2):
        for left in edges:
            cv2.line(sheet.canvas, (int(left), int(y - step)), (int(left), int(y)), sheet.ink, 1)
    return y + step


def _letterhead(sheet: _Sheet) -> float:
    """Logo, name, address lines, sometimes a coloured band; returns the y below it."""
    width = sheet.width
    band = sheet.layout.random()
    height = float(sheet.layout.uniform(24, 46))
    where, address = float(sheet.layout.choice([0.05, 0.4, 0.7])), float(sheet.layout.choice([0.05, 0.35, 0.62]))
    if band < 0.3:
        cv2.rectangle(sheet.canvas, (0, 0), (width, int(height)), _colour(sheet.art, 40, 240), -1)
    elif band < 0.5:
        cv2.line(sheet.canvas, (8, int(height)), (width - 8, int(height)), sheet.accent, int(sheet.layout.integers(1, 4)))
    _logo(sheet, where * width, 5, height * 0.8)
    sheet.printed(address * width, 14, _words(sheet.art, 2).upper(), scale=1.25, accent=True, bold=sheet.layout.random() < 0.5)
    for line in range(int(sheet.layout.integers(0, 4))):
        sheet.printed(address * width, 23 + line * 8, _words(sheet.art, 3), scale=0.7)
    return height + 18


def _form(sheet: _Sheet) -> int:
    layout, width = sheet.layout, sheet.width
    y = _letterhead(sheet)
    sheet.printed(float(layout.uniform(0.05, 0.4)) * width, y, _words(sheet.art, 2).title(), scale=1.5, bold=True)
    y += 20
    while y < sheet.canvas.shape[0] - 30:
        part = layout.random()
        if part < 0.55:
            y = _labelled_fields(sheet, 8, y + 8, width - 16, int(layout.integers(1, 6))) + 4
        elif part < 0.75:
            y = _paragraph(sheet, sheet.art, 8, y + 4, width - 16, int(layout.integers(1, 7))) + 4
        elif part < 0.9:
            tint = _colour(sheet.art, 60, 240)
            cv2.rectangle(sheet.canvas, (6, int(y)), (width - 6, int(y + 11)), tint, -1)
            sheet.printed(10, y + 9, _words(sheet.art, 2))
            y += 20
        else:
            for row in range(int(layout.integers(1, 5))):
                cv2.rectangle(sheet.canvas, (10, int(y + row * 11)), (17, int(y + row * 11 + 7)), sheet.ink, 1)
                if sheet.vary.random() < 0.4:
                    sheet.filled(11, y + row * 11 + 7, "x")
                sheet.printed(22, y + row * 11 + 7, _words(sheet.art, 4), scale=0.8)
            y += 55
    return 0


def _invoice(sheet: _Sheet) -> int:
    layout, width = sheet.layout, sheet.width
    y = _letterhead(sheet)
    for line in range(4):
        sheet.filled(10, y + line * 9, _words(sheet.vary, 2))
    split = float(layout.uniform(0.4, 0.6)) * width
    below = _labelled_fields(sheet, split, y + 8, width - split - 8, int(layout.integers(2, 5)))
    y = max(y + 40, below) + float(layout.uniform(0, 14))
    if layout.random() < 0.6:
        sheet.printed(10, y, _words(sheet.art, 1).title(), scale=1.6, bold=True)
    y = _table(sheet, 8, y + 20, width - 16, 9) + 6
    for _ in range(int(layout.integers(1, 4))):
        sheet.printed(split, y, _words(sheet.art, 1))
        sheet.filled(width * 0.82, y, _number(sheet.vary, 4))
        y += 10
    foot = sheet.canvas.shape[0] - 30
    if y < foot - 30:
        _paragraph(sheet, sheet.art, 10, y + 8, width * 0.6, int(layout.integers(0, 4)))
    for column in range(int(layout.integers(0, 4))):
        _paragraph(sheet, sheet.art, 8 + column * width / 3, foot, width / 3, 3)
    return 0


def _receipt(sheet: _Sheet) -> int:
    layout, width = sheet.layout, sheet.width
    y = 12.0
    if layout.random() < 0.5:
        side = float(layout.uniform(20, 46))
        _logo(sheet, (width - side) / 2, y - 6, side)
        y += side + 8
    for line in range(int(layout.integers(2, 7))):
        words = _words(sheet.art, int(sheet.art.integers(1, 4)))
        words = words.upper() if line == 0 else words
        scale = 1.35 if line == 0 else 1.0
        sheet.printed(max(4, width / 2 - len(words) * sheet.size * 9 * scale), y, words, scale=scale, bold=line == 0)
        y += 12
    rule = "-" * int(width / (sheet.size * 18)) if layout.random() < 0.5 else "=" * int(width / (sheet.size * 22))
    sheet.printed(4, y, rule)
    y = _labelled_fields(sheet, 6, y + 16, width - 12, int(layout.integers(1, 4)))
    sheet.printed(4, y, rule)
    two_lines = layout.random() < 0.4
    for _ in range(int(sheet.vary.integers(1, 11))):
        y += 11
        sheet.filled(6, y, _words(sheet.vary, 2)[:18])
        if two_lines:
            y += 10
        sheet.filled(width * 0.74, y, _number(sheet.vary, 4))
    y += 11
    sheet.printed(4, y, rule)
    for row in range(int(layout.integers(2, 6))):
        y += 12
        sheet.printed(8, y, _words(sheet.art, 2), scale=1.3 if row == 0 else 1)
        sheet.filled(width * 0.72, y, _number(sheet.vary, 4), scale=1.3 if row == 0 else 1)
    for _ in range(int(layout.integers(1, 5))):
        y += 12
        words = _words(sheet.art, 3)
        sheet.printed(max(4, width / 2 - len(words) * sheet.size * 9), y, words)
    if layout.random() < 0.4:
        y = _barcode(sheet, width * 0.15, y + 8, width * 0.7, 24)
    return min(int(y + layout.uniform(8, 30)), sheet.canvas.shape[0])


def _barcode(sheet: _Sheet, x: float, y: float, width: float, height: float) -> float:
    for bar in np.flatnonzero(sheet.vary.random(int(width / 2)) < 0.5):
        left = int(x + 2 * bar)
        sheet.canvas[int(y) : int(y + height), left : left + 2] = 10
    return y + height


def _card(sheet: _Sheet) -> int:
    layout, art, (height, width) = sheet.layout, sheet.art, sheet.canvas.shape[:2]
    corners = art.uniform(120, 255, size=(2, 2, 3)).astype(np.float32)
    sheet.canvas[:] = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    tint = _colour(art, 90, 220)
    xs = np.arange(0, width, 4)
    waves, swing, step = art.uniform(0.01, 0.08), art.uniform(3, 16), int(art.integers(5, 14))
    for top in range(-20, height + 20, step):
        ys = top + swing * np.sin(xs * waves + top * art.uniform(0, 0.05))
        cv2.polylines(sheet.canvas, [np.column_stack([xs, ys]).astype(np.int32)], False, tint, 1, cv2.LINE_AA)
    if layout.random() < 0.6:
        cv2.rectangle(sheet.canvas, (0, 0), (width, int(layout.uniform(22, 40))), _colour(art, 0, 240), -1)
    _logo(sheet, float(layout.choice([0.03, 0.8])) * width, 4, float(layout.uniform(22, 40)))
    sheet.printed(width * 0.22, 16, _words(art, 2).upper(), scale=1.5, bold=layout.random() < 0.5)
    sheet.printed(width * 0.22, 28, _words(art, 3), scale=0.9, accent=True)
    if layout.random() < 0.4:
        sheet.picture(art, width * layout.uniform(0.4, 0.8), height * 0.4, width * 0.2, height * 0.3)
    left = float(layout.choice([0.04, 0.06, 0.68])) * width
    portrait = float(layout.uniform(0.22, 0.3)) * width
    has_portrait = layout.random() < 0.75
    if has_portrait:
        sheet.picture(sheet.vary, left, height * 0.28, portrait, portrait * 1.25)
    text_left = left + portrait + 8 if left < width / 2 and has_portrait else width * 0.06
    y = height * 0.36
    for _ in range(int(layout.integers(3, 7))):
        sheet.printed(text_left, y, _words(art, 1), scale=0.7)
        sheet.filled(text_left + 6, y + 10, _words(sheet.vary, int(sheet.vary.integers(1, 3))).upper(), scale=1.1)
        y += height * 0.11
    if layout.random() < 0.35:
        for line in range(2):
            words = "<".join([_words(sheet.vary, 1).upper() for _ in range(6)])
            sheet.text(6, height - 18 + 11 * line, words, colour=(10, 10, 10), size=0.4, font=cv2.FONT_HERSHEY_PLAIN)
    return 0


def _letter(sheet: _Sheet) -> int:
    layout, width, height = sheet.layout, sheet.width, sheet.canvas.shape[0]
    y = _letterhead(sheet) + 8
    for _ in range(3):
        sheet.filled(12, y, _words(sheet.vary, 2))
        y += 9
    sheet.filled(width * 0.7, y, _number(sheet.vary, 8))
    y += 16
    end = height - int(layout.uniform(26, 60))
    for _ in range(int(sheet.vary.integers(1, 5))):
        y = _paragraph(sheet, sheet.vary, 12, y, width - 24, int(sheet.vary.integers(1, 7))) + 7
        if y > end - 40:
            break
    cv2.rectangle(sheet.canvas, (0, end), (width, height), (255, 255, 255), -1)
    if layout.random() < 0.5:
        cv2.line(sheet.canvas, (8, end), (width - 8, end), sheet.accent, 1)
    for column in range(int(layout.integers(1, 5))):
        _paragraph(sheet, sheet.art, 10 + column * width / 4, end + 10, width / 4, 2)
    return 0


def _portrait_shape(rng: np.random.Generator) -> tuple[int, int]:
    if rng.random() < 0.15:
        return 200, int(200 * rng.uniform(1.2, 1.5))
    return int(200 * rng.uniform(1.25, 1.45)), 200


def _card_shape(rng: np.random.Generator) -> tuple[int, int]:
    return 200, int(200 * rng.uniform(1.4, 1.62))


def _receipt_shape(rng: np.random.Generator) -> tuple[int, int]:
    return 640, int(rng.uniform(160, 230))


@dataclass(frozen=True, slots=True)
class _Kind:
    draw: Callable[[_Sheet], int]
    shape: Callable[[np.random.Generator], tuple[int, int]]


_KINDS = (
    _Kind(_form, _portrait_shape),
    _Kind(_invoice, _portrait_shape),
    _Kind(_receipt, _receipt_shape),
    _Kind(_card, _card_shape),
    _Kind(_letter, _portrait_shape),
)
_SHARES = (0.27, 0.23, 0.25, 0.17, 0.08)
