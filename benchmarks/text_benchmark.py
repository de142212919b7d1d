"""Recognising CLINC150's intents by one, five and ten registered samples; prints JSON.

    python benchmarks/text_benchmark.py [--config configs/text.toml] > results/text_benchmark.json

Samples are drawn from the train file, three times; probes are the whole test file, strangers its questions
out of scope (`oos_test`). Two galleries: the 50 labels that no part of the training saw, alone, and all 150.
Beside the packaged model: TF-IDF by words, by words and pairs, and by characters, each fitted on the texts
that the model was trained on (scikit-learn), and MiniLM. `ahead` is the difference to the best TF-IDF of each
figure, with its interval by the same votes.

MiniLM runs as the teacher does, in torch and bfloat16, whose cosines are those of `minilm` within a
thousandth. Needs `$DOCDEX_DATA/text/clinc150` and `banking77`, the extras `train`, `text` and `report`, and
MiniLM's weights (docs/text-model.md).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from docdex.evaluation.bootstrap import REPLICATES
from docdex.evaluation.texts import Replicates, identify_texts, measure_draws
from docdex.text import TextEmbedder
from docdex.training.classes import expand
from docdex.training.text.config import read_text_config
from docdex.training.text.corpus import Corpus, Labelled, read_labelled
from docdex.training.text.teacher import Teacher

DRAWS = 3
SAMPLES = (1, 5, 10)

Embed = Callable[[Sequence[str]], Any]
Plan = dict[str, list[NDArray[np.int64]]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("configs/text.toml"))
    parser.add_argument("--model", default="text", help="a packaged model's name, or an .npz file")
    options = parser.parse_args()
    sources = read_text_config(options.config).sources
    held_out = next(source.held_out for source in sources if source.held_out)
    folder = expand("$DOCDEX_DATA/text/clinc150")
    rows = {name: read_labelled(folder / f"{name}.csv.gz") for name in ("train", "test", "oos_test")}
    embedder = TextEmbedder.open(options.model)
    peers: dict[str, Embed] = {
        "docdex text": embedder.embed,
        **tfidf(Corpus.read(sources).texts),
        "MiniLM": Teacher.open()[0].embed,
    }
    labels = sorted({row.label for row in rows["test"]})
    galleries = {"unseen": sorted(held_out), "all": labels}
    results = []
    planned = plan(rows["train"])
    vectors = {name: embed_rows(embed, rows, planned) for name, embed in peers.items()}
    for gallery, members in galleries.items():
        for samples in SAMPLES:
            measured = {
                name: measure(members, samples, rows["test"], planned, vectors[name], unseen=set(held_out))
                for name in peers
            }
            results += compared(gallery, samples, members, rows, measured)
    print(
        json.dumps(
            {
                "benchmark": "text_benchmark",
                "python": sys.version.split()[0],
                "digest": embedder.contract.model,
                "draws": DRAWS,
                "replicates": REPLICATES,
                "results": results,
            },
            indent=1,
        )
    )


def tfidf(texts: Sequence[str]) -> dict[str, Embed]:
    """Vectors of unit length by scikit-learn's TF-IDF, fitted on these texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    settings: dict[str, dict[str, Any]] = {
        "TF-IDF, words": {},
        "TF-IDF, words and pairs": {"ngram_range": (1, 2), "sublinear_tf": True},
        "TF-IDF, 3 to 5 characters": {"analyzer": "char_wb", "ngram_range": (3, 5), "sublinear_tf": True},
    }
    return {name: TfidfVectorizer(**given).fit(texts).transform for name, given in settings.items()}


def plan(train: Sequence[Labelled]) -> Plan:
    """For each label, the rows that each draw registers, in the order in which more of them are taken."""
    found: dict[str, list[int]] = {}
    for number, row in enumerate(train):
        found.setdefault(row.label, []).append(number)
    return {
        label: [
            np.random.default_rng([draw, *label.encode()]).permutation(numbers)[: max(SAMPLES)]
            for draw in range(DRAWS)
        ]
        for label, numbers in found.items()
    }


def embed_rows(embed: Embed, rows: dict[str, list[Labelled]], planned: Plan) -> dict[str, Any]:
    """Vectors of probes, strangers, and of the rows of the train file that any draw registers."""
    used = np.unique(np.concatenate([numbers for draws in planned.values() for numbers in draws]))
    place = np.full(len(rows["train"]), -1)
    place[used] = np.arange(len(used))
    return {
        "place": place,
        "train": embed([rows["train"][number].text for number in used]),
        "test": embed([row.text for row in rows["test"]]),
        "oos_test": embed([row.text for row in rows["oos_test"]]),
    }


def measure(
    members: Sequence[str],
    samples: int,
    test: Sequence[Labelled],
    planned: Plan,
    vectors: dict[str, Any],
    *,
    unseen: set[str],
) -> Replicates:
    """Figures of one recogniser in a gallery of these labels."""
    numbers = {label: number for number, label in enumerate(members)}
    asked = np.array([number for number, row in enumerate(test) if row.label in numbers])
    labels = np.array([numbers[test[number].label] for number in asked])
    draws = []
    for draw in range(DRAWS):
        registered = [planned[label][draw][:samples] for label in members]
        places = vectors["place"][np.concatenate(registered)]
        of = np.repeat(np.arange(len(members)), [len(found) for found in registered])
        draws.append(
            identify_texts(vectors["test"][asked], labels, vectors["train"][places], of, vectors["oos_test"])
        )
    new = np.array([label in unseen for label in members])
    return measure_draws(draws, {} if new.all() else {"unseen": new, "seen": ~new})


def compared(
    gallery: str,
    samples: int,
    members: Sequence[str],
    rows: dict[str, list[Labelled]],
    measured: dict[str, Replicates],
) -> list[dict[str, Any]]:
    """A result of each recogniser, ours with how far it is ahead of the best TF-IDF in each figure."""
    of = {"gallery": gallery, "samples": samples, "labels": len(members), "strangers": len(rows["oos_test"])}
    results = [
        {**of, "peer": name, "figures": msgspec.to_builtins(found.figures())}
        for name, found in measured.items()
    ]
    baselines = {name: found for name, found in measured.items() if name.startswith("TF-IDF")}
    ours = measured["docdex text"]
    results[0]["ahead"] = {}
    for figure in ours.values:
        _, best = max((found.values[figure], name) for name, found in baselines.items())
        ahead = msgspec.to_builtins(ours.ahead_of(baselines[best])[figure])
        results[0]["ahead"][figure] = {"of": best, **ahead}
    return results


if __name__ == "__main__":
    main()
