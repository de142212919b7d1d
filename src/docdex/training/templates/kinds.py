"""Draw whole pages of each kind of document, and say how common and how large each kind is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.training.templates.parts import (
    draw_barcode,
    draw_labelled_fields,
    draw_letterhead,
    draw_logo,
    draw_paragraph,
    draw_table,
)
from docdex.training.templates.sheet import invent_colour, invent_number, invent_words
from docdex.training.templates.slips import draw_slip
from docdex.training.templates.typefaces import MACHINE_FACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from docdex.training.templates.sheet import Sheet


def _form(sheet: Sheet) -> int:
    """Sections of labelled boxes, small print, coloured bars and ticks, down to the end of the page."""
    layout, width = sheet.layout, sheet.width
    y = draw_letterhead(sheet)
    left, title = float(layout.uniform(0.05, 0.4)) * width, invent_words(sheet.art, 2).title()
    sheet.printed(left, y, title, scale=1.5, bold=True)
    y += 20
    while y < sheet.height - 30:
        part = layout.random()
        if part < 0.55:
            y = draw_labelled_fields(sheet, 8, y + 8, width - 16, int(layout.integers(1, 6))) + 4
        elif part < 0.75:
            lines = int(layout.integers(1, 7))
            y = draw_paragraph(sheet, sheet.art, 8, y + 4, width=width - 16, lines=lines) + 4
        elif part < 0.9:
            tint = invent_colour(sheet.art, 60, 240)
            cv2.rectangle(sheet.canvas, (6, int(y)), (width - 6, int(y + 11)), tint, -1)
            sheet.printed(10, y + 9, invent_words(sheet.art, 2))
            y += 20
        else:
            for row in range(int(layout.integers(1, 5))):
                top = y + row * 11
                cv2.rectangle(sheet.canvas, (10, int(top)), (17, int(top + 7)), sheet.ink, 1)
                if sheet.vary.random() < 0.4:
                    sheet.filled(11, top + 7, "x")
                sheet.printed(22, top + 7, invent_words(sheet.art, 4), scale=0.8)
            y += 55
    return sheet.height


def _invoice(sheet: Sheet) -> int:
    """Address, particulars, a table of items and its sums, small print at the foot."""
    layout, width = sheet.layout, sheet.width
    y = draw_letterhead(sheet)
    for line in range(4):
        sheet.filled(10, y + line * 9, invent_words(sheet.vary, 2))
    split = float(layout.uniform(0.4, 0.6)) * width
    below = draw_labelled_fields(sheet, split, y + 8, width - split - 8, int(layout.integers(2, 5)))
    y = max(y + 40, below) + float(layout.uniform(0, 14))
    if layout.random() < 0.6:
        sheet.printed(10, y, invent_words(sheet.art, 1).title(), scale=1.6, bold=True)
    y = draw_table(sheet, 8, y + 20, width - 16, 13) + 6
    for _ in range(int(layout.integers(1, 4))):
        sheet.printed(split, y, invent_words(sheet.art, 1))
        sheet.filled(width * 0.82, y, invent_number(sheet.vary, 4))
        y += 10
    foot = sheet.height - 30
    # Drawn or not: the numbers are used up, so that the foot is the same below a long table.
    lines, remark = int(layout.integers(0, 4)), np.random.default_rng(int(sheet.art.integers(1 << 31)))
    if y < foot - 30:
        draw_paragraph(sheet, remark, 10, y + 8, width=width * 0.6, lines=lines)
    for column in range(int(layout.integers(0, 4))):
        draw_paragraph(sheet, sheet.art, 8 + column * width / 3, foot, width=width / 3, lines=3)
    return sheet.height


def _receipt(sheet: Sheet) -> int:
    """A narrow slip, as long as what was bought."""
    layout, width = sheet.layout, sheet.width
    # How much blank paper comes before the head is the cutter's affair.
    y = float(sheet.vary.integers(8, 37))
    if layout.random() < 0.5:
        side = float(layout.uniform(20, 46))
        draw_logo(sheet, (width - side) / 2, y - 6, side)
        y += side + 8
    for line in range(int(layout.integers(3, 9))):
        words = invent_words(sheet.art, int(sheet.art.integers(1, 4)))
        words = words.upper() if line == 0 else words
        scale = 1.35 if line == 0 else 1.0
        left = max(4, width / 2 - len(words) * sheet.size * 9 * scale)
        sheet.printed(left, y, words, scale=scale, bold=line == 0)
        y += 12
    dash, dash_width = ("-", 18) if layout.random() < 0.5 else ("=", 22)
    rule = dash * int(width / (sheet.size * dash_width))
    sheet.printed(4, y, rule)
    y = draw_labelled_fields(sheet, 6, y + 16, width - 12, int(layout.integers(1, 4)))
    sheet.printed(4, y, rule)
    two_lines = layout.random() < 0.4
    for _ in range(1 + int(sheet.vary.geometric(0.14))):
        y += 11
        sheet.filled(6, y, invent_words(sheet.vary, 2)[:18])
        if two_lines:
            y += 10
        sheet.filled(width * 0.74, y, invent_number(sheet.vary, 4))
    y += 11
    sheet.printed(4, y, rule)
    for row in range(int(layout.integers(2, 6))):
        y += 12
        sheet.printed(8, y, invent_words(sheet.art, 2), scale=1.3 if row == 0 else 1)
        sheet.filled(width * 0.72, y, invent_number(sheet.vary, 4), scale=1.3 if row == 0 else 1)
    for _ in range(int(layout.integers(1, 5))):
        y += 12
        words = invent_words(sheet.art, 3)
        sheet.printed(max(4, width / 2 - len(words) * sheet.size * 9), y, words)
    if layout.random() < 0.4:
        y = draw_barcode(sheet, width * 0.15, y + 8, width=width * 0.7, height=24)
    return min(int(y + layout.uniform(8, 30)), sheet.height)


def _card(sheet: Sheet) -> int:
    """An ID: guilloche over shaded paper, portrait, a few values, perhaps lines for machines."""
    layout, art, height, width = sheet.layout, sheet.art, sheet.height, sheet.width
    corners = art.uniform(120, 255, size=(2, 2, 3)).astype(np.float32)
    sheet.canvas[:] = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    tint = invent_colour(art, 90, 220)
    xs = np.arange(0, width, 4)
    waves, swing, step = art.uniform(0.01, 0.08), art.uniform(3, 16), int(art.integers(5, 14))
    for top in range(-20, height + 20, step):
        ys = top + swing * np.sin(xs * waves + top * art.uniform(0, 0.05))
        cv2.polylines(sheet.canvas, [np.column_stack([xs, ys]).astype(np.int32)], False, tint, 1, cv2.LINE_AA)
    if layout.random() < 0.6:
        depth = int(layout.uniform(22, 40))
        cv2.rectangle(sheet.canvas, (0, 0), (width, depth), invent_colour(art, 0, 240), -1)
    draw_logo(sheet, float(layout.choice([0.03, 0.8])) * width, 4, float(layout.uniform(22, 40)))
    sheet.printed(width * 0.22, 16, invent_words(art, 2).upper(), scale=1.5, bold=layout.random() < 0.5)
    sheet.printed(width * 0.22, 28, invent_words(art, 3), scale=0.9, accent=True)
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
        sheet.printed(text_left, y, invent_words(art, 1), scale=0.7)
        value = invent_words(sheet.vary, int(sheet.vary.integers(1, 3))).upper()
        sheet.filled(text_left + 6, y + 10, value, scale=1.1)
        y += height * 0.11
    if layout.random() < 0.35:
        for line in range(2):
            words, y = (
                "<".join([invent_words(sheet.vary, 1).upper() for _ in range(6)]),
                height - 18 + 11 * line,
            )
            sheet.text(6, y, words, colour=(10, 10, 10), size=0.4, face=MACHINE_FACE)
    return sheet.height


def _letter(sheet: Sheet) -> int:
    """A letterhead and a foot; all between them is the writer's."""
    layout, height, width = sheet.layout, sheet.height, sheet.width
    y = draw_letterhead(sheet) + 8
    for _ in range(3):
        sheet.filled(12, y, invent_words(sheet.vary, 2))
        y += 9
    sheet.filled(width * 0.7, y, invent_number(sheet.vary, 8))
    y += 16
    end = height - int(layout.uniform(26, 60))
    for _ in range(int(sheet.vary.integers(1, 5))):
        y = (
            draw_paragraph(sheet, sheet.vary, 12, y, width=width - 24, lines=int(sheet.vary.integers(1, 7)))
            + 7
        )
        if y > end - 40:
            break
    cv2.rectangle(sheet.canvas, (0, end), (width, height), (255, 255, 255), -1)
    if layout.random() < 0.5:
        cv2.line(sheet.canvas, (8, end), (width - 8, end), sheet.accent, 1)
    for column in range(int(layout.integers(1, 5))):
        draw_paragraph(sheet, sheet.art, 10 + column * width / 4, end + 10, width=width / 4, lines=2)
    return sheet.height


