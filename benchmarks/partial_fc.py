"""What a step of the class layer costs at 1,281,833 classes beside 10,000; prints one JSON object.

    python benchmarks/partial_fc.py [--rounds N]

A step: the loss of 192 vectors of 256 numbers against 8,192 sampled centres, its gradient by vectors and
centres, the update of those rows. For each way in which centres learn, a process of its own. In it the small
and the large layer take turns on one thread, so that noise meets both alike; then, where they fit, dense
layers: all centres in every step, and torch's own optimiser over all of them. Times are CPU milliseconds,
medians; `ratio` is the median of the ratios of each round, the large layer to the small one. 1.3 is allowed.

Memory is in MiB. What a layer keeps: classes x dimension x 4 bytes x (1 and one for each moment), and where
there are moments 8 bytes a class. What its steps add does not depend on the number of classes; `step` is the
formula for the numbers of a step, gathered rows and gradients and logits. Measured is what the process grew
by when the large layer was made and filled, and at most while it made its steps.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from decoding import measured
from docdex.training.class_layer import build_class_layer
from docdex.training.config import DataConfig, LossConfig, OptimConfig, SourceConfig, TrainConfig
from docdex.training.margins import CosFace
from docdex.training.processes import Processes

BATCH, DIMENSION, SAMPLED = 192, 256, 8192
SMALL, LARGE = 10_000, 1_281_833
DENSE = (10_000, 100_000)
DENSE_ROUNDS = 3
ALLOWED = 1.3
MOMENTS = {"descent": 0, "momentum": 1, "adamw": 2}
MIB = 2**20
Step = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    # A process each: memory that one way of learning leaves behind would hide what the next one takes.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        figures = pool.starmap(measure, [(name, rounds) for name in MOMENTS], chunksize=1)
    print(
        json.dumps(
            {
                "benchmark": "partial_fc",
                "python": sys.version.split()[0],
                "torch": torch.__version__,
                "rounds": rounds,
                "batch": BATCH,
                "dimension": DIMENSION,
                "sampled": SAMPLED,
                "classes": LARGE,
                "allowed": ALLOWED,
                "optimisers": dict(zip(MOMENTS, figures, strict=True)),
            },
            indent=2,
        )
    )


def measure(optimiser: str, rounds: int) -> dict[str, object]:
    """Times and memory of the layers whose centres learn in this way."""
    torch.set_num_threads(1)
    moments = MOMENTS[optimiser]
    small, large = f"sampled {SMALL}", f"sampled {LARGE}"
    steps: dict[str, Step] = {small: sampled_layer(SMALL, optimiser)}
    before = resident_mib()
    steps[large] = sampled_layer(LARGE, optimiser)
    kept = resident_mib() - before
    forget_peak()
    steps[large]()
    steps[large]()
    added = peak_mib() - before - kept
    times = measured(steps, rounds)
    dense = {f"dense {classes}": dense_layer(classes, moments) for classes in DENSE}
    times |= measured(dense, DENSE_ROUNDS)
    ratios = [one / other for one, other in zip(times[large], times[small], strict=True)]
    formula = LARGE * (DIMENSION * 4 * (1 + moments) + (8 if moments else 0))
    return {
        "step_ms": {name: round(statistics.median(values), 1) for name, values in times.items()},
        "ratio": round(statistics.median(ratios), 3),
        "memory_mib": {
            "kept": {"formula": round(formula / MIB), "measured": round(kept)},
            "step": {
                "formula": round(4 * SAMPLED * (DIMENSION * (5 + moments) + 10 * BATCH) / MIB),
                "measured": round(added),
            },
        },
    }


def sampled_layer(classes: int, optimiser: str) -> Step:
    """One step after another of docdex's layer, as a run with this config would make it."""
    config = TrainConfig(
        "benchmark",
        DataConfig((SourceConfig("."),)),
        loss=LossConfig(sampled=SAMPLED),
        optim=OptimConfig(centres=optimiser),  # type: ignore[arg-type]
        centre_memory=1000.0,
    )
    layer = build_class_layer(config, classes, Processes(), Path())
    for start in range(0, classes, SAMPLED):
        part = layer.centres[start : start + SAMPLED]
        part.copy_(F.normalize(torch.randn(part.shape)))
    for table in layer.optimiser.tables.values():
        table.fill_(0)  # zeros that nobody wrote take no memory, and a page that is new takes time

    rng = np.random.default_rng(0)

    def step() -> None:
        vectors, labels = batch(rng, classes)
        torch.autograd.backward(layer.loss(vectors, labels, rng))
        layer.step(0.01)

    return step


def dense_layer(classes: int, moments: int) -> Step:
    """One step after another of a layer without sampling: plain torch, the same margin."""
    weights = torch.nn.Parameter(F.normalize(torch.randn(classes, DIMENSION)))
    margin = CosFace()
    optimiser: torch.optim.Optimizer = (
        torch.optim.AdamW([weights], lr=0.01)
        if moments == 2
        else torch.optim.SGD([weights], lr=0.01, momentum=0.9 * moments)
    )

    rng = np.random.default_rng(0)

    def step() -> None:
        vectors, labels = batch(rng, classes)
        logits = margin.logits(vectors @ F.normalize(weights).T, labels)
        optimiser.zero_grad()
        torch.autograd.backward(F.cross_entropy(logits, labels))
        optimiser.step()

    return step


def batch(rng: np.random.Generator, classes: int) -> tuple[Tensor, Tensor]:
    """Vectors (192, 256) of unit length that want a gradient, and their labels."""
    vectors = F.normalize(torch.from_numpy(rng.standard_normal((BATCH, DIMENSION), dtype=np.float32)))
    return vectors.requires_grad_(True), torch.from_numpy(rng.integers(classes, size=BATCH))


def resident_mib() -> float:
    """Memory that this process holds now."""
    return _status("VmRSS")


def peak_mib() -> float:
    """The most it held since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{key}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
