"""Give a page other margins, since how much blank paper surrounds its print is nobody's design.

A till's slip is torn off a little lower or higher, printed to the left of a wider roll, or laid on the
scanner with paper beside it: the head that tells its shop is then elsewhere, and of another size. What turns
and shears a page moves it far less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.capture.patches import PENS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_RING = 0.02
"""Share of the short side that must be blank all around for a page to have margins at all."""
_BLANK = 14
"""Levels by which nine tenths of blank paper may differ from its colour."""
_INKED = 40
"""Levels by which print differs from its paper."""
_WIDEST = 0.45
"""Of the width of the print: the widest margin that is given."""
_HANDS = (cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, cv2.FONT_HERSHEY_SIMPLEX)


def change_margins(page: Pixels, rng: np.random.Generator) -> Pixels:
    """A page whose print stands elsewhere on it: other margins, perhaps a note in one, perhaps stretched.

    page: (H, W, 3) uint8 RGB. Returns a new picture of another size, or `page` itself where it has no blank
    paper around its print, or no print.
    """
    found = _print_of(page)
    if found is None:
        return page
    (rows, columns), paper = found
    printed = page[rows, columns]
    if rng.random() < 0.35:  # feeders and hurried hands stretch one side
        height = max(2, round(len(printed) * rng.uniform(0.82, 1.22)))
        printed = np.asarray(
            cv2.resize(printed, (printed.shape[1], height), interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
    # A slip's margins do not depend on its length.
    left, right, top, bottom = (int(share * printed.shape[1]) for share in _shares(rng))
    changed = np.empty((len(printed) + top + bottom, printed.shape[1] + left + right, 3), dtype=np.uint8)
    changed[:] = paper
    changed[top : top + len(printed), left : left + printed.shape[1]] = printed
    if rng.random() < 0.3:
        _note(changed, rng, max(top, 6))
    return changed


def _shares(rng: np.random.Generator) -> NDArray[np.float64]:
    """Margins left, right, above and below, mostly small, as shares of the width of the print."""
    shares = 0.01 + _WIDEST * rng.beta(0.8, 2.2, size=4)
    if rng.random() < 0.5:  # the print in the middle
        shares[1] = shares[0] * rng.uniform(0.8, 1.25)
    return np.asarray(shares)


def _print_of(page: Pixels) -> tuple[tuple[slice, slice], NDArray[np.uint8]] | None:
    """Where print is, and the colour of the blank paper around it; None where the page is not like that."""
    height, width = page.shape[:2]
    ring = max(1, round(_RING * min(height, width)))
    if min(height, width) < 8 * ring:
        return None
    around = np.concatenate(
        [part.reshape(-1, 3) for part in (page[:ring], page[-ring:], page[:, :ring], page[:, -ring:])]
    )
    paper = np.median(around, axis=0).astype(np.uint8)
    off = np.abs(around.astype(np.int16) - paper).max(axis=1)
    if float(np.mean(off > _BLANK)) > 0.1:
        return None
    ink = (np.abs(page.astype(np.int16) - paper).max(axis=2) > _INKED)[ring:-ring, ring:-ring]
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(rows) < height // 8 or len(columns) < width // 8:
        return None
    area = (
        slice(int(rows[0]) + ring, int(rows[-1]) + ring + 1),
        slice(int(columns[0]) + ring, int(columns[-1]) + ring + 1),
    )
    return area, paper


def _note(page: Pixels, rng: np.random.Generator, above: int) -> None:
    """A number, a date or initials by hand, at the head of the page: whoever files it writes there."""
    width = page.shape[1]
    words = "".join(rng.choice(list("0123456789/-AOE "), size=int(rng.integers(2, 10))))
    ink = PENS[int(rng.integers(len(PENS)))]
    size, face = float(rng.uniform(0.25, 0.6)) * width / 200, _HANDS[int(rng.integers(len(_HANDS)))]
    place = int(rng.uniform(-0.05, 0.8) * width), int(rng.uniform(0.3, 1.3) * above) + 6
    cv2.putText(page, words, place, face, size, ink, 1, cv2.LINE_AA)
