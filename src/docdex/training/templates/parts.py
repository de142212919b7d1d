"""Draw what documents are made of: letterheads, paragraphs, labelled fields, tables, bar codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.training.templates.sheet import invent_colour, invent_number, invent_words

if TYPE_CHECKING:
    from docdex.training.templates.sheet import Sheet


def draw_logo(sheet: Sheet, x: float, y: float, side: float) -> None:
    """The issuer's sign in a square box: a picture, rings, initials on a plate, a polygon or a word."""
    art = sheet.art
    shape, colour, other = int(art.integers(5)), invent_colour(art, 0, 220), invent_colour(art, 0, 255)
    r = int(side / 2)
    centre = (int(x + r), int(y + r))
    if shape == 0:
        sheet.picture(art, x, y, side, side)
    elif shape == 1:
        cv2.circle(sheet.canvas, centre, r, colour, -1, cv2.LINE_AA)
        cv2.circle(sheet.canvas, centre, r // 2, other, -1, cv2.LINE_AA)
    elif shape == 2:
        cv2.rectangle(sheet.canvas, (int(x), int(y)), (int(x + side), int(y + side)), colour, -1)
        initials = invent_words(art, 1)[:2].upper()
        sheet.text(x + 2, y + r + 4, initials, colour=other, size=side / 40, bold=True)
    elif shape == 3:
        points = (art.uniform(0, 1, size=(int(art.integers(3, 6)), 2)) * side + (x, y)).astype(np.int32)
        cv2.fillConvexPoly(sheet.canvas, cv2.convexHull(points), colour, cv2.LINE_AA)
    else:
        name = invent_words(art, 1).upper()
        sheet.text(x, y + r, name, colour=colour, size=side / 45, bold=True)


def draw_paragraph(
    sheet: Sheet, rng: np.random.Generator, x: float, y: float, *, width: float, lines: int
) -> float:
    """Running text by either the template's or the person's generator; the y below it."""
    step = 34 * sheet.size
    per_line = max(2, int(width / (sheet.size * 62)))
    for _ in range(lines):
        words = invent_words(rng, max(1, per_line - int(rng.integers(0, 2))))
        sheet.text(x, y, words, colour=sheet.ink, size=sheet.size * 0.85)
        y += step
    return y


def draw_labelled_fields(sheet: Sheet, x: float, y: float, width: float, rows: int) -> float:
    """Printed labels with a person's values beside or below them, boxed, ruled or bare; the y below them."""
    style, columns = int(sheet.layout.integers(4)), int(sheet.layout.integers(1, 4))
    step = float(sheet.layout.uniform(40, 62)) * sheet.size
    beside = sheet.layout.random() < 0.5
    cell = width / columns
    for _ in range(rows):
        for column in range(columns):
            left = x + column * cell
            label = invent_words(sheet.layout if sheet.shared_labels else sheet.art, 1)
            sheet.printed(left + 2, y - step * (0.35 if beside else 0.62), label, scale=0.75)
            if sheet.vary.random() < 0.8:
                named = sheet.vary.random() < 0.6
                value = invent_words(sheet.vary, 1) if named else invent_number(sheet.vary, 6)
                offset = cell * 0.45 if beside else 4
                sheet.filled(left + offset, y - step * (0.3 if beside else 0.12), value)
            if style == 0:
                corner = int(left + cell - 1), int(y)
                cv2.rectangle(sheet.canvas, (int(left), int(y - step)), corner, sheet.ink, 1)
            elif style == 1:
                cv2.line(sheet.canvas, (int(left), int(y)), (int(left + cell - 6), int(y)), sheet.ink, 1)
        y += step
    return y


def draw_table(sheet: Sheet, x: float, y: float, width: float, most: int) -> float:
    """A printed head with one to `most` of a person's rows; the y below it."""
    columns = int(sheet.layout.integers(3, 8))
    edges = np.sort(np.concatenate([[0], sheet.layout.uniform(0.15, 1, size=columns - 1), [1]])) * width + x
    style, step = int(sheet.layout.integers(4)), float(sheet.layout.uniform(34, 46)) * sheet.size
    if style != 3:
        corners = (int(x), int(y - step)), (int(x + width), int(y))
        cv2.rectangle(sheet.canvas, *corners, sheet.accent, -1 if style == 0 else 1)
    for left in edges[:-1]:
        words = invent_words(sheet.art, 1)[:6]
        colour = (255, 255, 255) if style == 0 else sheet.ink
        sheet.text(left + 1, y - step * 0.25, words, colour=colour, size=sheet.size * 0.75)
    for row in range(int(sheet.vary.integers(1, most + 1))):
        y += step
        for column, left in enumerate(edges[:-1]):
            if column == 0:
                value = invent_words(sheet.vary, 1)
            else:
                value = invent_number(sheet.vary, int(sheet.vary.integers(1, 5)))
            room = max(1, int((edges[column + 1] - left) / (sheet.size * 20)))
            sheet.filled(left + 1, y - step * 0.25, value[:room], scale=0.8)
        if style == 1 or (style == 2 and row % 2):
            cv2.line(sheet.canvas, (int(x), int(y)), (int(x + width), int(y)), sheet.ink, 1)
    if style in (1, 2):
        for left in edges:
            cv2.line(sheet.canvas, (int(left), int(y - step)), (int(left), int(y)), sheet.ink, 1)
    return y + step


def draw_letterhead(sheet: Sheet) -> float:
    """Logo, name, address lines, sometimes a coloured band; the y below it."""
    width = sheet.width
    band = sheet.layout.random()
    height = float(sheet.layout.uniform(24, 46))
    logo_left = float(sheet.layout.choice([0.05, 0.4, 0.7])) * width
    text_left = float(sheet.layout.choice([0.05, 0.35, 0.62])) * width
    if band < 0.3:
        cv2.rectangle(sheet.canvas, (0, 0), (width, int(height)), invent_colour(sheet.art, 40, 240), -1)
    elif band < 0.5:
        thickness = int(sheet.layout.integers(1, 4))
        cv2.line(sheet.canvas, (8, int(height)), (width - 8, int(height)), sheet.accent, thickness)
    draw_logo(sheet, logo_left, 5, height * 0.8)
    name, bold = invent_words(sheet.art, 2).upper(), sheet.layout.random() < 0.5
    sheet.printed(text_left, 14, name, scale=1.25, accent=True, bold=bold)
    for line in range(int(sheet.layout.integers(0, 4))):
        sheet.printed(text_left, 23 + line * 8, invent_words(sheet.art, 3), scale=0.7)
    return height + 18


def draw_barcode(sheet: Sheet, x: float, y: float, *, width: float, height: float) -> float:
    """A person's number in bars of two pixels; the y below it."""
    for bar in np.flatnonzero(sheet.vary.random(int(width / 2)) < 0.5):
        left = int(x + 2 * bar)
        sheet.canvas[int(y) : int(y + height), left : left + 2] = 10
    return y + height
