from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from docdex.embedder import ROTATIONS, UPRIGHT, OnnxEmbedder
from docdex.errors import EmptySource
from docdex.evaluation import threshold_table
from docdex.evaluation.protocol import DRAWS, Benchmark
from docdex.images import read_pages
from docdex.models import Threshold


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder.open(Path(__file__).parent.parent / "data" / "tiny.onnx")


@pytest.fixture(scope="module")
def table(benchmark_root: Path, embedder: OnnxEmbedder) -> tuple[Threshold, ...]:
    return threshold_table(benchmark_root, embedder, data="made")


def test_every_target_is_there_upright_and_with_search(table: tuple[Threshold, ...]) -> None:
    expected = [
        (per, fpr, rotations)
        for rotations in (UPRIGHT, ROTATIONS)
        for per, targets in (("probe", (0.1, 0.03, 0.01, 0.003)), ("pair", (1e-3, 1e-4, 1e-5)))
        for fpr in targets
    ]
    assert [(row.per, row.fpr, row.rotations) for row in table] == expected


def test_a_row_says_what_it_was_measured_on(table: tuple[Threshold, ...]) -> None:
    for row in table:
        assert row.data == "made"
        assert (row.gallery_labels, row.strangers) == ((3, 9) if row.per == "probe" else (None, None))


def test_thresholds_have_four_decimals_and_grow_as_the_rate_falls(table: tuple[Threshold, ...]) -> None:
    for row in table:
        assert float(f"{row.threshold:.4f}") == row.threshold
    for before, after in pairwise(table):
        if (before.per, before.rotations) == (after.per, after.rotations):
            assert before.threshold <= after.threshold


def test_search_needs_higher_thresholds(table: tuple[Threshold, ...]) -> None:
    half = len(table) // 2
    for upright, searched in zip(table[:half], table[half:], strict=True):
        assert upright.threshold <= searched.threshold


def test_thresholds_are_what_their_definition_gives(
    benchmark_root: Path, embedder: OnnxEmbedder, table: tuple[Threshold, ...]
) -> None:
    benchmark = Benchmark.scan(benchmark_root)
    instances = benchmark.instances
    pages = [page.pixels for i in instances for page in read_pages(i.path)]
    vectors = embedder.embed(pages, rotations=ROTATIONS)

    def similarity(probe: int, sample: int, turns: int) -> float:
        return max(float(vectors[probe, r] @ vectors[sample, 0]) for r in range(turns))

    for row in table:
        turns = len(row.rotations)
        if row.per == "probe":
            firsts = []
            for draw in range(DRAWS):
                gallery, _ = benchmark.draw(draw)
                strangers = [n for n, i in enumerate(instances) if i.kind is None]
                nearest = sorted(
                    (max(similarity(s, g, turns) for g in gallery) for s in strangers), reverse=True
                )
                # Nine strangers: a tenth of them and less is nobody.
                firsts.append(nearest[0])
            limit = np.mean(firsts)
        else:
            known = [n for n, i in enumerate(instances) if i.kind is not None]
            different = [(p, s) for p in known for s in known if instances[p].kind != instances[s].kind]
            limit = max(similarity(probe, sample, turns) for probe, sample in different)
        assert limit - 1e-6 < row.threshold < limit + 1.01e-4


def test_a_smaller_gallery_needs_no_higher_threshold(
    benchmark_root: Path, embedder: OnnxEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docdex.evaluation.thresholds.GALLERY_SIZES", (1, 2, 30))
    table = threshold_table(benchmark_root, embedder, data="made")
    searched = [row for row in table if row.per == "probe" and row.rotations == ROTATIONS and row.fpr == 0.1]
    assert [row.gallery_labels for row in searched] == [1, 2, 3]
    assert searched[0].threshold < searched[1].threshold < searched[2].threshold


@pytest.mark.parametrize("missing", ["strangers", "flat/cards"])
def test_without_strangers_or_rivals_there_is_no_threshold(
    missing: str, benchmark_root: Path, embedder: OnnxEmbedder, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(benchmark_root, tmp_path / "dev"))
    shutil.rmtree(root / missing)
    with pytest.raises(EmptySource, match="a threshold needs both"):
        threshold_table(root, embedder, data="spoilt")
