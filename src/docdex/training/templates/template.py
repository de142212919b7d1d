"""Draw one filled-in copy of a template: choose its kind, its inks and its fonts, and let the kind draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.training.templates.kinds import FORM, KINDS, SLIP
from docdex.training.templates.offices import FORMS, draw_edition, draw_office_form
from docdex.training.templates.sheet import Sheet, invent_colour
from docdex.training.templates.typefaces import PLOTTER_FACES, PRINTED_FACES, TYPEWRITERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from docdex.training.templates.kinds import Kind
    from docdex.training.templates.typefaces import Typeface

    Pixels = NDArray[np.uint8]


def draw(
    template: int, vary: np.random.Generator, pictures: Sequence[Pixels] = (), *, typeset: bool = False
) -> Pixels:
    """One filled-in copy of a template, (H, W, 3) uint8 RGB, short side about 200 pixels.

    template: any non-negative number; 2 n and 2 n + 1 share a layout in half of the cases. vary: whose data.
    pictures: (H, W, 3) uint8 RGB pictures for logos and portraits; without them their places stay empty.
    typeset: in real typefaces, a person's data mostly in that of the rest; else in OpenCV's plotter fonts.
    Raises TrainingError for a typeface that is not installed.
    """
    layout, art = _of_pairs(template, (3, 1, 2))
    kind = KINDS[int(layout.choice(len(KINDS), p=[kind.share for kind in KINDS]))]
    return _draw(kind, _sheet(kind, layout, art, vary, pictures, typeset=typeset), typeset=typeset)


def draw_of_shop(
    shop: int, vary: np.random.Generator, pictures: Sequence[Pixels] = (), *, typeset: bool = False
) -> Pixels:
    """One slip of a shop, as `draw` gives one of a template.

    shop: any non-negative number; in half of the cases 2 n and 2 n + 1 have the same till.
    """
    layout, art = _of_pairs(shop, (15, 13, 14))
    return _draw(SLIP, _sheet(SLIP, layout, art, vary, pictures, typeset=typeset), typeset=typeset)


def draw_of_office(
    form: int, vary: np.random.Generator, pictures: Sequence[Pixels] = (), *, typeset: bool = False
) -> Pixels:
    """One filled-in copy of an office's form, as `draw` gives one of a template.

    form: any non-negative number; `FORMS` n to `FORMS` n + `FORMS` - 1 are of one office.
    """
    layout, art = (np.random.default_rng([form // FORMS, stream]) for stream in (5, 6))
    sheet = _sheet(FORM, layout, art, vary, pictures, typeset=typeset)
    return sheet.canvas[: draw_office_form(sheet, form)]


def draw_of_editions(
    edition: int, vary: np.random.Generator, pictures: Sequence[Pixels] = (), *, typeset: bool = False
) -> Pixels:
    """One filled-in copy of an edition of a form, as `draw` gives one of a template.

    edition: any non-negative number; `FORMS` n to `FORMS` n + `FORMS` - 1 are of one form.
    """
    layout, art = (np.random.default_rng([edition // FORMS, stream]) for stream in (11, 12))
    sheet = _sheet(FORM, layout, art, vary, pictures, typeset=typeset)
    return sheet.canvas[: draw_edition(sheet, edition)]


def _of_pairs(number: int, streams: tuple[int, int, int]) -> tuple[np.random.Generator, np.random.Generator]:
    """Generators of layout and art, of these streams: half of all pairs of numbers share their layout."""
    of_layout, of_art, of_pair = streams
    twin = np.random.default_rng([number // 2, of_pair]).random() < 0.5
    layout = np.random.default_rng([number // 2 if twin else number, of_layout, int(twin)])
    return layout, np.random.default_rng([number, of_art])


def _draw(kind: Kind, sheet: Sheet, *, typeset: bool) -> Pixels:
    draw_kind = kind.typeset if typeset and kind.typeset else kind.draw
    return sheet.canvas[: draw_kind(sheet)]


def _sheet(
    kind: Kind,
    layout: np.random.Generator,
    art: np.random.Generator,
    vary: np.random.Generator,
    pictures: Sequence[Pixels],
    *,
    typeset: bool,
) -> Sheet:
    """An empty sheet with its paper, its inks and its faces."""
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
    )
    (_typeset if typeset else _plot)(sheet, kind)
    return sheet


def _plot(sheet: Sheet, _: Kind) -> None:
    """Choose among OpenCV's plotter fonts, for a person's data another one each time."""
    number = int(sheet.art.integers(len(PLOTTER_FACES)))
    sheet.face, sheet.shared_labels = PLOTTER_FACES[number], number % 2 == 1
    sheet.value_face = PLOTTER_FACES[int(sheet.vary.integers(len(PLOTTER_FACES)))]
    sheet.size = float(sheet.layout.uniform(0.2, 0.33))


def _typeset(sheet: Sheet, kind: Kind) -> None:
    """Choose real typefaces as printers do."""
    sheet.face, sheet.shared_labels = _printed_face(sheet.art, kind), sheet.layout.random() < 0.4
    # What prints a slip prints its prices too; a form is filled in by anybody.
    same = sheet.art.random() < kind.prints_values
    sheet.value_face = sheet.face if same else _printed_face(sheet.vary, kind)
    sheet.size = float(sheet.layout.uniform(0.17, 0.33))
    if same:
        sheet.value = sheet.ink


def _printed_face(rng: np.random.Generator, kind: Kind) -> Typeface:
    faces = TYPEWRITERS if rng.random() < kind.typewritten else PRINTED_FACES
    return faces[int(rng.integers(len(faces)))]
