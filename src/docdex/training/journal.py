"""Keep what a run says of itself: a line of figures each time, and all of it for TensorBoard where that is.

TensorBoard is an extra of its own: without it a run says so once, and keeps its lines.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch.utils.tensorboard import SummaryWriter

LINES, EVENTS = "log.jsonl", "events"
"""File and folder, in that of the run."""


class Journal:
    """Figures of a run by step, in its folder; nothing is made before the first is written.

    run: the folder. say: is told, once, when TensorBoard is missing.
    """

    def __init__(self, run: Path, say: Callable[[str], None]) -> None:
        self.run, self._say = run, say
        self._opened = False
        self._events: SummaryWriter | None = None

    def write(self, step: int, **figures: float) -> None:
        """Figures of a step: a JSON object on a line, null for what is no number, and a curve each.

        Raises TrainingError where they cannot be written, such as on a full disk.
        """
        try:
            self.run.mkdir(parents=True, exist_ok=True)
            with (self.run / LINES).open("a", encoding="utf-8") as file:
                known = {name: figure if math.isfinite(figure) else None for name, figure in figures.items()}
                file.write(json.dumps({"step": step, **known}) + os.linesep)
            if (events := self._open(step)) is not None:
                for name, figure in figures.items():
                    events.add_scalar(name, figure, step)
                events.flush()
        except OSError as error:
            raise _unwritten(self.run, error) from error

    def show(self, step: int, name: str, make: Callable[[], NDArray[np.float32]]) -> None:
        """A picture of images (N, 3, S, S) float32 in [-1, 1], which are only made where it can be seen.

        Raises TrainingError where it cannot be written.
        """
        try:
            if (events := self._open(step)) is not None:
                events.add_image(name, mosaic(make()), step)
                events.flush()
        except OSError as error:
            raise _unwritten(self.run, error) from error

    def close(self) -> None:
        """Let go of the files, and of the thread that writes them."""
        if self._events is not None:
            self._events.close()
        self._events, self._opened = None, False

    def _open(self, step: int) -> SummaryWriter | None:
        """TensorBoard's writer, if there is one. It has a thread: workers must have been forked before."""
        if not self._opened:
            self._opened = True
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                self._say(f"no curves for TensorBoard, only {LINES}: pip install 'docdex[tensorboard]'")
            else:
                # What a run that was killed had written beyond its checkpoint is not shown.
                self._events = SummaryWriter(str(self.run / EVENTS), purge_step=step)
        return self._events


def mosaic(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Images (N, 3, S, S) in [-1, 1], row by row in one that is about square, (3, H, W) uint8; rest white."""
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    filled = np.ones((rows * columns, channels, height, width), dtype=np.float32)
    filled[:count] = images
    grid = filled.reshape(rows, columns, channels, height, width).transpose(2, 0, 3, 1, 4)
    whole = grid.reshape(channels, rows * height, columns * width)
    pixels: NDArray[np.uint8] = np.clip((whole + 1) * 127.5, 0, 255).round().astype(np.uint8)
    return pixels


def _unwritten(run: Path, error: OSError) -> TrainingError:
    return TrainingError(f"{run}: figures not written: {error}. The last checkpoint is whole.")
