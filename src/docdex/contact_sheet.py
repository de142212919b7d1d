"""A picture of probes beside what they were taken for, because a glance finds errors that a table hides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from docdex.decision import Verdict

WIDTH = 2400
COLUMNS = 6
GAP = 16
HEADER = 92
PICTURE = (166, 190)  # room for a probe or sample: width, height
CARD = ((WIDTH - GAP * (COLUMNS + 1)) // COLUMNS, 284)

Colour = tuple[int, int, int]

DESK: Colour = (236, 238, 241)
PAPER: Colour = (255, 255, 255)
MOUNT: Colour = (246, 247, 249)
INK: Colour = (32, 36, 42)
FAINT: Colour = (128, 136, 146)
RED: Colour = (205, 52, 46)
TONES: dict[str, Colour] = {"match": (28, 140, 82), "ambiguous": (206, 132, 16), "unknown": (104, 113, 124)}


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One probe and its answer.

    probe, sample: (H, W, 3) RGB, uint8, any size; sample: the nearest candidate's, None in an empty gallery.
    label: what the decision says, None if it is not a match. nearest: the nearest candidate's label.
    similarity: raw cosine to the nearest candidate. right: whether the answer is true, None if nobody knows.
    truth: what the probe really is, written below it, None if nobody knows.
    """

    probe: NDArray[np.uint8]
    decision: Verdict
    label: str | None
    similarity: float | None
    nearest: str | None = None
    sample: NDArray[np.uint8] | None = None
    right: bool | None = None
    truth: str | None = None


def contact_sheet(rows: Sequence[Row]) -> NDArray[np.uint8]:
    """Draw one card a row, in order: probe left, nearest sample right, the answer below; (H, 2400, 3) RGB.

    A match is green, unknown grey, ambiguous amber; an answer known to be wrong has a red frame.
    """
    lines = -(-len(rows) // COLUMNS)
    sheet = np.full((HEADER + lines * (CARD[1] + GAP) + GAP, WIDTH, 3), DESK, np.uint8)
    _draw_header(sheet, rows)
    for place, row in enumerate(rows):
        x = GAP + place % COLUMNS * (CARD[0] + GAP)
        y = HEADER + place // COLUMNS * (CARD[1] + GAP)
        _draw_card(sheet[y : y + CARD[1], x : x + CARD[0]], row)
    return sheet


def _draw_header(sheet: NDArray[np.uint8], rows: Sequence[Row]) -> None:
    _write(sheet, (GAP, 44), "docdex", 34, INK, bold=True)
    judged = [row.right for row in rows if row.right is not None]
    count = f"{len(rows)} {'probe' if len(rows) == 1 else 'probes'}"
    said = f"{count}, {sum(judged)} of {len(judged)} answered rightly" if judged else count
    _write(sheet, (GAP, 74), said, 20, FAINT)
    x = WIDTH - GAP
    for name in ("unknown", "ambiguous", "match"):
        text = f"{name} {sum(row.decision == name for row in rows)}"
        x -= _measure(text, 20, bold=False)
        _write(sheet, (x, 58), text, 20, INK)
        cv2.circle(sheet, (x - 16, 52), 8, TONES[name], -1, cv2.LINE_AA)
        x -= 52


def _draw_card(card: NDArray[np.uint8], row: Row) -> None:
    """Fill a card's part of the sheet."""
    height, width = card.shape[:2]
    tone = TONES[row.decision]
    card[:] = PAPER
    for left, picture, caption in (
        (12, row.probe, row.truth or "probe"),
        (width - 12 - PICTURE[0], row.sample, "nearest sample"),
    ):
        card[12 : 12 + PICTURE[1], left : left + PICTURE[0]] = MOUNT
        if picture is not None:
            _lay(card[12 : 12 + PICTURE[1], left : left + PICTURE[0]], picture)
        else:
            _write(card, (left + 56, 112), "none", 20, FAINT)
        _write(card, (left, 218), _fit(caption, 14, PICTURE[0], bold=False), 14, FAINT)
    _draw_arrow(card, width // 2, 107, tone)
    card[228:276, 12 : width - 12] = tone
    answer = row.label if row.decision == "match" and row.label else row.decision
    score = "" if row.similarity is None else f"{row.similarity:.3f}"
    _write(card, (22, 249), _fit(answer, 19, width - 110, bold=True), 19, PAPER, bold=True)
    _write(card, (width - 22 - _measure(score, 19, bold=True), 249), score, 19, PAPER, bold=True)
    if row.nearest is not None:
        _write(card, (22, 269), _fit(f"nearest {row.nearest}", 14, width - 44, bold=False), 14, PAPER)
    if row.right is False:
        cv2.rectangle(card, (2, 2), (width - 3, height - 3), RED, 5)
        _write(card, (width - 12 - _measure("wrong", 16, bold=True), 218), "wrong", 16, RED, bold=True)
    elif row.right:
        cv2.rectangle(card, (0, 0), (width - 1, height - 1), TONES["match"], 2)


def _draw_arrow(card: NDArray[np.uint8], x: int, y: int, tone: Colour) -> None:
    tip = np.array([(x - 5, y - 9), (x + 6, y), (x - 5, y + 9)], np.int32)
    cv2.fillPoly(card, [tip], tone, cv2.LINE_AA)


def _lay(room: NDArray[np.uint8], picture: NDArray[np.uint8]) -> None:
    """Lay a picture into its room, whole, in its own proportions, in the middle."""
    scale = min(room.shape[0] / picture.shape[0], room.shape[1] / picture.shape[1])
    width = max(1, min(room.shape[1], round(picture.shape[1] * scale)))
    height = max(1, min(room.shape[0], round(picture.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    y, x = (room.shape[0] - height) // 2, (room.shape[1] - width) // 2
    room[y : y + height, x : x + width] = cv2.resize(picture, (width, height), interpolation=way)


def _fit(text: str, size: int, room: int, *, bold: bool) -> str:
    """The text, its beginning cut away where it is wider than the room: a label's end tells most."""
    if _measure(text, size, bold=bold) <= room:
        return text
    while len(text) > 1 and _measure("..." + text, size, bold=bold) > room:
        text = text[1:]
    return "..." + text


# OpenCV 5 has real fonts; 4.12, which the package allows, has only strokes, and those want their own sizes.


def _write(
    sheet: NDArray[np.uint8], at: tuple[int, int], text: str, size: int, colour: Colour, *, bold: bool = False
) -> None:
    """Write one line of text, its baseline at `at`; size: height of the font in pixels."""
    if hasattr(cv2, "FontFace"):
        flags, wrap = cv2.PUT_TEXT_ALIGN_LEFT, (0, 1 << 20)
        cv2.putText(sheet, text, at, colour, cv2.FontFace("sans"), size, 650 if bold else 400, flags, wrap)
    else:
        face, strokes = cv2.FONT_HERSHEY_SIMPLEX, 2 if bold else 1
        cv2.putText(sheet, text, at, face, size / 38, colour, strokes, cv2.LINE_AA)


def _measure(text: str, size: int, *, bold: bool) -> int:
    """Width of a text in pixels."""
    if hasattr(cv2, "FontFace"):
        nothing = np.zeros((1, 1, 3), np.uint8)
        flags, wrap = cv2.PUT_TEXT_ALIGN_LEFT, (0, 1 << 20)
        end, _ = cv2.putText(
            nothing, text, (0, 0), (0,), cv2.FontFace("sans"), size, 650 if bold else 400, flags, wrap
        )
        return int(end[0])
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size / 38, 2 if bold else 1)[0][0])
