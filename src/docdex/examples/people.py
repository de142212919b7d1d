"""Invented people to fill the example documents with: a name, a birthday, an address and a face.

None of them exists. Everything follows from the random generator given, so a document drawn twice from the
same seed shows the same person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeVar

import numpy as np

from docdex.examples.canvas import Box, Canvas, arc, smooth

T = TypeVar("T")
Hair = Literal["short", "parted", "long", "bob", "curls", "bun", "bald"]

GIVEN = {
    "F": "Alma Beatriz Chidi Dunja Elodie Freya Greta Hanae Ines Juno Keira Linnea Mirela Nadia Odile Petra",
    "M": "Anton Bram Cosmo Dario Emeka Felix Goran Henrik Ivo Jonas Kofi Luca Matteo Nils Oskar Pavel",
}
FAMILY = (
    "Abernethy Brandvold Castellane Drumlin Eberhart Fairweather Galloway Hollander Ilves Jansky Kestrel "
    "Lindqvist Marchetti Nakagawa Okonjo Pemberton Quillfeather Rosendahl Stavros Thornbury Umber Valdis "
    "Wetherby Ximenes Yarrow Zielinski"
)
STREETS = (
    "Anchor Beech Cobbler Dovecote Elder Foundry Gannet Harbour Ivory Juniper Lantern Mill Orchard Quarry"
)
TOWNS = "Port Amber,Brightwater,Caldermoor,Dunhollow,Eastmere,Fennwick,Goldenhaven,Highcross,Larkspur"


@dataclass(frozen=True, slots=True)
class Look:
    """What a drawn face is made of; colours are `"#rrggbb"`."""

    skin: str
    hair: Hair
    tint: str
    clothes: str
    jaw: float
    brow: float
    smile: float
    glasses: bool
    beard: bool


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person."""

    given: str
    family: str
    sex: Literal["F", "M"]
    born: date
    street: str
    town: str
    look: Look

    @property
    def name(self) -> str:
        """Given and family name."""
        return f"{self.given} {self.family}"

    @property
    def email(self) -> str:
        """An address under a top-level domain that is reserved and never resolves."""
        return f"{self.given}.{self.family}@post.example".lower()


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of the choices, as the object that it is."""
    return choices[int(rng.integers(len(choices)))]


def digits(rng: np.random.Generator, count: int) -> str:
    """A string of random digits."""
    return "".join(str(d) for d in rng.integers(0, 10, count))


def day(rng: np.random.Generator, first: int, last: int) -> date:
    """A day between the years `first` and `last`, both included."""
    return date(first, 1, 1) + timedelta(days=int(rng.integers(0, 365 * (last - first + 1))))


def person(rng: np.random.Generator) -> Person:
    """Invent a person."""
    sex: Literal["F", "M"] = "F" if rng.random() < 0.5 else "M"
    styles: dict[str, tuple[Hair, ...]] = {
        "F": ("long", "bob", "bun", "curls"),
        "M": ("short", "parted", "bald", "curls"),
    }
    look = Look(
        skin=pick(rng, ("#f3d3b8", "#e8bd98", "#d7a27a", "#b67d55", "#8c5a3a", "#6b4229")),
        hair=pick(rng, styles[sex]),
        tint=pick(rng, ("#1e1a18", "#3a2618", "#5f3d22", "#8f6a3a", "#b9b2a8", "#7d3118")),
        clothes=pick(rng, ("#2d3f63", "#6a2f3c", "#3f5b45", "#4a4a52", "#a8853a", "#d8d4cb")),
        jaw=float(rng.uniform(0.86, 1.06)),
        brow=float(rng.uniform(-0.03, 0.03)),
        smile=float(rng.uniform(-0.2, 1.0)),
        glasses=bool(rng.random() < 0.3),
        beard=sex == "M" and bool(rng.random() < 0.4),
    )
    return Person(
        given=pick(rng, GIVEN[sex].split()),
        family=pick(rng, FAMILY.split()),
        sex=sex,
        born=day(rng, 1948, 2003),
        street=f"{rng.integers(1, 180)} {pick(rng, STREETS.split())} {pick(rng, ('Street', 'Lane', 'Row'))}",
        town=f"{digits(rng, 4)} {pick(rng, TOWNS.split(','))}",
        look=look,
    )


def shade(colour: str, factor: float) -> str:
    """The colour made darker (factor below 1) or lighter (above 1)."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{min(255, round(p * factor)):02x}" for p in parts)


def draw_portrait(
    canvas: Canvas, box: Box, look: Look, backdrop: tuple[str, str] = ("#dfe6ea", "#b9c6cf")
) -> None:
    """Draw head and shoulders as a passport photo shows them, cut off at the box."""
    with canvas.within(box):
        canvas.gradient(box, backdrop, down=True)
        _draw_bust(canvas, box.x + box.w / 2, box.y + box.h * 0.45, min(box.w, box.h * 0.8) * 0.29, look)


