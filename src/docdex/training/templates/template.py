"""Draw one filled-in copy of a template: choose its kind, its inks and its fonts, and let the kind draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.training.templates.kinds import KINDS
from docdex.training.templates.sheet import Sheet, invent_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)


def draw(template: int, vary: np.random.Generator, pictures: Sequence[Pixels] = ()) -> Pixels:
    """One filled-in copy of a template, (H, W, 3) uint8 RGB, short side about 200 pixels.

    template: any non-negative number; 2 n and 2 n + 1 share a layout in half of the cases. vary: whose data.
    pictures: (H, W, 3) uint8 RGB pictures for logos and portraits; without them their places stay empty.
    """
    art = np.random.default_rng([template, 1])
    twin = np.random.default_rng([template // 2, 2]).random() < 0.5
    layout = np.random.default_rng([template // 2 if twin else template, 3, int(twin)])
    kind = KINDS[int(layout.choice(len(KINDS), p=[kind.share for kind in KINDS]))]
    height, width = kind.shape(layout)
    paper = invent_colour(art, 228, 256) if art.random() < 0.6 else (255, 255, 255)
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = paper
    sheet = Sheet(
        canvas,
        layout,
        art,
        vary,
        pictures,
        ink=invent_colour(art, 0, 70) if art.random() < 0.7 else invent_colour(art, 0, 150),
        accent=invent_colour(art, 0, 200),
        value=invent_colour(vary, 0, 60) if vary.random() < 0.7 else (30, 40, 140),
        font=_FONTS[int(art.integers(len(_FONTS)))],
        value_font=_FONTS[int(vary.integers(len(_FONTS)))],
        size=float(layout.uniform(0.2, 0.33)),
    )
    bottom = kind.draw(sheet)
    return sheet.canvas[:bottom]
