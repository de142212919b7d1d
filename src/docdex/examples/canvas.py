"""A sheet to draw on, so that the drawings of documents read as what they show and not as pixel arithmetic.

Everything is given in final pixels, with the origin at the top left, and drawn at twice that size;
`Canvas.pixels` shrinks the sheet, which smooths every edge. Colours are written `"#rrggbb"`. Text uses the
fonts built into OpenCV 5, so that a drawing depends on no font of the machine it is made on.
"""

# A place comes first in every call, coordinate by coordinate.
# ruff: noqa: PLR0917

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from docdex.errors import DocdexError

SCALE = 2
SUBPIXEL = 4  # bits of a coordinate below the pixel, as OpenCV's drawing functions take them

Face = Literal["sans", "italic", "uni"]
Align = Literal["left", "centre", "right"]


class Box(NamedTuple):
    """A rectangle by its left, top, width and height in final pixels."""

    x: float
    y: float
    w: float
    h: float

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box, x then y."""
        return self.x + self.w / 2, self.y + self.h / 2

    def inset(self, by: float) -> Box:
        """The box made smaller by `by` pixels on all four sides."""
        return Box(self.x + by, self.y + by, self.w - 2 * by, self.h - 2 * by)


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue (0 to 255) of a colour written `"#rrggbb"`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@lru_cache
def _font(face: Face) -> Any:
    # OpenCV 5 is needed only to draw anew, never to use the committed pages, so the package allows 4.12.
    if not hasattr(cv2, "FontFace"):
        raise DocdexError(
            f"Drawing the examples anew needs the fonts of OpenCV 5; this is OpenCV {cv2.__version__}: "
            "install opencv-python-headless 5 or later."
        )
    return cv2.FontFace(face)


class Canvas:
    """A white or coloured sheet of `width` x `height` final pixels, drawn on from back to front."""

    def __init__(self, width: int, height: int, colour: str = "#ffffff") -> None:
        self.width = width
        self.height = height
        self._sheet: NDArray[np.uint8] = np.full((height * SCALE, width * SCALE, 3), rgb(colour), np.uint8)

    @property
    def box(self) -> Box:
        """The whole sheet."""
        return Box(0, 0, self.width, self.height)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The drawing so far: (height, width, 3) RGB, uint8."""
        return np.asarray(
            cv2.resize(self._sheet, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8
        )

    @contextmanager
    def faint(self, opacity: float) -> Iterator[None]:
        """Whatever is drawn inside the `with` block is laid over the sheet at this opacity (0 to 1)."""
        before = self._sheet.copy()
        yield
        cv2.addWeighted(self._sheet, opacity, before, 1 - opacity, 0, dst=self._sheet)

    @contextmanager
    def within(self, box: Box) -> Iterator[None]:
        """Whatever is drawn inside the `with` block is cut off at the edges of the box."""
        before = self._sheet.copy()
        yield
        rows, columns = self._span(box)
        before[rows, columns] = self._sheet[rows, columns]
        self._sheet = before

    # Shapes

    def polygon(self, points: ArrayLike, colour: str) -> None:
        """Fill a polygon; points: (N, 2), x then y."""
        cv2.fillPoly(self._sheet, [_fixed(points)], rgb(colour), cv2.LINE_AA, SUBPIXEL)

    def path(self, points: ArrayLike, colour: str, width: float = 1.0, closed: bool = False) -> None:
        """Draw a line through points: (N, 2), x then y; width in final pixels."""
        thickness = max(1, round(width * SCALE))
        cv2.polylines(self._sheet, [_fixed(points)], closed, rgb(colour), thickness, cv2.LINE_AA, SUBPIXEL)

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: str, width: float = 1.0) -> None:
        """Draw one straight line."""
        self.path([(x0, y0), (x1, y1)], colour, width)

    def dashes(
        self, x0: float, x1: float, y: float, colour: str, dash: float = 5.0, width: float = 1.0
    ) -> None:
        """Draw a level dashed line; gaps are as long as dashes."""
        for x in np.arange(x0, x1, 2 * dash):
            self.line(x, y, min(x + dash, x1), y, colour, width)

    def fill(self, box: Box, colour: str, radius: float = 0.0) -> None:
        """Fill a rectangle, its corners rounded by `radius`."""
        self.polygon(_outline(box, radius), colour)

    def frame(self, box: Box, colour: str, width: float = 1.0, radius: float = 0.0) -> None:
        """Draw the edge of a rectangle, its corners rounded by `radius`."""
        self.path(_outline(box, radius), colour, width, closed=True)

    def disc(self, x: float, y: float, radius: float, colour: str, height: float | None = None) -> None:
        """Fill a circle, or an ellipse when `height` (half of it) differs from the radius."""
        self.polygon(_round(x, y, radius, height), colour)

    def ring(
        self, x: float, y: float, radius: float, colour: str, width: float = 1.0, height: float | None = None
    ) -> None:
        """Draw a circle's or ellipse's edge."""
        self.path(_round(x, y, radius, height), colour, width, closed=True)

    def gradient(self, box: Box, colours: Sequence[str], down: bool = False) -> None:
        """Fill a box with colours that run evenly from left to right, or from top to bottom."""
        rows, columns = self._span(box)
        patch = self._sheet[rows, columns]
        steps = np.linspace(0, len(colours) - 1, patch.shape[0 if down else 1])
        table = np.array([rgb(c) for c in colours], np.float64)
        ramp = np.stack([np.interp(steps, np.arange(len(colours)), channel) for channel in table.T], axis=1)
        patch[:] = (ramp[:, None] if down else ramp[None]).round().astype(np.uint8)

    def grain(self, rng: np.random.Generator, amount: float) -> None:
        """Give the sheet a paper's speckle and uneven tone; amount: standard deviation in grey levels."""
        fine = rng.normal(0, amount, (self.height, self.width, 1))
        coarse = rng.normal(0, amount * 0.4, (self.height // 40 + 2, self.width // 40 + 2))
        tone = cv2.resize(coarse, (self.width * SCALE, self.height * SCALE), interpolation=cv2.INTER_CUBIC)
        speckle = cv2.resize(fine, (self.width * SCALE, self.height * SCALE), interpolation=cv2.INTER_LINEAR)
        self._sheet = np.clip(self._sheet + (tone + speckle)[..., None], 0, 255).astype(np.uint8)

    # Text

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        colour: str = "#1a1a1a",
        *,
        weight: int = 400,
        face: Face = "sans",
        align: Align = "left",
        spacing: float = 0.0,
        stretch: float = 1.0,
        angle: float = 0.0,
    ) -> float:
        """Write one line of text with its baseline at (x, y); returns its width.

        size: font size in pixels; weight: 100 to 900; spacing: extra pixels between letters; stretch: width
        of the letters as a factor; angle: degrees counter-clockwise around (x, y).
        """
        ink, pen, width = _ink(text, size, weight, face, spacing)
        start = {"left": 0.0, "centre": -width * stretch / 2, "right": -width * stretch}[align]
        turn = np.deg2rad(angle)
        along = np.array([np.cos(turn), -np.sin(turn)])
        origin = np.array([x, y]) * SCALE + along * start
        # Columns of the affine map: one ink pixel to the right, one down, and where the ink's corner lands.
        right, down = along * stretch, np.array([np.sin(turn), np.cos(turn)])
        corner = origin - right * pen[0] - down * pen[1]
        self._stain(ink, np.stack([right, down, corner], axis=1), colour)
        return width * stretch / SCALE

    def typed(
        self,
        x: float,
        y: float,
        text: str,
        pitch: float,
        size: float,
        colour: str = "#1a1a1a",
        weight: int = 400,
    ) -> None:
        """Write text one letter a cell of `pitch` pixels, as typewriters and printers of receipts do."""
        for place, letter in enumerate(text):
            if letter != " ":
                centre = x + (place + 0.5) * pitch
                self.text(centre, y, letter, size, colour, weight=weight, face="uni", align="centre")

    def _stain(self, ink: NDArray[np.uint8], placed: NDArray[np.float64], colour: str) -> None:
        """Lay ink (h, w), 0 to 255, over the sheet where the affine map `placed` (2, 3) puts it."""
        height, width = ink.shape
        corners = np.array([(0, 0, 1), (width, 0, 1), (0, height, 1), (width, height, 1)]) @ placed.T
        limit = np.array([self.width, self.height]) * SCALE
        low = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, limit)
        high = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, limit)
        if (high <= low).any():
            return
        local = placed.copy()
        local[:, 2] -= low
        span = (int(high[0] - low[0]), int(high[1] - low[1]))
        cover = cv2.warpAffine(ink, local, span, flags=cv2.INTER_LINEAR).astype(np.float32)[..., None] / 255
        patch = self._sheet[low[1] : high[1], low[0] : high[0]]
        patch[:] = (patch * (1 - cover) + np.array(rgb(colour), np.float32) * cover).round().astype(np.uint8)

    def _span(self, box: Box) -> tuple[slice, slice]:
        """Rows and columns of the sheet that a box covers."""
        x0, y0 = max(round(box.x * SCALE), 0), max(round(box.y * SCALE), 0)
        return slice(y0, round((box.y + box.h) * SCALE)), slice(x0, round((box.x + box.w) * SCALE))


