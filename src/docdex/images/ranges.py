"""The grammar of page ranges such as `1-3,7,10-`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docdex.errors import PageOutOfRange

_PART = re.compile(r"([0-9]{1,9})(-([0-9]{1,9})?)?")


@dataclass(frozen=True, slots=True)
class PageRanges:
    """Which pages of a file are wanted. parts: (first, last) from 1, both included; last None: to the end."""

    parts: tuple[tuple[int, int | None], ...]

    @staticmethod
    def parse(text: str) -> PageRanges:
        """Read `N`, `N-M` and `N-`, separated by commas. Raises PageOutOfRange for anything else."""
        parts: list[tuple[int, int | None]] = []
        for part in text.split(","):
            match = _PART.fullmatch(part.strip())
            if match is None:
                raise PageOutOfRange(f"“{text}” is no page range; write one like 1-3,7,10- .")
            first = int(match[1])
            last = first if match[2] is None else int(match[3]) if match[3] else None
            if first < 1 or (last is not None and last < first):
                raise PageOutOfRange(f"“{text}” is no page range: pages count from 1, and ranges upwards.")
            parts.append((first, last))
        return PageRanges(tuple(parts))

    def select(self, count: int, name: str) -> list[int]:
        """The wanted pages of a file of `count` pages: ascending, each once. Raises PageOutOfRange."""
        wanted: set[int] = set()
        for first, last in self.parts:
            furthest = first if last is None else last
            if furthest > count:
                has = "1 page" if count == 1 else f"{count} pages"
                raise PageOutOfRange(f"{name} has {has}; page {furthest} was asked for.")
            wanted.update(range(first, (count if last is None else last) + 1))
        return sorted(wanted)


ALL_PAGES = PageRanges(((1, None),))
