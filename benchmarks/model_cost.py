"""What a page costs each packaged model, beside EfficientNet-Lite0 to stride 16 at 128 px; prints JSON.

    python benchmarks/model_cost.py [--rounds N] [--pages N]

`model`: the model's runs on all that it sees of an upright page (`docdex.embedder.look_at`), nothing else.
`look`: making that. `trunk`: one run of the trunk, which is the measure that models are allowed a multiple
of: `small` 1.5, `base` 4.5. Pages are example pages that are higher than wide, which are seen twice, eight
at a time; of wide ones a model sees half as much.

All run in turn on one thread, so that noise meets all alike. Times are CPU milliseconds a page, medians;
ratios are medians of the ratios of each round. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from decoding import measured
from docdex import models
from docdex.embedder import look_at
from docdex.examples import PAGES
from docdex.images import read_pages
from docdex.preprocess import squeeze
from docdex.training.backbones import build_trunk
from docdex.training.export import to_onnx
from docdex.training.views import open_session

SIDE = 128
AT_ONCE = 8
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pages", type=int, default=24)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    found = (
        page.pixels for path in sorted(PAGES.rglob("*.jpg")) for page in read_pages(path, short_side=400)
    )
    high = [pixels for pixels in found if pixels.shape[0] > 1.2 * pixels.shape[1]]
    pages = high[:: max(1, len(high) // options.pages)][: options.pages]
    trunk, squares = build_trunk("lite0").whole, np.stack([squeeze(page, SIDE) for page in pages])
    tasks: dict[str, Callable[[], object]] = {
        "trunk": partial(run, open_session(to_onnx(trunk, SIDE, "maps")), "images", squares)
    }
    for name in models.names():
        loaded = models.load(name)
        wanted = loaded.passport.input
        inputs = np.concatenate([look_at(page, wanted.side, wanted.views)[0] for page in pages])
        tasks[f"{name} look"] = partial(look, pages, wanted)
        tasks[f"{name} model"] = partial(run, open_session(loaded.content), wanted.name, inputs)
    times = measured(tasks, options.rounds)
    print(
        json.dumps(
            {
                "benchmark": "model_cost",
                "python": sys.version.split()[0],
                "pages": len(pages),
                "rounds": options.rounds,
                "digests": {name: models.load(name).passport.digest for name in models.names()},
                "megabytes": {
                    name: round((models.WEIGHTS / f"{name}.onnx").stat().st_size / 1e6, 2)
                    for name in models.names()
                },
                "cpu_ms": {
                    name: round(statistics.median(spent) / len(pages), 3) for name, spent in times.items()
                },
                "ratio_to_trunk": {
                    name: round(
                        statistics.median(
                            one / trunk
                            for one, trunk in zip(times[f"{name} model"], times["trunk"], strict=True)
                        ),
                        3,
                    )
                    for name in models.names()
                },
            },
            indent=2,
        )
    )


def run(session: InferenceSession, name: str, inputs: NDArray[np.float32]) -> None:
    """All inputs, a few at a time."""
    for start in range(0, len(inputs), AT_ONCE):
        session.run(None, {name: inputs[start : start + AT_ONCE]})


def look(pages: list[NDArray[np.uint8]], wanted: models.ModelInput) -> None:
    """Make what a model is run on."""
    for page in pages:
        look_at(page, wanted.side, wanted.views)


if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():  # numpy reads these when it is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    main()
