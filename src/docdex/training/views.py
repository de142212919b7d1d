"""Make training batches in worker processes: pages filled in, photographed, taken through the frozen half.

A view depends on the run's seed and its own number alone, so any number of workers makes the same run, and a
resumed run goes on where it stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from docdex.capture import capture, change_fields, change_margins, scan
from docdex.preprocess import cut_margins, find_head, prepare, squeeze

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

    from docdex.training.classes import ClassTable
    from docdex.training.config import TrainConfig
    from docdex.training.teachers import Taught

_PAGES_AT_ONCE = 4
"""In one run of the frozen half: more would not fit the processor's cache, and take three times as long."""
_TALL = 1.1
"""Height over width from which the square at a page's head is another view than the whole page."""
_SEEN = 2
"""Of a page that is seen by the square at its head, so many times its width is photographed."""
_HEAD_SCALE, _HEAD_BESIDE, _HEAD_ABOVE = 0.06, 0.03, (-0.15, 0.3)
"""How wrong a misplaced square is: deviation of its size's logarithm, and of its place to the side, and how
far it may be too high, as shares of its width."""


_CLASSES = 1 << 29
"""Sets the random numbers that choose classes apart from those of a place: a zero at the end is as none."""


class Batch(NamedTuple):
    """What one step learns from: B views, and then K clean copies of some of their pages.

    maps: (B + K, C, S / f, S / f) float16 of the frozen part, where f is `model.frozen_stride`; of `lite0`
    (B + K, 40, S / 8, S / 8). labels: (B + K,) int64 class numbers. said: (K, ...) float16, what the teacher
    says of the copies; empty without one.
    """

    maps: torch.Tensor
    labels: torch.Tensor
    said: torch.Tensor


