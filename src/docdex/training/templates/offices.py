"""Draw an office's forms: all are set alike, and only their titles and what they ask tell them apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.training.templates.parts import draw_labelled_fields, draw_letterhead, draw_paragraph
from docdex.training.templates.sheet import invent_colour, invent_number, invent_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from docdex.training.templates.sheet import Sheet

FORMS = 8
"""Forms of an office, and editions of a form."""
_MOST_ROWS = 128


def draw_office_form(sheet: Sheet, form: int) -> int:
    """A form onto a sheet whose `layout` and `art` are its office's; the row at which it ends.

    form: its number. Some of what it asks its office asks in all of its forms, in the same words.
    """
    own = np.random.default_rng([form, 7])
    style = _Style(sheet, (0.14, 0.26))
    y = _draw_title(sheet, own, draw_letterhead(sheet) if sheet.layout.random() < 0.6 else 18.0)
    common = float(sheet.layout.uniform(0.1, 0.6))
    return _draw_rows(sheet, style, y, form, lambda _: own.random() < common)


def draw_edition(sheet: Sheet, edition: int) -> int:
    """An edition of a form, as `draw_office_form` draws a form: with the same words down to some row.

    edition: its number. The print is small, as where a page has to hold all that the law wants said; it may
    be too small to be read here, and then tells by how long its lines are.
    """
    own = np.random.default_rng([edition, 10])
    style = _Style(sheet, (0.08, 0.2))
    y = _draw_title(sheet, own, draw_letterhead(sheet) if sheet.layout.random() < 0.5 else 14.0, kept=True)
    parts_at = float(sheet.layout.uniform(0.15, 0.85)) * sheet.height
    common = float(sheet.layout.uniform(0.0, 0.7))
    return _draw_rows(sheet, style, y, edition, lambda at: at < parts_at or own.random() < common)


def _draw_rows(sheet: Sheet, style: _Style, y: float, form: int, shared: Callable[[float], bool]) -> int:
    """What a form asks, from y on; the row at which it ends. shared: whether its office asks a row of all."""
    for row in range(_MOST_ROWS):
        asks = np.random.default_rng([form // FORMS, row, 8] if shared(y) else [form, row, 9])
        # The row's own generator in place of the office's: a row is the same wherever it comes to stand.
        y = style.draw_row(replace(sheet, layout=asks, art=asks), y, row + 1)
        if y > sheet.height - 20:
            break
    below = sheet.height - int(style.step) - 4
    sheet.canvas[below:] = style.paper
    sheet.printed(8, sheet.height - 5, style.foot, scale=0.8)
    return sheet.height


def _draw_title(sheet: Sheet, own: np.random.Generator, y: float, *, kept: bool = False) -> float:
    """The form's number and title, in its office's places; the y below them. kept: it ends alike in all."""
    layout, width = sheet.layout, sheet.width
    word, digits = invent_words(sheet.art, 1).title(), int(layout.integers(2, 5))
    beside, scale = layout.random() < 0.5, float(layout.uniform(1.1, 1.8))
    bold, centred, ruled = layout.random() < 0.7, layout.random() < 0.6, layout.random() < 0.5
    largest = float(layout.uniform(1.0, 2.2))
    sheet.printed(8, y, word, scale=0.8)
    number = invent_number(own, digits)
    left = 10 + sheet.face.width(word, sheet.size * 0.8)
    sheet.printed(left, y, number, scale=largest, bold=True)
    if not beside:
        y += 30 * sheet.size * scale
    room = left + sheet.face.width(number, sheet.size * largest) + 12 if beside else 8
    for line in range(int((layout if kept else own).integers(1, 3))):
        says = sheet.art if kept and line else own
        words = invent_words(says, int(says.integers(1, 4))).title()
        taken = sheet.face.width(words, sheet.size * scale)
        sheet.printed(max(room, (width - taken) / 2) if centred else room, y, words, scale=scale, bold=bold)
        y += 36 * sheet.size * scale
    if ruled:
        cv2.line(
            sheet.canvas, (6, int(y - 8)), (width - 6, int(y - 8)), sheet.ink, int(layout.integers(1, 3))
        )
    return y


class _Style:
    """How an office sets the rows of its forms: as much of `layout` and `art` is used up for each of them."""

    def __init__(self, sheet: Sheet, sizes: tuple[float, float]) -> None:
        layout = sheet.layout
        sheet.size = float(layout.uniform(*sizes))
        self.step = 34 * sheet.size * float(layout.uniform(1.1, 1.6))
        self.bar = sheet.ink if layout.random() < 0.3 else invent_colour(sheet.art, 120, 240)
        self.amounts = float(layout.uniform(0.12, 0.25)) * sheet.width * (layout.random() < 0.75)
        self.dotted, self.ruled = layout.random() < 0.5, layout.random() < 0.5
        # Numbered questions, boxes to fill in, running text, and bars between them.
        self.shares = np.cumsum(layout.dirichlet([5, 2, 1.5, 1]))
        self.paper = sheet.canvas[0, 0].copy()
        self.foot = invent_words(sheet.art, 3)

    def draw_row(self, sheet: Sheet, y: float, number: int) -> float:
        """One row by the sheet's generators; the y below it."""
        asks, width = sheet.art, sheet.width
        part = int(np.searchsorted(self.shares[:3], asks.random()))
        if part == 0:
            return self._question(sheet, y, number)
        if part == 1:
            return draw_labelled_fields(sheet, 8, y + self.step, width - 16, 1)
        if part == 2:
            return draw_paragraph(sheet, asks, 8, y, width=width - 16, lines=int(asks.integers(1, 4)))
        top = int(y - self.step * 0.75)
        cv2.rectangle(sheet.canvas, (6, top), (width - 6, int(top + self.step)), self.bar, -1)
        dark = sum(self.bar) < 3 * 110
        colour = (255, 255, 255) if dark else sheet.ink
        sheet.text(10, y, invent_words(asks, 3).title(), colour=colour, size=sheet.size, bold=True)
        return y + self.step * 1.2

    def _question(self, sheet: Sheet, y: float, number: int) -> float:
        """A number, one to three lines, dots, and the place for an amount."""
        asks, right = sheet.art, sheet.width - 8 - self.amounts
        sheet.printed(8, y, str(number), bold=True)
        lines = int(asks.integers(1, 4))
        for line in range(lines):
            words, share = invent_words(asks, 12), float(asks.uniform(0.25, 1.0))
            reach = (right - 26) * (share if line == lines - 1 else 1.0)
            letters = max(4, int(len(words) * reach / max(sheet.face.width(words, sheet.size * 0.85), 1)))
            words = words[:letters]
            sheet.printed(20, y, words, scale=0.85)
            if line == lines - 1:
                self._place_for_amount(sheet, y, 20 + sheet.face.width(words, sheet.size * 0.85))
            y += self.step
        return y

    def _place_for_amount(self, sheet: Sheet, y: float, end: float) -> None:
        right = sheet.width - 8
        left = right - self.amounts if self.amounts else end + 6
        if sheet.vary.random() < 0.5:
            sheet.filled(left + 3, y, invent_number(sheet.vary, int(sheet.vary.integers(2, 6))), scale=0.9)
        if self.dotted:
            for x in range(int(end) + 6, int(left) - 4, 7):
                sheet.canvas[int(y) - 1 : int(y), x : x + 1] = sheet.ink
        if not self.amounts:
            return
        if self.ruled:
            cv2.line(sheet.canvas, (int(left), int(y + 2)), (int(right), int(y + 2)), sheet.ink, 1)
        else:
            corners = (int(left), int(y - self.step * 0.8)), (int(right), int(y + self.step * 0.15))
            cv2.rectangle(sheet.canvas, *corners, sheet.ink, 1)
