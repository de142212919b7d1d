"""Turn a page into the model's input in one place, so that training and inference can never drift apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

View = Literal["whole", "top"]
"""What a model looks at: the page squeezed to a square, or the square at its top in its own shape."""

VERSION = 2
"""Part of the contract two vectors share: raised whenever `prepare` would give other numbers."""

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
    return squeeze(top_square(page) if view == "top" else page, side)


def top_square(pixels: Pixels) -> Pixels:
    """The upper part of a page that is as high as the page is wide: all of one that is wider than high.

    A list moves whatever stands below it, and squeezes what stands above it; the head of a receipt or an
    invoice is where it was, and as large as it was, whatever was bought.

    pixels: (H, W, 3) uint8 RGB. Returns a view of them.
    """
    return pixels[: pixels.shape[1]]


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
    scale = _LOOK / max(height, width)
    rows, columns = round(height * scale), round(width * scale)
    if min(rows, columns) < _PAPER:  # a strip: nothing to cut
        return pixels
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(pixels, (columns, rows), interpolation=interpolation), dtype=np.uint8)
    printed = _find_print(small)
    left, right = _extent(printed.sum(axis=0))
    top, bottom = _extent(printed.sum(axis=1))
    if not 0 < (right - left) * (bottom - top) < _SPARSE * rows * columns:
        return pixels
    beside, above = _KEPT * (right - left), _KEPT * (bottom - top)
    across = _scaled(left - beside, right + beside, columns, width)
    down = _scaled(top - above, bottom + above, rows, height)
    return pixels[down, across]


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


def _extent(counts: NDArray[np.integer]) -> tuple[int, int]:
    """First and last + 1 of the rows or columns that dark pixels lie in, strays left out."""
    stray = int(_STRAY * counts.sum())
    inside = np.flatnonzero(np.cumsum(counts) > stray)
    backwards = np.flatnonzero(np.cumsum(counts[::-1]) > stray)
    return (int(inside[0]), len(counts) - int(backwards[0])) if len(inside) else (0, 0)


def _scaled(start: float, stop: float, looked_at: int, pixels: int) -> slice:
    """Rows or columns of the page of those of the picture looked at: inside the page, at least one."""
    first = min(round(max(0.0, start) / looked_at * pixels), pixels - 1)
    return slice(first, max(round(min(float(looked_at), stop) / looked_at * pixels), first + 1))
