"""Made-up documents that come with the package, so that demo, tests and first steps need no other data.

Everything shown is invented: the country, the firms, the people. `docdex.examples.make` draws the pages anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

PAGES = Path(__file__).parent / "pages"

Kind = Literal["registered", "probe", "stranger"]


class Listed(msgspec.Struct, frozen=True):
    """One line of `pages/manifest.json`: a file below `pages` and what it shows."""

    kind: Kind
    label: str | None
    file: str


@dataclass(frozen=True, slots=True)
class Example:
    """One example page.

    kind: `registered` is a flat page to register, `probe` a photo of another page of a registered type,
    `stranger` a photo of something of no registered type. label: the true label; None for a stranger.
    """

    kind: Kind
    label: str | None
    path: Path


def load_examples() -> tuple[Example, ...]:
    """All example pages: registered ones first, then probes in the order of their labels, then strangers."""
    entries = msgspec.json.decode((PAGES / "manifest.json").read_bytes(), type=list[Listed])
    return tuple(Example(entry.kind, entry.label, PAGES / entry.file) for entry in entries)


__all__ = ["PAGES", "Example", "Kind", "load_examples"]
