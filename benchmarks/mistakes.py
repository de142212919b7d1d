"""What a model gets wrong on our benchmark, by set, and a picture of it; prints one JSON object.

    python benchmarks/mistakes.py FOLDER PICTURE [--model NAME_OR_PATH]

One sample of each type is registered, as in part 2 of the protocol, in each of its draws; answers are those
at the model's default threshold for a gallery of that size, upright and without a margin.

PICTURE, a JPEG, shows pages that may be passed on, and no others. First types that are alike: beside a page
of one the page of another that it would be taken for if that alone were registered. Then mistakes with all
types registered: types taken for others, strangers let in, types that came back unknown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from docdex import models
from docdex.contact_sheet import Row, contact_sheet
from docdex.embedder import UPRIGHT, OnnxEmbedder
from docdex.evaluation.confusions import Confusion, near_strangers, wrong_types
from docdex.evaluation.mistakes import alike_types, missed_types, probe_mistakes, stranger_mistakes
from docdex.evaluation.protocol import DRAWS, Benchmark, Instance, identify_rows
from docdex.images import read_pages
from docdex.whole_file import whole_file

ALIKE = MISTAKEN = 6
"""Cards of each in the picture."""

NAMED = 10
"""Pairs of types that are told by name, of those alike and of those mistaken."""

MOST_BYTES = 300_000
QUALITIES = (80, 70, 60, 50)
_ALL = sys.maxsize
_AT_ONCE = 8

SHOWN = {
    "forms/omr_*": "OMRChecker, © Udayraj Deshmukh and other contributors, MIT",
    "forms/synfill_f*": "tax forms of the US Internal Revenue Service, public domain, filled in by a program",
    "invoices/ferd_*": "sample invoices of FeRD in ZUGFeRD/corpus, Apache-2.0",
    "cards_synth/id_card_td2_b_back": "DocXPand, © 2024 QuickSign, MIT",
}
"""Types whose pages may be passed on, and what they ask to be named as.

Left out: what has no stated licence, and pages with portraits or with names of people who exist.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--model", default=models.DEFAULT)
    options = parser.parse_args()
    embedder = OnnxEmbedder.open(options.model)
    benchmark = Benchmark.scan(options.folder)
    vectors = embed_upright(benchmark, embedder)
    rows = np.arange(len(vectors))
    draws = [
        identify_rows(benchmark, number, rows, vectors @ vectors[benchmark.draw(number)[0]].T)
        for number in range(DRAWS)
    ]
    threshold = embedder.threshold_for(draws[0].types, UPRIGHT)
    alike = alike_types(benchmark, vectors, threshold)
    wrong = wrong_types(benchmark, draws, _ALL)
    claimed = [
        confusion
        for confusion in (*wrong, *near_strangers(benchmark, draws, _ALL))
        if confusion.similarity >= threshold
    ]
    missed = missed_types(benchmark, draws, threshold)
    shown = [
        *showable(benchmark, alike)[:ALIKE],
        *showable(benchmark, [*claimed, *missed])[:MISTAKEN],
    ]
    draw(benchmark, shown, threshold, options.picture)
    print(
        json.dumps(
            {
                "benchmark": "mistakes",
                "model": embedder.passport.name,
                "digest": embedder.passport.digest,
                "types": draws[0].types,
                "draws": len(draws),
                "threshold": round(threshold, 4),
                "probes": msgspec.to_builtins(probe_mistakes(benchmark, draws, threshold)),
                "strangers": msgspec.to_builtins(stranger_mistakes(benchmark, draws, threshold)),
                "alike": [name(benchmark, confusion) for confusion in alike[:NAMED]],
                "pairs_alike": len(alike),
                "mistaken": [name(benchmark, confusion) for confusion in wrong[:NAMED]],
                "pairs_mistaken": len(wrong),
                "shown": len(shown),
                "credits": sorted(
                    {credit(benchmark.instances[n]) for shows in shown for n in (shows.probe, shows.sample)}
                ),
            },
            indent=2,
            ensure_ascii=False,
        )
    )


def embed_upright(benchmark: Benchmark, embedder: OnnxEmbedder) -> NDArray[np.float32]:
    """Vectors (N, D) of all pictures."""
    paths = [instance.path for instance in benchmark.instances]
    return np.concatenate(
        [
            embedder.embed([next(read_pages(path)).pixels for path in paths[start : start + _AT_ONCE]])[:, 0]
            for start in range(0, len(paths), _AT_ONCE)
        ]
    )


def showable(benchmark: Benchmark, confusions: Sequence[Confusion]) -> list[Confusion]:
    """Those of which both pages may be passed on."""
    return [
        confusion
        for confusion in confusions
        if all(credit(benchmark.instances[n]) for n in (confusion.probe, confusion.sample))
    ]


def credit(instance: Instance) -> str:
    """What the page is to be named as where it is shown; empty if it may not be."""
    kind = instance.kind or ""
    return next((owner for pattern, owner in SHOWN.items() if fnmatchcase(kind, pattern)), "")


def name(benchmark: Benchmark, confusion: Confusion) -> dict[str, object]:
    """A confusion in words."""
    probe, sample = (benchmark.instances[n] for n in (confusion.probe, confusion.sample))
    return {
        "probe": probe.kind or f"stranger, {probe.set}",
        "capture": probe.capture,
        "sample": sample.kind,
        "similarity": round(confusion.similarity, 3),
        "times": confusion.times,
    }


def draw(benchmark: Benchmark, shown: Sequence[Confusion], threshold: float, path: Path) -> None:
    """Write the picture, whole or not at all."""
    rows = []
    for confusion in shown:
        probe, sample = (benchmark.instances[n] for n in (confusion.probe, confusion.sample))
        claimed = confusion.similarity >= threshold
        rows.append(
            Row(
                probe=next(read_pages(probe.path)).pixels,
                decision="match" if claimed else "unknown",
                label=sample.kind if claimed else None,
                similarity=confusion.similarity,
                nearest=sample.kind,
                sample=next(read_pages(sample.path)).pixels,
                right=False,
                truth=f"{probe.kind or 'stranger'} {probe.capture}",
            )
        )
    bgr = cv2.cvtColor(contact_sheet(rows), cv2.COLOR_RGB2BGR)
    for quality in QUALITIES:
        jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(jpeg) <= MOST_BYTES:
            break
    with whole_file(path) as partial:
        partial.write_bytes(jpeg)


if __name__ == "__main__":
    main()