def _draw_bust(canvas: Canvas, x: float, y: float, r: float, look: Look) -> None:
    """Draw a bust around the middle of the face; r: half the width of the face."""
    skin, dark = look.skin, shade(look.skin, 0.82)
    tall = r * 1.3
    if look.hair in ("long", "bob"):
        fall = 2.7 if look.hair == "long" else 1.5
        canvas.fill(Box(x - 1.32 * r, y - tall, 2.64 * r, tall + fall * r), shade(look.tint, 0.85), 1.2 * r)
    if look.hair == "bun":
        canvas.disc(x, y - 1.75 * r, 0.55 * r, shade(look.tint, 0.9))
    shoulders = [(-2.3, 4.2), (-2.1, 2.6), (-1.1, 2.05), (0, 1.95), (1.1, 2.05), (2.1, 2.6), (2.3, 4.2)]
    canvas.polygon(smooth([(x + a * r, y + b * r) for a, b in shoulders]), look.clothes)
    canvas.fill(Box(x - 0.5 * r, y + 0.7 * r, r, 1.45 * r), dark, 0.4 * r)
    collar = [(x - 0.62 * r, y + 1.95 * r), (x, y + 2.75 * r), (x + 0.62 * r, y + 1.95 * r)]
    canvas.polygon(collar, dark)
    canvas.path(collar, shade(look.clothes, 0.7), r * 0.09)
    for side in (-1, 1):
        canvas.disc(x + side * 1.0 * r, y + 0.08 * r, 0.2 * r, dark, 0.32 * r)
    jaw = look.jaw
    face = [
        (-0.98, -0.5),
        (-0.98, 0.2),
        (-0.78 * jaw, 0.9),
        (-0.34 * jaw, 1.3),
        (0.34 * jaw, 1.3),
        (0.78 * jaw, 0.9),
    ]
    crown = arc(x, y - 0.35 * r, 0.98 * r, 180, 360, tall * 0.75)
    canvas.polygon(
        smooth(
            [
                *crown,
                (x + 0.98 * r, y + 0.2 * r),
                *((x - a * r, y + b * r) for a, b in face[:1:-1][::-1]),
                (x - 0.98 * r, y + 0.2 * r),
                crown[0],
            ],
            4,
        ),
        skin,
    )
    _draw_features(canvas, x, y, r, look)
    _draw_hair(canvas, x, y, r, look)


def _draw_features(canvas: Canvas, x: float, y: float, r: float, look: Look) -> None:
    dark, line = shade(look.skin, 0.72), shade(look.tint, 0.8)
    if look.beard:
        beard = [
            (-0.93, 0.3),
            (-0.78, 0.95),
            (-0.3, 1.36),
            (0.3, 1.36),
            (0.78, 0.95),
            (0.93, 0.3),
            (0.5, 0.55),
            (0, 0.5),
            (-0.5, 0.55),
        ]
        with canvas.faint(0.85):
            canvas.polygon(smooth([(x + a * r, y + b * r) for a, b in [*beard, beard[0]]], 6), look.tint)
    for side in (-1, 1):
        ex, ey = x + side * 0.42 * r, y - 0.02 * r
        canvas.disc(ex, ey, 0.19 * r, "#f7f5f0", 0.11 * r)
        canvas.disc(ex, ey, 0.1 * r, "#3a2f28")
        lift = look.brow * r
        canvas.path(
            [
                (ex - 0.24 * r, ey - 0.26 * r + side * lift),
                (ex, ey - 0.33 * r),
                (ex + 0.24 * r, ey - 0.26 * r - side * lift),
            ],
            line,
            r * 0.09,
        )
        if look.glasses:
            canvas.ring(ex, ey, 0.33 * r, "#2a2a2e", r * 0.07, 0.27 * r)
    if look.glasses:
        canvas.line(x - 0.1 * r, y - 0.04 * r, x + 0.1 * r, y - 0.04 * r, "#2a2a2e", r * 0.07)
    canvas.path(
        smooth([(x - 0.02 * r, y), (x - 0.14 * r, y + 0.42 * r), (x + 0.1 * r, y + 0.46 * r)]), dark, r * 0.07
    )
    curve = 0.1 * look.smile * r
    mouth = [
        (x - 0.33 * r, y + 0.76 * r - curve),
        (x, y + 0.78 * r + curve),
        (x + 0.33 * r, y + 0.76 * r - curve),
    ]
    canvas.path(smooth(mouth), "#a5584e", r * 0.1)


def _draw_hair(canvas: Canvas, x: float, y: float, r: float, look: Look) -> None:
    top = y - 0.35 * r
    if look.hair == "bald":
        return
    if look.hair == "curls":
        for angle in np.linspace(165, 375, 13):
            a = np.deg2rad(angle)
            canvas.disc(x + 1.0 * r * np.cos(a), top + 1.05 * r * np.sin(a), 0.36 * r, look.tint)
        return
    fringe: dict[Hair, list[tuple[float, float]]] = {
        "short": [(1.0, -0.25), (0.85, -0.75), (0.3, -0.88), (-0.3, -0.86), (-0.85, -0.72), (-1.0, -0.25)],
        "parted": [(1.0, -0.1), (0.86, -0.6), (0.1, -0.72), (-0.45, -1.05), (-0.86, -0.7), (-1.0, -0.2)],
        "long": [(1.02, 0.5), (0.86, -0.3), (0.3, -0.8), (-0.1, -0.98), (-0.8, -0.4), (-1.02, 0.5)],
        "bob": [(1.02, 0.6), (0.88, -0.38), (0.3, -0.46), (-0.3, -0.46), (-0.88, -0.38), (-1.02, 0.6)],
        "bun": [(1.0, -0.1), (0.8, -0.7), (0.2, -0.92), (-0.2, -0.92), (-0.8, -0.7), (-1.0, -0.1)],
    }
    crown = arc(x, top, 1.1 * r, 180, 360, 1.16 * r)
    canvas.polygon(
        np.concatenate([crown, smooth([(x + a * r, y + b * r) for a, b in fringe[look.hair]], 6)]), look.tint
    )
