"""Make training batches in worker processes: pages filled in, photographed, taken through the frozen half.

A view depends on the run's seed and its own number alone, so any number of workers makes the same run, and a
resumed run goes on where it stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from docdex.capture import capture, change_fields, scan
from docdex.preprocess import prepare

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

    from docdex.training.classes import ClassTable
    from docdex.training.config import TrainConfig

_PAGES_AT_ONCE = 4
"""In one run of the frozen half: more would not fit the processor's cache, and take three times as long."""


class Batches(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Batch number -> maps (B, 40, S / 8, S / 8) float16 of the frozen half, class numbers (B,) int64.

    lower: the frozen half as ONNX bytes; each process opens its own session.
    """

    def __init__(self, config: TrainConfig, table: ClassTable, lower: bytes) -> None:
        self.config, self.table, self._lower = config, table, lower
        self._session: onnxruntime.InferenceSession | None = None
        cv2.setNumThreads(1)  # its threads would not survive the fork of a worker
        self._cumulative = np.cumsum(table.probabilities)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        batch = self.config.optim.batch
        # Stratified over the class distribution: a batch holds few repeats and all kinds.
        rng = np.random.default_rng([self.config.seed, number])
        ranks = (np.arange(batch) + rng.random(batch)) / batch
        # Sums of shares end a rounding error away from 1.
        ranks = np.minimum(ranks, self._cumulative[-1] - 1e-12)
        classes = np.searchsorted(self._cumulative, ranks, side="right").astype(np.int64)
        seeds = ([self.config.seed, number, place] for place in range(batch))
        views = [
            self.view(int(chosen), np.random.default_rng(seed))
            for chosen, seed in zip(classes, seeds, strict=True)
        ]
        return torch.from_numpy(self.maps(np.stack(views)).astype(np.float16)), torch.from_numpy(classes)

    def view(self, number: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """One training image of a class, (3, S, S) float32."""
        data, side = self.config.data, self.config.model.side
        page = np.ascontiguousarray(self.table.page(number, rng))
        if rng.random() < data.fields:
            donor = self.table.pages[int(rng.integers(len(self.table.pages)))]
            # Templates bring other data of their own; images need all of it.
            most = 1.0 if self.table.image[number] >= 0 else 0.4
            page = change_fields(page, donor, rng, rng.uniform(0, most))
        severity = rng.uniform(*data.severity)
        take = scan if data.scans and rng.random() < data.scans else capture
        return prepare(take(page, rng, severity, size=(data.photo_side, data.photo_side)), side)

    def maps(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps (N, 40, S / 8, S / 8) float32 of images (N, 3, S, S) float32."""
        if self._session is None:
            self._session = open_session(self._lower)
        parts = np.split(images, range(_PAGES_AT_ONCE, len(images), _PAGES_AT_ONCE))
        return np.concatenate([self._session.run(None, {"images": part})[0] for part in parts])

    def close(self) -> None:
        """Let go of this process's session: its threads would not survive the fork of a worker."""
        self._session = None


class CleanVectors(Dataset[torch.Tensor]):
    """Chunk number -> vectors (at most 128, D) of the classes' pages as they are: where their centres start.

    model: the whole network as ONNX bytes.
    """

    chunk = 128

    def __init__(self, config: TrainConfig, table: ClassTable, model: bytes) -> None:
        self.config, self.table, self._model = config, table, model
        self._session: onnxruntime.InferenceSession | None = None

    def __len__(self) -> int:
        return (len(self.table) + self.chunk - 1) // self.chunk

    def __getitem__(self, number: int) -> torch.Tensor:
        if self._session is None:
            self._session = open_session(self._model)
        images = []
        for chosen in range(number * self.chunk, min((number + 1) * self.chunk, len(self.table))):
            rng = np.random.default_rng([self.config.seed, chosen, 1 << 30])
            images.append(prepare(np.ascontiguousarray(self.table.page(chosen, rng)), self.config.model.side))
        return torch.from_numpy(np.asarray(self._session.run(None, {"images": np.stack(images)})[0]))


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """A session of one thread: workers and trainer share the cores already."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
