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

_SUFFIXES = {".jpg", ".jpeg", ".png"}


def expand(path: str) -> Path:
    """Path with its variables filled in: `$DOCDEX_DATA` is `../shared/data` unless set."""
    filled = os.path.expandvars(path.replace("$DOCDEX_DATA", os.environ.get("DOCDEX_DATA", "../shared/data")))
    if "$" in filled:
        raise TrainingError(f"{path}: set the environment variable it names.")
    return Path(filled)


def read_small(path: Path, side: int) -> Pixels | None:
    """Image as RGB with its short side at most `side`, transparency over white; None when it cannot be decoded."""
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None:
        return None
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
    """All classes of a run: `(image, quarter turns)` for images, a number for templates, and how often each is drawn.

    pages: the images, in memory. image: (C,) int64, -1 for templates. turns: (C,) int64, 0 to 3.
    probabilities: (C,) float64 summing to 1. unreadable: files that were left out.
    """

    pages: list[Pixels]
    pictures: list[Pixels]
    image: NDArray[np.int64]
    turns: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    unreadable: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.image)

    @classmethod
    def build(cls, config: DataConfig, progress: Callable[[str], None] = print) -> ClassTable:
        """Read every source into memory. Raises TrainingError for an empty or missing source."""
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
            progress(f"{folder}: {len(pages) - before} images")
        share = np.array(weights) / sum(weights)
        drawn = config.templates
        drawn_share = config.template_share if drawn else 0.0
        probabilities = np.concatenate([share * (1 - drawn_share), np.full(drawn, drawn_share / max(drawn, 1))])
        pictures = [
            picture
            for path in (sorted(expand(config.pictures).rglob("*"))[::4] if config.pictures else [])
            if path.suffix.lower() in _SUFFIXES and (picture := read_small(path, 64)) is not None
        ]
        return cls(
            pages,
            pictures,
            np.array(image + [-1] * drawn, dtype=np.int64),
            np.array(turns + [0] * drawn, dtype=np.int64),
            probabilities / probabilities.sum(),
            tuple(unreadable),
        )

    def page(self, number: int, rng: np.random.Generator) -> Pixels:
        """A flat page of a class: the image itself, or a template filled in anew."""
        index = int(self.image[number])
        if index >= 0:
            return np.rot90(self.pages[index], int(self.turns[number]))
        template = number - int(np.count_nonzero(self.image >= 0))
        return draw(template, rng, self.pictures)
