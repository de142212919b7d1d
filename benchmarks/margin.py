"""What a margin catches and what it costs, on a benchmark folder; prints one JSON object.

    python benchmarks/margin.py FOLDER [--model NAME_OR_PATH]

One sample of each type is registered, as in part 2 of the protocol. Of the probes whose nearest sample is at
or above the model's default threshold, it counts for several margins which share of the wrong answers is held
back because another type is within the margin, and which share of the right ones. Rotations are tried.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docdex import models
from docdex.embedder import ROTATIONS, OnnxEmbedder
from docdex.evaluation.comparison import compare, embed_benchmark
from docdex.evaluation.protocol import DRAWS, Benchmark

MARGINS = (0.01, 0.02, 0.03, 0.05, 0.08)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default=models.DEFAULT)
    options = parser.parse_args()
    embedder = OnnxEmbedder.open(options.model)
    benchmark = Benchmark.scan(options.folder)
    (vectors,) = embed_benchmark(benchmark, [embedder])
    _, similarities = compare(vectors)
    kinds = np.array([instance.kind or "" for instance in benchmark.instances])
    leads: list[float] = []
    right: list[bool] = []
    for number in range(DRAWS):
        gallery, probes = benchmark.draw(number)
        threshold = embedder.threshold_for(len(gallery), ROTATIONS)
        for probe in probes:
            against = similarities[probe, gallery]
            second, best = np.partition(against, -2)[-2:]
            if best >= threshold:
                leads.append(float(best - second))
                right.append(bool(kinds[gallery[against.argmax()]] == kinds[probe]))
    lead, correct = np.array(leads), np.array(right)
    print(
        json.dumps(
            {
                "benchmark": "margin",
                "model": embedder.passport.name,
                "digest": embedder.passport.digest,
                "answers": len(lead),
                "wrong": int((~correct).sum()),
                "held_back": {
                    f"{margin:g}": {
                        "of_wrong": _share(lead[~correct] <= margin),
                        "of_right": _share(lead[correct] <= margin),
                    }
                    for margin in MARGINS
                },
            },
            indent=2,
        )
    )


def _share(held_back: NDArray[np.bool_]) -> float | None:
    # Where no answer is wrong there is nothing to hold back.
    return round(float(held_back.mean()), 4) if len(held_back) else None


if __name__ == "__main__":
    main()