def arc(
    x: float, y: float, radius: float, start: float, end: float, height: float | None = None
) -> NDArray[Any]:
    """Points (N, 2) along an arc; start and end in degrees, clockwise from three o'clock."""
    angles = np.deg2rad(np.linspace(start, end, max(6, round(abs(end - start) / 6))))
    return np.stack([x + radius * np.cos(angles), y + (height or radius) * np.sin(angles)], axis=1)


def smooth(points: ArrayLike, steps: int = 12) -> NDArray[np.float64]:
    """A Catmull-Rom curve through points (N, 2), with `steps` points a span."""
    p = np.asarray(points, np.float64)
    p = np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    spans = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True)
    ]
    return np.concatenate([*spans, p[-1:]])


def _fixed(points: ArrayLike) -> NDArray[np.int32]:
    return np.round(np.asarray(points, np.float64) * (SCALE << SUBPIXEL)).astype(np.int32)


def _round(x: float, y: float, radius: float, height: float | None) -> NDArray[Any]:
    return arc(x, y, radius, 0, 354, height)


def _outline(box: Box, radius: float) -> NDArray[Any]:
    x, y, w, h = box
    if radius <= 0:
        return np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
    r = min(radius, w / 2, h / 2)
    corners = [
        arc(x + w - r, y + h - r, r, 0, 90),
        arc(x + r, y + h - r, r, 90, 180),
        arc(x + r, y + r, r, 180, 270),
        arc(x + w - r, y + r, r, 270, 360),
    ]
    return np.concatenate(corners)


@lru_cache(maxsize=256)
def _ink(
    text: str, size: float, weight: int, face: Face, spacing: float
) -> tuple[NDArray[np.uint8], tuple[int, int], float]:
    """Text as ink (h, w), 0 to 255, with the pen's starting point in it and its width, at doubled size."""
    font, pixels = _font(face), max(4, round(size * SCALE))
    pad = pixels // 2
    room = np.zeros(
        (pixels * 2, round(pixels * (len(text) + 1) * 1.2 + spacing * SCALE * len(text))), np.uint8
    )
    pen = (pad, pixels + pad // 2)
    wrap = (0, 1 << 20)
    end: float = pen[0]
    for part in text if spacing else [text]:
        at = (round(end), pen[1])
        (end, _), _ = cv2.putText(room, part, at, (255,), font, pixels, weight, cv2.PUT_TEXT_ALIGN_LEFT, wrap)
        end += spacing * SCALE
    return room, pen, end - spacing * SCALE - pen[0]
