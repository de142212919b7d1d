"""Draw one filled-in copy of a template: choose its kind, its inks and its fonts, and let the kind draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.training.templates.kinds import KINDS
from docdex.training.templates.sheet import Sheet, invent_colour
from docdex.training.templates.typefaces import TYPEFACES, TYPEWRITERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from docdex.training.templates.kinds import Kind
    from docdex.training.templates.typefaces import Typeface

    Pixels = NDArray[np.uint8]


def draw(
    template: int, vary: np.random.Generator, pictures: Sequence[Pixels] = (), *, zoom: float = 1.0
) -> Pixels:
    """One filled-in copy of a template, (H, W, 3) uint8 RGB, short side about 200 pixels, times `zoom`.

    template: any non-negative number; 2 n and 2 n + 1 share a layout in half of the cases. vary: whose data.
    pictures: (H, W, 3) uint8 RGB pictures for logos and portraits; without them their places stay empty.
    """
    art = np.random.default_rng([template, 1])
    twin = np.random.default_rng([template // 2, 2]).random() < 0.5
    layout = np.random.default_rng([template // 2 if twin else template, 3, int(twin)])
    kind = KINDS[int(layout.choice(len(KINDS), p=[kind.share for kind in KINDS]))]
    height, width = kind.shape(layout)
    paper = invent_colour(art, 228, 256) if art.random() < 0.6 else (255, 255, 255)
    canvas = np.empty((round(height * zoom), round(width * zoom), 3), dtype=np.uint8)
    canvas[:] = paper
    face = _face(art, kind)
    sheet = Sheet(
        canvas,
        layout,
        art,
        vary,
        pictures,
        zoom,
        ink=invent_colour(art, 0, 70) if art.random() < 0.7 else invent_colour(art, 0, 150),
        accent=invent_colour(art, 0, 200),
        value=invent_colour(vary, 0, 60) if vary.random() < 0.7 else (30, 40, 140),
        face=face,
        # What prints a slip prints the prices too; a form is filled in by anybody.
        value_face=face if art.random() < kind.prints_values else _face(vary, kind),
        size=float(layout.uniform(0.17, 0.33)),
        shared_labels=layout.random() < 0.4,
    )
    bottom = kind.draw(sheet)
    return sheet.canvas[: round(bottom * zoom)]


def _face(rng: np.random.Generator, kind: Kind) -> Typeface:
    faces = TYPEWRITERS if rng.random() < kind.typewritten else TYPEFACES
    return faces[int(rng.integers(len(faces)))]
