"""Say what the classes are: each image one, each image turned another, each drawn template one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from docdex.errors import TrainingError
from docdex.training.templates import draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from docdex.training.config import DataConfig

    Pixels = NDArray[np.uint8]

_DRAWN_FOR = 184
"""Side of views that templates are drawn for as they are; for larger ones they are drawn larger."""
_SUFFIXES = {".jpg", ".jpeg", ".png"}


def expand(path: str) -> Path:
    """Path with its variables filled in: `$DOCDEX_DATA` is `../shared/data` unless set.

    Raises TrainingError for another variable that is not set.
    """
    data = os.environ.get("DOCDEX_DATA", "../shared/data")
    filled = os.path.expandvars(path.replace("$DOCDEX_DATA", data))
    if "$" in filled:
        raise TrainingError(f"{path}: set the environment variable it names.")
    return Path(filled)


def read_small(path: Path, side: int) -> Pixels | None:
    """An image as (H, W, 3) uint8 RGB, its short side at most `side`, transparency over white.

    None when it cannot be decoded.
    """
    decoded = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        return None
    raw = np.asarray(decoded // 257 if decoded.dtype == np.uint16 else decoded, dtype=np.uint8)
    if raw.ndim == 3 and raw.shape[2] == 4:
        alpha = raw[..., 3:].astype(np.float32) / 255
        raw = (raw[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    rgb = cv2.cvtColor(raw, cv2.COLOR_GRAY2RGB if raw.ndim == 2 else cv2.COLOR_BGR2RGB)
    scale = side / min(rgb.shape[:2])
    if scale < 1:
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(rgb, dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class ClassTable:
    """All C classes of a run, and how often each is drawn.

    pages: the images, in memory, (H, W, 3) uint8 RGB. pictures: the same for the templates' pictures.
    image: (C,) int64, a class's index in `pages`, -1 for templates, which come last. turns: (C,) int64,
    quarter turns counter-clockwise, 0 to 3. probabilities: (C,) float64 summing to 1. unreadable: files left
    out. zoom: of the templates.
    """

    pages: list[Pixels]
    pictures: list[Pixels]
    image: NDArray[np.int64]
    turns: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    unreadable: tuple[Path, ...]
    zoom: float = 1.0

    def __len__(self) -> int:
        return len(self.image)

    @classmethod
    def build(cls, config: DataConfig, say: Callable[[str], None] = print) -> ClassTable:
        """Read every source into memory. Raises TrainingError for a source without images."""
        pages: list[Pixels] = []
        image: list[int] = []
        turns: list[int] = []
        weights: list[float] = []
        unreadable: list[Path] = []
        for source in config.sources:
            folder = expand(source.folder)
            paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
            if not paths:
                raise TrainingError(f"{folder}: no images (config data.sources).")
            before = len(pages)
            for path in paths:
                page = read_small(path, config.page_side)
                if page is None:
                    unreadable.append(path)
                    continue
                for turn in (0, 1 + len(pages) % 3) if source.turned else (0,):
                    image.append(len(pages))
                    turns.append(turn)
                    weights.append(source.weight)
                pages.append(page)
            if len(pages) == before:
                raise TrainingError(f"{folder}: none of its {len(paths)} images can be decoded.")
            say(f"{folder}: {len(pages) - before} images")
        share = np.array(weights) / sum(weights)
        drawn = config.templates
        drawn_share = config.template_share if drawn else 0.0
        each = np.full(drawn, drawn_share / max(drawn, 1))
        probabilities = np.concatenate([share * (1 - drawn_share), each])
        return cls(
            pages,
            _read_pictures(expand(config.pictures)) if config.pictures else [],
            np.array(image + [-1] * drawn, dtype=np.int64),
            np.array(turns + [0] * drawn, dtype=np.int64),
            probabilities / probabilities.sum(),
            tuple(unreadable),
            config.photo_side / _DRAWN_FOR,
        )

    def page(self, number: int, rng: np.random.Generator) -> Pixels:
        """A flat page of a class, (H, W, 3) uint8 RGB: the image itself, or a template filled in anew."""
        index = int(self.image[number])
        if index >= 0:
            return np.rot90(self.pages[index], int(self.turns[number]))
        template = number - int(np.count_nonzero(self.image >= 0))
        return draw(template, rng, self.pictures, zoom=self.zoom)


def _read_pictures(folder: Path) -> list[Pixels]:
    """Every fourth picture of a folder, small: more would only take memory."""
    paths = [path for path in sorted(folder.rglob("*"))[::4] if path.suffix.lower() in _SUFFIXES]
    return [picture for path in paths if (picture := read_small(path, 64)) is not None]
