"""What a training view costs by stage, and what share of a step's CPU time that is; prints one JSON object.

    python benchmarks/views.py [--side N] [--rounds N] [--views N]

A view is made of the example pages and of drawn templates, half and half, as `docdex.training.views` makes
it: `page` (the image from memory, or a template drawn), `decode` (an image that is not in memory, instead),
`fields` (its contents changed), `capture` (photographed) or `scan`, `prepare` (cut, squeezed, scaled), `maps`
(the frozen half in ONNX Runtime, by batches). `train` is what learns: forward and backward of the upper half
and the head, per view, without the class layer.

All run in turn on one thread, so that noise meets all alike. Times are CPU milliseconds a view, medians over
rounds. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch

from docdex.capture import capture, change_fields, scan
from docdex.examples import PAGES
from docdex.preprocess import prepare
from docdex.training.classes import ClassTable
from docdex.training.config import DataConfig, ModelConfig, SourceConfig
from docdex.training.export import to_onnx
from docdex.training.network import EmbeddingNetwork
from docdex.training.views import open_session

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
SEVERITY = 0.55
"""The middle of what a run draws."""
SCANNED = 0.4
"""Share of views that are scanned; the others are photographed."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=ModelConfig().side)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--views", type=int, default=32)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        table, lazy = (tables(Path(folder), gigabytes) for gigabytes in (1.0, 0.0))
        times = measure(table, lazy, options.side, options.rounds, options.views)
    medians = {name: statistics.median(values) for name, values in times.items()}
    view = sum(medians[name] for name in ("page", "fields", "prepare", "maps"))
    view += (1 - SCANNED) * medians["capture"] + SCANNED * medians["scan"]
    print(
        json.dumps(
            {
                "benchmark": "views",
                "python": sys.version.split()[0],
                "opencv": cv2.__version__,
                "torch": torch.__version__,
                "side": options.side,
                "views": options.views,
                "rounds": options.rounds,
                "cpu_ms": {name: round(value, 3) for name, value in medians.items()},
                "view_ms": round(view, 3),
                "share_of_step": round(view / (view + medians["train"]), 3),
            },
            indent=2,
        )
    )


def tables(folder: Path, gigabytes: float) -> ClassTable:
    """The example pages as classes and as many templates, in memory or not."""
    source = SourceConfig(str(PAGES), classes="one")
    config = DataConfig((source,), templates=200, template_share=0.5, memory_gigabytes=gigabytes)
    return ClassTable.build(config, lambda _: None, folder)


def measure(
    table: ClassTable, lazy: ClassTable, side: int, rounds: int, views: int
) -> dict[str, list[float]]:
    """CPU milliseconds a view of each stage in each round, after one round to warm up."""
    network = EmbeddingNetwork.build(ModelConfig(side=side))
    session = open_session(to_onnx(network.lower, side, "maps"))
    network.train()
    photo_side = DataConfig(()).photo_side
    size = (photo_side, photo_side)
    classes = [int(number) for number in table.draw((np.arange(views) + 0.5) / views)]
    images = [number for number in classes if number < len(table) - table.drawn]
    times: dict[str, list[float]] = {}
    for round_ in range(rounds + 1):
        rngs = [np.random.default_rng([round_, place]) for place in range(views)]
        with timed(times, "page", views):
            pages = [np.ascontiguousarray(table.page(*each)) for each in zip(classes, rngs, strict=True)]
        with timed(times, "decode", len(images)):
            for number in images:
                lazy.page(number, rngs[0])
        with timed(times, "fields", views):
            donors = pages[7:] + pages[:7]
            filled = [change_fields(*each, 0.3) for each in zip(pages, donors, rngs, strict=True)]
        with timed(times, "scan", views):
            for page, rng in zip(filled, rngs, strict=True):
                scan(page, rng, SEVERITY, size=size)
        with timed(times, "capture", views):
            photos = [capture(page, rng, SEVERITY, size=size) for page, rng in zip(filled, rngs, strict=True)]
        with timed(times, "prepare", views):
            inputs = np.stack([prepare(photo, side) for photo in photos])
        with timed(times, "maps", views):
            maps = torch.from_numpy(session.run(None, {"images": inputs})[0])
        with timed(times, "train", views):
            vectors = network.embed_maps(maps.contiguous(memory_format=torch.channels_last))
            torch.autograd.backward(vectors[:, 0].sum())
    return {name: values[1:] for name, values in times.items()}


@contextmanager
def timed(times: dict[str, list[float]], name: str, count: int) -> Iterator[None]:
    """Append the block's CPU milliseconds for each of `count`."""
    began = time.process_time()
    yield
    times.setdefault(name, []).append((time.process_time() - began) * 1000 / count)


if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():  # numpy reads these when it is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    main()
