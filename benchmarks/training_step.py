"""What bfloat16 and `torch.compile` do to a training step of the trunk; prints one JSON object.

    python benchmarks/training_step.py [--rounds N]

A step: 64 pages of 144 pixels forward and backward through the part that learns, and the head; of `lite0` all
beyond stride 8, of `dense` the whole trunk, as in configs/base.toml and configs/dense.toml. `torch.compile`
takes the trunk (the head is a hundredth of the work), bfloat16 is autocast. All take turns on one thread, so
that noise meets all alike. `images_per_second` is by CPU time, medians; `gain` is the median of the ratios of
each round to float32 as it is. `compiled_in_seconds` is what the first step takes longer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from decoding import measured
from docdex.training.config import ModelConfig
from docdex.training.network import EmbeddingNetwork

BATCH, SIDE = 64, 144
TRUNKS = {"lite0": ModelConfig(), "dense": ModelConfig(trunk="dense", weights="random", frozen_stride=1)}
PLAIN = "float32"
WAYS = {
    PLAIN: (False, False),
    "bfloat16": (True, False),
    "compiled": (False, True),
    "compiled bfloat16": (True, True),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(
        json.dumps(
            {
                "benchmark": "training_step",
                "torch": torch.__version__,
                "rounds": rounds,
                "batch": BATCH,
                "side": SIDE,
                "trunks": {name: measure(model, rounds) for name, model in TRUNKS.items()},
            },
            indent=2,
        )
    )


def measure(model: ModelConfig, rounds: int) -> dict[str, object]:
    """Images a second in every way, and how that compares."""
    network = EmbeddingNetwork.build(model).train()
    with torch.no_grad():
        maps = network.lower(torch.randn(BATCH, 3, SIDE, SIDE))
    eager = network.upper
    compiled = torch.compile(eager)

    def step(half: bool, trunk: nn.Module) -> Callable[[], None]:
        def run() -> None:
            network.upper = trunk  # type: ignore[assignment]
            network.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                cells = network.cells(maps)
            torch.autograd.backward(network.head(cells).sum())

        return run

    steps = {name: step(half, compiled if fast else eager) for name, (half, fast) in WAYS.items()}
    seconds = {}
    for name, run in steps.items():
        started = time.monotonic()
        run()
        seconds[name] = time.monotonic() - started
    times = measured(steps, rounds)
    return {
        "images_per_second": {
            name: round(1000 * BATCH / statistics.median(values), 1) for name, values in times.items()
        },
        "gain": {
            name: round(
                statistics.median(plain / way for plain, way in zip(times[PLAIN], values, strict=True)), 2
            )
            for name, values in times.items()
            if name != PLAIN
        },
        "compiled_in_seconds": round(seconds["compiled"] - statistics.median(times["compiled"]) / 1000),
    }


if __name__ == "__main__":
    main()