def _portrait_shape(rng: np.random.Generator) -> tuple[int, int]:
    if rng.random() < 0.15:
        return 200, int(200 * rng.uniform(1.2, 1.5))
    return int(200 * rng.uniform(1.25, 1.45)), 200


def _card_shape(rng: np.random.Generator) -> tuple[int, int]:
    return 200, int(200 * rng.uniform(1.4, 1.62))


def _receipt_shape(rng: np.random.Generator) -> tuple[int, int]:
    return 760, int(rng.uniform(160, 230))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document.

    draw: draws onto a sheet and gives the row at which it ends. shape: (height, width) in pixels, by the
    layout's generator. share: of all templates. typewritten, prints_values: of those that are typeset, the
    shares set in a typewriter's face, and whose data are printed in the face of the rest. typeset: draws
    those that are, where `draw` does not.
    """

    draw: Callable[[Sheet], int]
    shape: Callable[[np.random.Generator], tuple[int, int]]
    share: float
    typewritten: float
    prints_values: float
    typeset: Callable[[Sheet], int] | None = None


FORM = Kind(_form, _portrait_shape, share=0.27, typewritten=0.1, prints_values=0.3)
SLIP = Kind(_receipt, _receipt_shape, share=0.25, typewritten=0.75, prints_values=1.0, typeset=draw_slip)
KINDS = (
    FORM,
    Kind(_invoice, _portrait_shape, share=0.23, typewritten=0.15, prints_values=0.85),
    SLIP,
    Kind(_card, _card_shape, share=0.17, typewritten=0.05, prints_values=0.8),
    Kind(_letter, _portrait_shape, share=0.08, typewritten=0.1, prints_values=0.8),
)
