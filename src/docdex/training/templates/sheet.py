"""Hold a page while it is drawn: its pixels, its three generators, and how its words are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.training.templates.typefaces import PLOTTER_FACES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from docdex.training.templates.typefaces import Typeface

    Pixels = NDArray[np.uint8]
    Colour = tuple[int, int, int]

_SYLLABLES = [
    a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "er", "an", "is", "on", "al")
]


def invent_words(rng: np.random.Generator, count: int) -> str:
    """Words of one to three syllables, separated by spaces."""
    lengths = rng.integers(1, 4, size=count)
    picks = rng.integers(len(_SYLLABLES), size=int(lengths.sum()))
    words, start = [], 0
    for length in lengths:
        words.append("".join(_SYLLABLES[p] for p in picks[start : start + length]))
        start += length
    return " ".join(words)


def invent_number(rng: np.random.Generator, digits: int) -> str:
    """Digits, zeros in front included."""
    return "".join(map(str, rng.integers(0, 10, size=digits)))


def invent_colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    """A colour whose channels lie in low..high - 1."""
    r, g, b = rng.integers(low, high, size=3)
    return int(r), int(g), int(b)


@dataclass(slots=True)
class Sheet:
    """A page being drawn, with the generators it is drawn by and the inks it is drawn in.

    canvas: (H, W, 3) uint8 RGB, drawn into. face, value_face: of the template's words and of a person's.
    size: of the words, in the scale of OpenCV's plotter fonts. shared_labels: whether twins share the words
    printed beside fields too, so that only values and colours tell them apart. Coordinates are pixels from
    the top left; those of words are where their baseline starts.
    """

    canvas: Pixels
    layout: np.random.Generator
    art: np.random.Generator
    vary: np.random.Generator
    pictures: Sequence[Pixels]
    ink: Colour = (20, 20, 20)
    accent: Colour = (40, 60, 140)
    value: Colour = (20, 20, 20)
    face: Typeface = PLOTTER_FACES[0]
    value_face: Typeface = PLOTTER_FACES[0]
    size: float = 0.3
    shared_labels: bool = False

    @property
    def height(self) -> int:
        """Of the canvas, in pixels."""
        return int(self.canvas.shape[0])

    @property
    def width(self) -> int:
        """Of the canvas, in pixels."""
        return int(self.canvas.shape[1])

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        colour: Colour,
        size: float,
        face: Typeface | None = None,
        bold: bool = False,
    ) -> None:
        """Words in any colour, size and typeface, the template's by default."""
        place = int(x), int(y)
        (face or self.face).write(self.canvas, words, place, size=size, colour=colour, bold=bold)

    def printed(
        self, x: float, y: float, words: str, *, scale: float = 1.0, accent: bool = False, bold: bool = False
    ) -> None:
        """The template's own words."""
        colour = self.accent if accent else self.ink
        self.text(x, y, words, colour=colour, size=self.size * scale, bold=bold)

    def filled(self, x: float, y: float, words: str, *, scale: float = 1.0) -> None:
        """A person's data."""
        self.text(x, y, words, colour=self.value, size=self.size * scale, face=self.value_face)

    def picture(self, rng: np.random.Generator, x: float, y: float, width: float, height: float) -> None:
        """A picture scaled into a box; which one is the generator's choice."""
        choice = int(rng.integers(1 << 30))
        top, left, h, w = int(y), int(x), int(height), int(width)
        area = self.canvas[max(top, 0) : top + h, max(left, 0) : left + w]
        if self.pictures and area.size:
            source = self.pictures[choice % len(self.pictures)]
            area[:] = cv2.resize(source, area.shape[1::-1], interpolation=cv2.INTER_AREA)
