"""Give the pages of a run's scans by number, from memory as far as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docdex.training.data import Scan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from docdex.training.files import FileList

    Pixels = NDArray[np.uint8]


class Pages:
    """Every page of a run's scans, one after the other, (H, W, 3) uint8 RGB.

    The first ones stay in memory up to a budget, the others are decoded when they are asked for. What is
    drawn next is random, so no page is worth more memory than another: a cache would hold as many and keep
    the books besides, once a worker.

    side: short side of a page at most, in pixels. budget: bytes.
    """

    def __init__(self, side: int, budget: int) -> None:
        self._side, self._left = side, budget
        self._scans: list[Scan] = []
        self._firsts: list[int] = [0]
        self._kept: list[Pixels] = []

    def __getstate__(self) -> dict[str, Any]:
        # Where workers are not forked each is sent a copy: it decodes what it is asked for.
        return {**self.__dict__, "_kept": []}

    def __len__(self) -> int:
        return self._firsts[-1]

    def __getitem__(self, index: int) -> Pixels:
        if index < len(self._kept):
            return self._kept[index]
        which = int(np.searchsorted(self._firsts, index, side="right")) - 1
        return self._scans[which].read(index - self._firsts[which], self._side)

    @property
    def kept(self) -> int:
        """How many are in memory."""
        return len(self._kept)

    def add(self, files: FileList, kept_in: Path | None, say: Callable[[str], None]) -> Scan:
        """Scan a source and append its pages. Parameters and errors are those of `Scan.of`."""
        scan = Scan.of(files, self._side, kept_in=kept_in, keep=self._keep, say=say)
        self._scans.append(scan)
        self._firsts.append(len(self) + len(scan))
        while self._left > 0 and self.kept < len(self):
            self._keep(self[self.kept])
        return scan

    def _keep(self, page: Pixels) -> None:
        """Keep a page if it fits; after the first that does not, none."""
        if page.nbytes <= self._left:
            self._left -= page.nbytes
            self._kept.append(page)
        else:
            self._left = 0
