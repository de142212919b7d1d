"""Receipts recognised by their words, by their looks, and by whichever is right; prints JSON.

    python benchmarks/text_receipts.py FOLDER [--ocr CACHE] > results/text_receipts.json

FOLDER is the benchmark folder: `flat/receipts_my`, `stress/receipts_my` and `words/receipts_my`, the
transcripts that came with the data. The gallery has one sample of each of these types and nothing else; draws
and probes are the protocol's (docs/benchmark.md). A flat receipt and its stress copy have one transcript:
what reading under stress costs is not in it. Words by the packaged model, by TF-IDF of characters (fitted on
the gallery's own texts and nothing else) and by MiniLM; looks by the model `base`.

With `--ocr`, every tenth probe of the first draw, flat and stress, is read by PP-OCR too, and compared with
the transcripts of the samples; texts are kept in CACHE by the digest of their picture. It takes seconds a
page.

Needs the extras `train`, `text`, `report` and, for OCR, `ocr`, and MiniLM's weights (docs/text-model.md).
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

from docdex.embedder import OnnxEmbedder
from docdex.evaluation.bootstrap import REPLICATES, interval, resample, shares
from docdex.evaluation.protocol import CAPTURES, DRAWS, Benchmark, Capture, Instance
from docdex.evaluation.texts import Figure
from docdex.evaluation.words import read_through
from docdex.images import read_pages
from docdex.text import TextEmbedder, has_words, open_ocr
from docdex.training.text.teacher import Teacher

SET = "receipts_my"
EVERY = 10
LOOKS = "looks (`base`)"
OURS = "words (`text`)"

Similarities = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.floating]]
"""Of probes (P,) with samples (T,), both positions in the benchmark: (P, T)."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ocr", metavar="CACHE", type=Path)
    options = parser.parse_args()
    everything = Benchmark.scan(options.folder)
    benchmark = Benchmark(tuple(i for i in everything.instances if i.set == SET and i.kind is not None))
    texts = [transcript(options.folder, instance) for instance in benchmark.instances]
    base, text = OnnxEmbedder.open("base"), TextEmbedder.open()
    looked = base.embed([page_of(i) for i in benchmark.instances])[:, 0]
    peers = {LOOKS: cosines(looked), **by_words(texts, text)}
    draws = [benchmark.draw(number) for number in range(DRAWS)]
    found: dict[str, Any] = {
        "benchmark": "text_receipts",
        "python": sys.version.split()[0],
        "digests": {"base": base.contract.model, "text": text.contract.model},
        "types": len(draws[0][0]),
        "draws": DRAWS,
        "replicates": REPLICATES,
        "transcripts": {capture: figures(benchmark, draws, peers, capture) for capture in CAPTURES},
    }
    if options.ocr is not None:
        gallery, probes = draws[0]
        asked = np.concatenate([of_capture(benchmark, probes, capture)[::EVERY] for capture in CAPTURES])
        ocr = open_ocr()
        read = list(texts)
        for n in asked:
            read[n] = read_through(ocr, page_of(benchmark.instances[n]), options.ocr)
        by_ocr = {f"{name}, read by OCR": near for name, near in by_words(read, text).items()}
        part = [(gallery, asked)]
        found["ocr"] = {
            capture: figures(benchmark, part, {**peers, **by_ocr}, capture) for capture in CAPTURES
        }
        found["ocr_without_words"] = int(sum(not has_words(read[n]) for n in asked))
    print(json.dumps(found, indent=1))


def transcript(folder: Path, instance: Instance) -> str:
    """The words of a receipt; its stress copies have the same."""
    assert instance.kind is not None
    return (folder / "words" / instance.kind / f"{instance.name}.txt").read_text(encoding="utf-8")


def page_of(instance: Instance) -> NDArray[np.uint8]:
    """Its pixels, (H, W, 3) RGB."""
    return next(iter(read_pages(instance.path))).pixels


def cosines(vectors: Any) -> Similarities:
    """Of rows of a matrix of unit vectors, numpy's or scipy's."""

    def near(probes: NDArray[np.intp], samples: NDArray[np.intp]) -> NDArray[np.floating]:
        product = vectors[probes] @ vectors[samples].T
        return np.asarray(product.toarray() if hasattr(product, "toarray") else product)

    return near


def by_words(texts: Sequence[str], text: TextEmbedder) -> dict[str, Similarities]:
    """Three ways to compare what receipts say; one without words resembles nothing."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    said = [n for n, found in enumerate(texts) if has_words(found)]

    def embedded(embed: Callable[[Sequence[str]], NDArray[np.float32]]) -> Similarities:
        found = embed([texts[n] for n in said])
        vectors = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
        vectors[said] = found
        return cosines(vectors)

    def by_tfidf(probes: NDArray[np.intp], samples: NDArray[np.intp]) -> NDArray[np.floating]:
        fitted = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
        fitted.fit([texts[n] for n in samples])
        return cosines(fitted.transform(texts))(probes, samples)

    return {
        OURS: embedded(text.embed),
        "words (TF-IDF, 3 to 5 characters)": by_tfidf,
        "words (MiniLM)": embedded(Teacher.open()[0].embed),
    }


def of_capture(benchmark: Benchmark, positions: NDArray[np.intp], capture: Capture) -> NDArray[np.intp]:
    """Those of some pictures that are of one capture."""
    return np.array([n for n in positions if benchmark.instances[n].capture == capture], dtype=np.intp)


def figures(
    benchmark: Benchmark,
    draws: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    peers: dict[str, Similarities],
    capture: Capture,
) -> dict[str, Any]:
    """Rank-1 of each peer, and how often looks or a peer by words is right, with intervals over types."""
    kinds, numbers = np.unique(benchmark.types(), return_inverse=True)
    votes = resample(np.full(len(kinds), SET), seed=0)
    right: dict[str, list[NDArray[np.bool_]]] = {}
    weights = []
    for gallery, every_probe in draws:
        probes = of_capture(benchmark, every_probe, capture)
        weights.append(np.take(votes, numbers[probes], axis=1))
        correct = {
            name: numbers[gallery][near(probes, gallery).argmax(axis=1)] == numbers[probes]
            for name, near in peers.items()
        }
        looks = correct[LOOKS]
        for name in [name for name in correct if name != LOOKS]:
            correct[f"looks or {name}"] = correct[name] | looks
        for name, found in correct.items():
            right.setdefault(name, []).append(found)
    return {
        "probes": sum(len(found) for found in right[LOOKS]),
        "rank1": {name: msgspec.to_builtins(figure(found, weights)) for name, found in right.items()},
    }


def figure(right: Sequence[NDArray[np.bool_]], weights: Sequence[NDArray[np.int64]]) -> Figure:
    """The mean over draws, and its interval."""
    replicates = np.mean([shares(*pair) for pair in zip(right, weights, strict=True)], axis=0)
    low, high = interval(replicates) or (float("nan"), float("nan"))
    return Figure(*(round(float(n), 4) for n in (np.mean([found.mean() for found in right]), low, high)))


if __name__ == "__main__":
    main()
