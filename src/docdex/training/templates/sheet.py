"""Hold a page while it is drawn: its pixels, its three generators, and how its words are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.training.templates.typefaces import TYPEFACES

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

    canvas: (H, W, 3) uint8 RGB, drawn into. zoom: pixels to a unit of the coordinates, so that a page is the
    same at any resolution. size: of the words, in the scale of OpenCV's plotter fonts. shared_labels: whether
    twins share the words printed beside fields too, so that only values and colours tell them apart.
    Coordinates count from the top left; those of words are where their baseline starts.
    """

    canvas: Pixels
    layout: np.random.Generator
    art: np.random.Generator
    vary: np.random.Generator
    pictures: Sequence[Pixels]
    zoom: float = 1.0
    ink: Colour = (20, 20, 20)
    accent: Colour = (40, 60, 140)
    value: Colour = (20, 20, 20)
    face: Typeface = TYPEFACES[0]
    value_face: Typeface = TYPEFACES[0]
    size: float = 0.3
    shared_labels: bool = False

    @property
    def height(self) -> int:
        """Of the page, in its coordinates."""
        return int(self.canvas.shape[0] / self.zoom)

    @property
    def width(self) -> int:
        """Of the page, in its coordinates."""
        return int(self.canvas.shape[1] / self.zoom)

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
        (face or self.face).write(
            self.canvas, words, self._pixel(x, y), size=size * self.zoom, colour=colour, bold=bold
        )

    def printed(
        self, x: float, y: float, words: str, *, scale: float = 1.0, accent: bool = False, bold: bool = False
    ) -> None:
        """The template's own words."""
        colour = self.accent if accent else self.ink
        self.text(x, y, words, colour=colour, size=self.size * scale, bold=bold)

    def filled(self, x: float, y: float, words: str, *, scale: float = 1.0) -> None:
        """A person's data."""
        self.text(x, y, words, colour=self.value, size=self.size * scale, face=self.value_face)

    def rectangle(
        self, left: float, top: float, right: float, bottom: float, colour: Colour, *, filled: bool = False
    ) -> None:
        """A box, ruled or filled."""
        corners = self._pixel(left, top), self._pixel(right, bottom)
        cv2.rectangle(self.canvas, *corners, colour, -1 if filled else 1)

    def line(
        self, x: float, y: float, to_x: float, to_y: float, colour: Colour, *, thickness: int = 1
    ) -> None:
        """A rule."""
        thick = max(1, round(thickness * self.zoom))
        cv2.line(self.canvas, self._pixel(x, y), self._pixel(to_x, to_y), colour, thick)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle about (x, y)."""
        cv2.circle(self.canvas, self._pixel(x, y), int(radius * self.zoom), colour, -1, cv2.LINE_AA)

    def polygon(self, points: NDArray[np.floating], colour: Colour) -> None:
        """The filled convex hull of points (N, 2)."""
        pixels = (points * self.zoom).astype(np.int32)
        cv2.fillConvexPoly(self.canvas, cv2.convexHull(pixels), colour, cv2.LINE_AA)

    def curve(self, points: NDArray[np.floating], colour: Colour) -> None:
        """A thin line through points (N, 2)."""
        pixels = (points * self.zoom).astype(np.int32)
        cv2.polylines(self.canvas, [pixels], False, colour, 1, cv2.LINE_AA)

    def picture(self, rng: np.random.Generator, x: float, y: float, width: float, height: float) -> None:
        """A picture scaled into a box; which one is the generator's choice."""
        choice = int(rng.integers(1 << 30))
        (left, top), (right, bottom) = self._pixel(x, y), self._pixel(x + width, y + height)
        area = self.canvas[max(top, 0) : bottom, max(left, 0) : right]
        if self.pictures and area.size:
            source = self.pictures[choice % len(self.pictures)]
            area[:] = cv2.resize(source, area.shape[1::-1], interpolation=cv2.INTER_AREA)

    def _pixel(self, x: float, y: float) -> tuple[int, int]:
        return int(x * self.zoom), int(y * self.zoom)
