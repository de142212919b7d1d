"""Turn a page into the model's input in one place, so that training and inference can never drift apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

View = Literal["whole", "top"]
"""What a model looks at: the page squeezed to a square, or the square at its head in its own shape."""

VERSION = 3
"""Part of the contract two vectors share: raised whenever `prepare` would give other numbers."""

_SLIP = 1.6
"""Height over width from which a page is a slip. Of slips alone the square is fitted to the print: how a
till's roll was cut and laid down says nothing, where the margins of a sheet are part of its layout."""
_OUTSIDE = 0.02
"""Share of a slip's print that may lie outside on each side: a stroke of a pen, a staple, a long line."""
_LINE = 0.2
"""A line of print covers at least so much of the print's width: what was noted above the first does not."""
_BESIDE = 0.05
"""How much is kept left, right and above of a slip's print, as a share of its width."""
_NARROWEST = 0.25
"""Share of a slip's width that its print takes up at least, where it was found rightly."""

# How print is looked for. Lengths are pixels of the page scaled so that its long side has `_LOOK`.
_LOOK = 192
_PAPER = 23
"""Nothing printed is wider: what is as dark over a larger square is paper in shadow, or no paper."""
_DARKNESS = (0.08, 0.25)
"""How much darker than its paper print must be: half as dark as the darkest of the page, between these."""
_FEWEST = 10
"""Marks that make a page printed at all: print is many of them, a shadow or a stain is one or two."""
_STRAY = 0.004
"""Share of the dark pixels that may lie outside on each side: specks of dust, a staple, a page number."""
_SPARSE = 0.3
"""Share of the page that print may cover at most for the rest to be cut off."""
_KEPT = 0.1
"""How much is kept around the print, as a share of its width and height."""


def prepare(pixels: Pixels, side: int, view: View = "whole") -> NDArray[np.float32]:
    """Model input of one page: blank surroundings cut off, squeezed to a square, scaled to [-1, 1].

    pixels: (H, W, 3) uint8 RGB. Returns (3, side, side) float32, C-contiguous. Turning the page by a quarter
    turns the result by a quarter, but for rounding; not so of the view `top`.
    """
    page = cut_margins(pixels)
    return squeeze(head_square(page) if view == "top" else page, side)


def head_square(pixels: Pixels) -> Pixels:
    """The square at the head of a page, as wide as the page: all of one that is wider than high.

    A list moves whatever stands below it, and squeezes what stands above it; the head of a receipt or an
    invoice is where it was, and as large as it was, whatever was bought. On a slip the square is as wide as
    the print and begins with it, so that the same holds however the paper was cut and laid down.

    pixels: (H, W, 3) uint8 RGB. Returns a view of them.
    """
    return pixels[find_head(pixels)]


def find_head(pixels: Pixels) -> tuple[slice, slice]:
    """Where on a page (H, W, 3) uint8 RGB its `head_square` is: rows and columns, both with ends in it."""
    height, width = pixels.shape[:2]
    whole_width = slice(0, min(height, width)), slice(0, width)
    if height < _SLIP * width:
        return whole_width
    rows, columns = _look_size(height, width)
    if min(rows, columns) < _PAPER:
        return whole_width
    printed = _find_print(_look(pixels, rows, columns))
    left, right = _extent(printed.sum(axis=0), _OUTSIDE)
    if right - left < _NARROWEST * columns:
        return whole_width
    top = _first_line(printed[:, left:right])
    beside = _BESIDE * (right - left)
    across = _scaled(left - beside, right + beside, columns, width)
    # Pixels of the look may be a little higher than wide: above is measured as beside is.
    side = across.stop - across.start
    first = min(max(0, round(top / rows * height - beside / columns * width)), height - side)
    return slice(first, first + side), across


def _first_line(printed: NDArray[np.uint8]) -> int:
    """The row at which the first line of print begins, of (H, W) uint8 that is 1 in print."""
    top, bottom = _extent(printed.sum(axis=1), _OUTSIDE)
    # Three rows at once: a line is no single row of dark pixels, and may stand a little askew.
    below = cv2.dilate(printed[top:bottom], np.ones((3, 1), np.uint8), anchor=(0, 0))
    lines = np.flatnonzero(below.mean(axis=1) >= _LINE)
    return top + int(lines[0]) if len(lines) else top


