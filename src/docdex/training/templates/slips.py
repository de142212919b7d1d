"""Draw till slips as tills print them, since those of different shops look alike but for their words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.training.templates.parts import draw_barcode, draw_logo
from docdex.training.templates.sheet import invent_number, invent_words

if TYPE_CHECKING:
    from docdex.training.templates.sheet import Sheet

_CURRENCIES = ("", "", "RM ", "$", "EUR ")
_CHAINS = 0.5
"""Share of shops that have branches: below one name and sign stands the address of whichever it was."""


def draw_slip(sheet: Sheet) -> int:
    """A shop's head, what was bought, its sums and the shop's foot; the row at which the paper is cut.

    Nearly all is black on white in one face and one size: what tells two shops apart is what they say, in
    which order, and how it is set.
    """
    layout, art = sheet.layout, sheet.art
    if art.random() < 0.85:
        sheet.canvas[:] = int(art.integers(240, 256))
        sheet.ink = sheet.value = (int(art.integers(0, 60)),) * 3
    # From 30 to 46 letters a line.
    sheet.size = sheet.width / float(layout.uniform(30, 46)) / 20
    slip = _Slip(sheet)
    slip.draw_head()
    slip.draw_items()
    slip.draw_sums()
    slip.draw_foot()
    return min(int(slip.y + sheet.vary.uniform(2, 30)), sheet.height)


class _Slip:
    """A slip while its lines are printed, one below the other. y: baseline of the line printed last."""

    def __init__(self, sheet: Sheet) -> None:
        layout, art = sheet.layout, sheet.art
        self.sheet = sheet
        self.step = 34 * sheet.size * float(layout.uniform(1.05, 1.4))
        self.left, self.right = 0.04 * sheet.width, 0.96 * sheet.width
        # How much blank paper comes before the head is the cutter's affair.
        self.y = float(sheet.vary.integers(4, 30)) - 8 * sheet.size
        self.capitals, self.centred = art.random() < 0.6, layout.random() < 0.85
        self.rule = str(layout.choice(["-", "-", "=", "*", ""]))
        self.currency = str(art.choice(_CURRENCIES))
        # A stream of its own: whatever else a shop is made of must not depend on whether it has branches.
        self.chain = layout.spawn(1)[0].random() < _CHAINS

    def draw_head(self) -> None:
        """Sign, name, numbers and address; particulars of the sale."""
        layout, art = self.sheet.layout, self.sheet.art
        if layout.random() < 0.35:
            side = float(layout.uniform(20, 50))
            draw_logo(self.sheet, (self.sheet.width - side) / 2, self.y + 8, side)
            self.y += side + 8
        large = layout.random() < 0.4
        self._line(invent_words(art, int(art.integers(2, 4))).upper(), scale=1.4 if large else 1.0)
        for _ in range(int(layout.integers(2, 8))):
            write = _write_number if layout.random() < 0.35 else _write_street
            own = write(art)
            self._line(write(self.sheet.vary) if self.chain else own)
        if layout.random() < 0.6:
            self.y += self.step * 0.4
            self._line(invent_words(art, 2), scale=1.2 if layout.random() < 0.5 else 1.0)
        self._rule()
        for _ in range(int(layout.integers(1, 5))):
            value = invent_number(self.sheet.vary, int(layout.integers(4, 12)))
            self._pair(invent_words(art, 1), value, layout.choice([0.2, 0.3, 0.5]))

    def draw_items(self) -> None:
        """A list whose columns are the shop's and whose entries are the buyer's."""
        layout, vary = self.sheet.layout, self.sheet.vary
        self._rule()
        if layout.random() < 0.6:
            self._columns([invent_words(self.sheet.art, 1)[:7] for _ in range(4)], own=True)
            self._rule()
        coded, two_lines = layout.random() < 0.4, layout.random() < 0.5
        for _ in range(1 + int(min(24, vary.exponential(4)))):
            name = invent_words(vary, int(vary.integers(1, 4)))[:22]
            code = invent_number(vary, 8) if coded else ""
            price = self._price()
            if two_lines:
                self._pair(f"{code} {name}".strip(), "", 0)
                self._columns(["", f"{vary.integers(1, 9)} x", self._price(), price])
            else:
                self._columns([name[:14], code[:4], str(vary.integers(1, 9)), price])
        self._rule()

    def draw_sums(self) -> None:
        """The shop's names for what is added up."""
        layout = self.sheet.layout
        for row in range(int(layout.integers(2, 8))):
            scale = 1.3 if row == 1 and layout.random() < 0.3 else 1.0
            self._down(scale)
            self.sheet.printed(self.left, self.y, self._set(invent_words(self.sheet.art, 2)), scale=scale)
            self._to_right(self.currency + self._price(), scale)

    def draw_foot(self) -> None:
        """What a shop says to everybody, and the till's number for the sale."""
        layout = self.sheet.layout
        self._rule()
        for _ in range(int(layout.integers(1, 7))):
            self._line(invent_words(self.sheet.art, int(self.sheet.art.integers(2, 6))))
        if layout.random() < 0.25:
            width = self.sheet.width
            self.y = draw_barcode(self.sheet, width * 0.15, self.y + 8, width=width * 0.7, height=24)

    def _down(self, scale: float = 1.0) -> None:
        self.y += self.step * scale

    def _set(self, words: str) -> str:
        return words.upper() if self.capitals else words.title()

    def _line(self, words: str, *, scale: float = 1.0) -> None:
        self._down(scale)
        words, sheet = self._set(words), self.sheet
        width = sheet.face.width(words, sheet.size * scale)
        left = (sheet.width - width) / 2 if self.centred else self.left
        sheet.printed(max(2, left), self.y, words, scale=scale)

    def _pair(self, name: str, value: str, gap: float) -> None:
        self._down()
        if not gap:
            self.sheet.filled(self.left, self.y, self._set(name))
            return
        self.sheet.printed(self.left, self.y, self._set(name))
        self.sheet.filled(self.left + gap * self.sheet.width, self.y, f": {value}")

    def _columns(self, entries: list[str], *, own: bool = False) -> None:
        self._down()
        write = self.sheet.printed if own else self.sheet.filled
        for place, entry in zip((0.04, 0.42, 0.58), entries, strict=False):
            write(place * self.sheet.width, self.y, self._set(entry))
        self._to_right(self._set(entries[-1]))

    def _to_right(self, words: str, scale: float = 1.0) -> None:
        width = self.sheet.value_face.width(words, self.sheet.size * scale)
        self.sheet.filled(self.right - width, self.y, words, scale=scale)

    def _price(self) -> str:
        vary = self.sheet.vary
        return f"{int(np.exp(vary.uniform(0, 5)))}.{invent_number(vary, 2)}"

    def _rule(self) -> None:
        if self.rule:
            self._down(0.8)
            count = int(
                (self.right - self.left) / self.sheet.face.width(self.rule * 10, self.sheet.size) * 10
            )
            self.sheet.printed(self.left, self.y, self.rule * count)


def _write_number(rng: np.random.Generator) -> str:
    return f"{invent_words(rng, 1)} : {invent_number(rng, int(rng.integers(6, 11)))}"


def _write_street(rng: np.random.Generator) -> str:
    return f"{invent_number(rng, 2)}, {invent_words(rng, int(rng.integers(2, 5)))}"
