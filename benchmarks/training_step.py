"""What bfloat16 does to a training step of the trunk; prints one JSON object.

    python benchmarks/training_step.py [--rounds N]

A step: 64 pages of 144 pixels forward and backward through the part that learns, and the head; of `lite0` all
beyond stride 8, as in configs/first.toml. bfloat16 is autocast over the trunk. Both take turns on one thread,
so that noise meets both alike. `images_per_second` is by CPU time, medians; `gain` is the median of the
ratios of each round, float32 to bfloat16. Why neither the dense trunk nor `torch.compile` is here, stands in
docs/experiments.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable

import torch

from decoding import measured
from docdex.training.config import ModelConfig
from docdex.training.network import EmbeddingNetwork

BATCH, SIDE = 64, 144
TRUNKS = {"lite0": ModelConfig()}


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
    """Images a second in float32 and bfloat16, and how they compare."""
    network = EmbeddingNetwork.build(model).train()
    with torch.no_grad():
        maps = network.lower(torch.randn(BATCH, 3, SIDE, SIDE))

    def step(half: bool) -> Callable[[], None]:
        def run() -> None:
            network.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                cells = network.cells(maps)
            torch.autograd.backward(network.head(cells).sum())

        return run

    times = measured({"float32": step(half=False), "bfloat16": step(half=True)}, rounds)
    ratios = [one / other for one, other in zip(times["float32"], times["bfloat16"], strict=True)]
    return {
        "images_per_second": {
            name: round(1000 * BATCH / statistics.median(values), 1) for name, values in times.items()
        },
        "gain": round(statistics.median(ratios), 2),
    }


if __name__ == "__main__":
    main()