def squeeze(pixels: Pixels, side: int) -> NDArray[np.float32]:
    """A page squeezed to a square and scaled to [-1, 1], (3, side, side) float32, C-contiguous.

    The aspect ratio is given up on purpose: a photo cropped a little wrong then moves every cell a little,
    where padding would move a band of cells by a lot. A square also makes quarter turns exact
    (`numpy.rot90`).

    pixels: (H, W, 3) uint8 RGB.
    """
    height, width = pixels.shape[:2]
    # Averaging is right when shrinking and blocky when enlarging.
    shrinking = height >= side and width >= side
    interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    square = np.asarray(cv2.resize(pixels, (side, side), interpolation=interpolation))
    scaled: NDArray[np.float32] = square.transpose(2, 0, 1).astype(np.float32, order="C")
    scaled *= np.float32(1 / 127.5)
    scaled -= np.float32(1)
    return scaled


def cut_margins(pixels: Pixels) -> Pixels:
    """The part of a page that is printed, if that is small: a receipt scanned on a sheet of A4.

    Where print covers three tenths or more, the page is given back whole: margins are part of a layout,
    and a cut that depends on the last word of a line would move everything for nothing.

    pixels: (H, W, 3) uint8 RGB. Returns a view of them.
    """
    height, width = pixels.shape[:2]
    rows, columns = _look_size(height, width)
    if min(rows, columns) < _PAPER:  # a strip: nothing to cut
        return pixels
    printed = _find_print(_look(pixels, rows, columns))
    left, right = _extent(printed.sum(axis=0), _STRAY)
    top, bottom = _extent(printed.sum(axis=1), _STRAY)
    if not 0 < (right - left) * (bottom - top) < _SPARSE * rows * columns:
        return pixels
    beside, above = _KEPT * (right - left), _KEPT * (bottom - top)
    across = _scaled(left - beside, right + beside, columns, width)
    down = _scaled(top - above, bottom + above, rows, height)
    return pixels[down, across]


def _look_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns that a page is looked at in."""
    scale = _LOOK / max(height, width)
    return round(height * scale), round(width * scale)


def _look(pixels: Pixels, rows: int, columns: int) -> Pixels:
    interpolation = cv2.INTER_AREA if rows < len(pixels) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (columns, rows), interpolation=interpolation), dtype=np.uint8)


def _find_print(page: Pixels) -> NDArray[np.uint8]:
    """1 where a page is printed or written on, (H, W) uint8; nothing for a page with hardly any print.

    Print is darker than the paper around it. What reaches the page's border is something else: the table it
    lies on, a shadow, a finger.
    """
    grey = np.asarray(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY))
    closed = cv2.morphologyEx(
        grey, cv2.MORPH_CLOSE, np.ones((_PAPER, _PAPER), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    paper = cv2.GaussianBlur(closed, (0, 0), _PAPER / 8)
    lightness = grey / np.maximum(paper, 1).astype(np.float32)
    edge = _PAPER // 4
    darkest = float(np.percentile(lightness[edge:-edge, edge:-edge], 1))
    # Faded and blurred print counts too, so what is dark is measured by the page's own ink.
    darkness = min(max(0.5 * (1 - darkest), _DARKNESS[0]), _DARKNESS[1])
    _, parts, figures, _ = cv2.connectedComponentsWithStats((lightness < 1 - darkness).astype(np.uint8))
    x, y, width, height, area = np.asarray(figures).T
    rows, columns = grey.shape
    inside = (np.minimum(x, y) > 2) & (x + width < columns - 2) & (y + height < rows - 2)
    kept = inside & (area > 1)
    kept[0] = False  # the paper
    if int(kept.sum()) < _FEWEST:
        kept[:] = False
    return np.asarray(kept[parts], dtype=np.uint8)


def _extent(counts: NDArray[np.integer], outside: float) -> tuple[int, int]:
    """First and last + 1 of the rows or columns that dark pixels lie in; a share of them may lie outside."""
    stray = int(outside * counts.sum())
    inside = np.flatnonzero(np.cumsum(counts) > stray)
    backwards = np.flatnonzero(np.cumsum(counts[::-1]) > stray)
    return (int(inside[0]), len(counts) - int(backwards[0])) if len(inside) else (0, 0)


def _scaled(start: float, stop: float, looked_at: int, pixels: int) -> slice:
    """Rows or columns of the page of those of the picture looked at: inside the page, at least one."""
    first = min(round(max(0.0, start) / looked_at * pixels), pixels - 1)
    return slice(first, max(round(min(float(looked_at), stop) / looked_at * pixels), first + 1))