class Batches(Dataset[Batch]):
    """Batch number -> its views, and with `distil` its clean copies, `distil.clean` of a whole batch.

    lower: the frozen part as ONNX bytes; each process opens its own session. places: the part of each batch
    that is made, by default all of it; the parts of several processes make up the same batch. taught: the
    teacher that is asked about the copies, if any is.
    """

    def __init__(
        self,
        config: TrainConfig,
        table: ClassTable,
        lower: bytes,
        places: range | None = None,
        taught: Taught | None = None,
    ) -> None:
        self.config, self.table, self._lower, self._taught = config, table, lower, taught
        self.places = places or range(config.optim.batch)
        self._session: onnxruntime.InferenceSession | None = None
        cv2.setNumThreads(1)  # its threads would not survive the fork of a worker

    def __getitem__(self, number: int) -> Batch:
        batch, said = self.config.optim.batch, torch.empty(0, dtype=torch.float16)
        classes, views = self.classes(number), self.views(number, self.places)
        chosen = classes[self.places.start : self.places.stop]
        if (distil := self.config.distil) is not None:
            copied = np.linspace(0, batch, distil.clean, endpoint=False).astype(np.int64)
            clean = classes[copied[(copied >= self.places.start) & (copied < self.places.stop)]]
            pages = [clean_page(self.config, self.table, int(each)) for each in clean]
            views += [prepare(page, self.config.model.side) for page in pages]
            chosen = np.concatenate([chosen, clean])
            if self._taught is not None:
                said = torch.from_numpy(self._taught(pages))
        maps = torch.from_numpy(self.maps(np.stack(views)).astype(np.float16))
        return Batch(maps, torch.from_numpy(chosen), said)

    def classes(self, number: int) -> NDArray[np.int64]:
        """Class numbers (B,) of a whole batch."""
        return self.draw_classes(number, self.config.optim.batch)

    def draw_classes(self, number: int, count: int) -> NDArray[np.int64]:
        """So many class numbers (count,) for a batch: stratified, so that few repeat and all kinds come."""
        rng = np.random.default_rng([self.config.seed, number, _CLASSES])
        return self.table.draw((np.arange(count) + rng.random(count)) / count)

    def views(self, number: int, places: range) -> list[NDArray[np.float32]]:
        """Images of these places of a batch, (3, S, S) float32 each."""
        classes = self.classes(number)
        return [
            self.view(int(classes[place]), np.random.default_rng([self.config.seed, number, place]))
            for place in places
        ]

    def part(self, places: range, taught: Taught | None) -> Batches:
        """The same batches, of which only these places are made, with what a teacher says of their copies."""
        return Batches(self.config, self.table, self._lower, places, taught)

    def view(self, number: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """One training image of a class, (3, S, S) float32."""
        data, side = self.config.data, self.config.model.side
        page = np.ascontiguousarray(self.table.page(number, rng))
        if rng.random() < data.fields:
            donor = self.table.pages[int(rng.integers(len(self.table.pages)))]
            # Templates bring other data of their own; images need all of it.
            most = 1.0 if number < len(self.table) - self.table.drawn else 0.4
            page = change_fields(page, donor, rng, rng.uniform(0, most))
        if data.margins and rng.random() < data.margins:
            page = np.ascontiguousarray(change_margins(page, rng))
        severity = rng.uniform(*data.severity)
        scanned = data.scans and rng.random() < data.scans
        if not self._of_top(page, rng):
            take = scan if scanned else capture
            return prepare(take(page, rng, severity, size=(data.photo_side, data.photo_side)), side)
        # The square is as wide as the page: its shape must be kept. What is far below is not seen.
        page = page[: _SEEN * page.shape[1]]
        size = round(data.photo_side * page.shape[0] / page.shape[1]), data.photo_side
        if scanned:
            page = scan(page, rng, severity, size=size, keep_shape=True)
        else:
            page = capture(page, rng, severity, size=size)
        if data.misplaced and rng.random() < data.misplaced:
            return squeeze(misplaced_head(cut_margins(page), rng), side)
        return prepare(page, side, "top")

    def _of_top(self, page: NDArray[np.uint8], rng: np.random.Generator) -> bool:
        """Whether a view shows the square at the head alone: never of a page that is little else."""
        views = self.config.model.views
        if len(views) == 1 or len(page) < _TALL * page.shape[1]:
            return views == ("top",)
        return views[int(rng.integers(len(views)))] == "top"

    def maps(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps of the frozen part, float32, of images (N, 3, S, S) float32."""
        if self._session is None:
            self._session = open_session(self._lower)
        parts = np.split(images, range(_PAGES_AT_ONCE, len(images), _PAGES_AT_ONCE))
        return np.concatenate([self._session.run(None, {"images": part})[0] for part in parts])

    def close(self) -> None:
        """Let go of this process's session: its threads would not survive the fork of a worker."""
        self._session = None


def misplaced_head(page: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The square at the head of a page (H, W, 3), found a little wrong: higher, lower, larger or smaller.

    What is written above a slip's first line, or a line too faint to be found, moves it far more than a hand
    that crops badly does.
    """
    rows, columns = find_head(page)
    side = columns.stop - columns.start
    wanted = side * float(np.exp(rng.normal(0, _HEAD_SCALE)))
    above, beside = rng.uniform(*_HEAD_ABOVE), rng.normal(0, _HEAD_BESIDE)
    top = int(np.clip(rows.start - above * side, 0, max(len(page) - wanted, 0)))
    left = int(np.clip(columns.start + beside * side, 0, max(page.shape[1] - wanted, 0)))
    return page[top : top + round(wanted), left : left + round(wanted)]


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
            page = clean_page(self.config, self.table, chosen)
            images.append(prepare(page, self.config.model.side))
        return torch.from_numpy(np.asarray(self._session.run(None, {"images": np.stack(images)})[0]))


def clean_page(config: TrainConfig, table: ClassTable, number: int) -> NDArray[np.uint8]:
    """A class's page as it is, (H, W, 3) uint8 RGB: always the same one, of templates too."""
    rng = np.random.default_rng([config.seed, number, 1 << 30])
    return np.ascontiguousarray(table.page(number, rng))


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """A session of one thread: workers and trainer share the cores already."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
