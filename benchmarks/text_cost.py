"""What a text costs the packaged model, a sentence and a page, beside MiniLM; prints JSON.

    python benchmarks/text_cost.py [--rounds N] [--minilm]

A page is made-up documents (`docdex.training.text.documents`) one below the other, some 2,000 characters; a
sentence has ten words. `features` is breaking the text up, `vector` all of it. All run in turn on one
thread, so that noise meets all alike. Times are CPU milliseconds a text, medians. Needs the extra `train`,
and with `--minilm` the extra `text` and MiniLM's weights (docs/text-model.md).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from functools import partial

import numpy as np

from decoding import measured
from docdex import models
from docdex.text import TextEmbedder
from docdex.text.features import features
from docdex.training.text.documents import DocumentWriter

PAGES, CHARACTERS = 40, 2000
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--minilm", action="store_true")
    options = parser.parse_args()
    texts = {
        "sentence": ["what would i pay if i gave it back late"] * PAGES,
        "page": [write_page(number) for number in range(PAGES)],
    }
    embedder, minilm = TextEmbedder.open(), TextEmbedder.open("minilm") if options.minilm else None
    tasks: dict[str, Callable[[], object]] = {}
    for name, some in texts.items():
        tasks[f"{name} features"] = partial(read, some)
        tasks[f"{name} vector"] = partial(embedder.embed, some)
        if minilm is not None:
            tasks[f"{name} MiniLM"] = partial(minilm.embed, some)
    times = measured(tasks, options.rounds)
    print(
        json.dumps(
            {
                "benchmark": "text_cost",
                "python": sys.version.split()[0],
                "rounds": options.rounds,
                "digest": embedder.contract.model,
                "megabytes": round((models.WEIGHTS / "text.npz").stat().st_size / 1e6, 2),
                "characters": {
                    name: round(statistics.median(map(len, some))) for name, some in texts.items()
                },
                "cpu_ms": {
                    name: round(statistics.median(spent) / len(texts[name.split()[0]]), 3)
                    for name, spent in times.items()
                },
            },
            indent=2,
        )
    )


def write_page(number: int) -> str:
    """Copies of one template, so many that they fill a page."""
    rng, page = np.random.default_rng(number), ""
    while len(page) < CHARACTERS:
        page += DocumentWriter().write(number, rng) + "\n"
    return page[:CHARACTERS]


def read(texts: list[str]) -> None:
    """Break all of them up."""
    for text in texts:
        features(text)


if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():  # numpy reads these when it is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    main()
