from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import msgspec
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from docdex.preprocess import View, find_head, prepare
from docdex.training.backbones import build_trunk
from docdex.training.classes import ClassTable
from docdex.training.config import ModelConfig, read_config
from docdex.training.export import to_onnx
from docdex.training.views import Batches, CleanVectors, misplaced_head

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def lower() -> bytes:
    """The frozen half for images of 64 pixels."""
    return to_onnx(build_trunk("lite0").lower, 64, "maps")


@pytest.fixture
def batches(tiny_run: Path, lower: bytes) -> Batches:
    config = read_config(tiny_run)
    return Batches(config, ClassTable.build(config.data, lambda _: None), lower)


def test_a_batch_holds_maps_and_classes(batches: Batches) -> None:
    maps, labels, said = batches[0]
    assert said.numel() == 0
    assert maps.shape == (8, 40, 8, 8)
    assert maps.dtype == torch.float16
    assert labels.shape == (8,)
    assert labels.dtype == torch.int64
    assert 0 <= int(labels.min()) <= int(labels.max()) < len(batches.table)


# Python 3.12 warns of every fork of a process with threads; the loader forks before any are needed.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_makes_the_same_batches(batches: Batches, workers: int) -> None:
    alone = [batches[number] for number in range(10, 14)]
    batches.close()
    loader = DataLoader(batches, batch_size=None, sampler=range(10, 14), num_workers=workers)
    for batch, expected in zip(loader, alone, strict=True):
        assert torch.equal(batch.labels, expected.labels)
        assert torch.equal(batch.maps, expected.maps)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_pages_decoded_when_they_are_drawn_make_the_same_batches(batches: Batches, lower: bytes) -> None:
    data = msgspec.structs.replace(batches.config.data, memory_gigabytes=0)
    config = msgspec.structs.replace(batches.config, data=data)
    lazy = Batches(config, ClassTable.build(data, lambda _: None), lower)
    assert lazy.table.pages.kept == 0
    alone = batches[7]
    batches.close()
    for workers in (0, 1):
        ((maps, labels, _),) = DataLoader(lazy, batch_size=None, sampler=[7], num_workers=workers)
        lazy.close()
        assert torch.equal(labels, alone[1])
        assert torch.equal(maps, alone[0])


def test_another_number_and_another_seed_make_other_batches(batches: Batches, lower: bytes) -> None:
    reseeded = Batches(msgspec.structs.replace(batches.config, seed=4), batches.table, lower)
    maps = batches[0][0]
    assert not torch.equal(maps, batches[1][0])
    assert not torch.equal(maps, reseeded[0][0])


def test_what_chooses_a_class_makes_no_view_of_it(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    # numpy takes [seed, number] and [seed, number, 0] for one seed.
    first: list[float] = []
    monkeypatch.setattr(batches, "view", lambda _, rng: first.append(rng.random()))

    def draw(_: ClassTable, where: NDArray[np.float64]) -> NDArray[np.int64]:
        first.append(float(where[0]))
        return where.astype(np.int64)

    monkeypatch.setattr(ClassTable, "draw", draw)
    batches.views(0, range(1))
    assert first[1] != pytest.approx(first[0] * batches.config.optim.batch)


def test_pages_are_not_sent_to_workers_that_can_read_them(batches: Batches) -> None:
    pages = batches.table.pages
    sent = pickle.loads(pickle.dumps(pages))
    assert pages.kept == len(pages) == len(sent)
    assert sent.kept == 0
    assert np.array_equal(sent[0], pages[0])


def test_the_same_page_is_another_view_in_every_batch_and_place(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = batches.table.pages[0]
    monkeypatch.setattr(ClassTable, "page", lambda *_: page)
    maps = torch.cat([batches[number][0] for number in (0, 1)])
    assert len(maps.flatten(1).unique(dim=0)) == 16


def test_classes_come_as_often_as_their_probabilities_say(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = np.zeros((3, 64, 64), dtype=np.float32)
    monkeypatch.setattr(batches, "view", lambda *_: blank)
    monkeypatch.setattr(batches, "maps", lambda images: images)
    counts = np.zeros(len(batches.table))
    for number in range(400):
        counts += np.bincount(batches[number][1].numpy(), minlength=len(counts))
    expected = batches.table.probabilities(np.arange(len(counts))) * counts.sum()
    # Stratified within a batch: the spread is smaller than that of independent draws.
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_a_view_depends_on_its_generator_alone_and_is_no_clean_page(batches: Batches) -> None:
    one, other = (batches.view(5, np.random.default_rng(8)) for _ in range(2))
    assert one.shape == (3, 64, 64)
    assert one.dtype == np.float32
    assert np.array_equal(one, other)
    clean = prepare(batches.table.page(5, np.random.default_rng(8)), 64)
    assert np.abs(one - clean).mean() > 0.01


def seen(batches: Batches, page: Pixels, views: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which view of a page, by what is prepared, each of forty training views is."""
    model = msgspec.convert({**msgspec.to_builtins(batches.config.model), "views": views}, ModelConfig)
    config = msgspec.structs.replace(batches.config, model=model)
    monkeypatch.setattr(ClassTable, "page", lambda *_: page)
    shown: list[str] = []

    def note(pixels: Pixels, side: int, view: View = "whole") -> NDArray[np.float32]:
        # The square's shape is kept only where a photo has the shape of its page.
        shape = pixels.shape[0] / pixels.shape[1]
        assert 0.4 < shape / (min(len(page) / page.shape[1], 2) if view == "top" else 1) < 2.5
        shown.append(view)
        return prepare(pixels, side, view)

    monkeypatch.setattr("docdex.training.views.prepare", note)
    several = Batches(config, batches.table, b"")
    for number in range(40):
        several.view(0, np.random.default_rng(number))
    return shown


@pytest.mark.parametrize("scans", [0.0, 1.0])
def test_each_view_of_a_high_page_is_of_one_kind_by_chance(
    batches: Batches, monkeypatch: pytest.MonkeyPatch, scans: float
) -> None:
    data = msgspec.structs.replace(batches.config.data, scans=scans)
    batches.config = msgspec.structs.replace(batches.config, data=data)
    page = np.random.default_rng(0).integers(0, 256, (200, 90, 3), dtype=np.uint8)
    shown = seen(batches, page, ["whole", "top"], monkeypatch)
    assert 8 < shown.count("top") < 32
    assert seen(batches, page, ["top"], monkeypatch) == ["top"] * 40
    assert seen(batches, page, ["whole"], monkeypatch) == ["whole"] * 40


def test_as_many_heads_are_misplaced_as_the_config_says(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = np.random.default_rng(0).integers(0, 256, (200, 90, 3), dtype=np.uint8)
    for share, least, most in ((0.0, 0, 0), (0.5, 10, 30), (1.0, 40, 40)):
        data = msgspec.structs.replace(batches.config.data, misplaced=share)
        batches.config = msgspec.structs.replace(batches.config, data=data)
        # What is cut on purpose is not prepared: preparing would put it right again.
        assert least <= 40 - len(seen(batches, page, ["top"], monkeypatch)) <= most


def test_a_misplaced_head_is_mostly_that_of_the_page() -> None:
    page = np.zeros((500, 240, 3), dtype=np.uint8)
    page[..., 0], page[..., 1] = np.arange(500)[:, None] // 2, np.arange(240)
    rows, columns = find_head(page[:500])
    assert (rows.start, columns) == (0, slice(0, 240))
    firsts, sizes = [], []
    for seed in range(300):
        square = misplaced_head(page, np.random.default_rng(seed))
        assert abs(square.shape[0] - square.shape[1]) <= 1 or square.shape[1] == 240
        firsts.append(2 * int(square[0, 0, 0]))
        sizes.append(len(square))
    # Nothing is above this page's head: its square may only be too low, by 0.15 of the width.
    assert firsts.count(0) > 150
    assert 25 < max(firsts) <= 36
    assert 200 < min(sizes) < 235
    assert 245 < max(sizes) < 300


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 300), width=st.integers(1, 120), seed=st.integers(0, 99))
def test_of_a_page_of_any_shape_some_misplaced_head_is_left(height: int, width: int, seed: int) -> None:
    page = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    square = misplaced_head(page, np.random.default_rng(seed))
    assert square.size
    assert np.shares_memory(square, page)


def test_a_page_that_is_its_own_top_is_seen_whole(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    page = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    assert seen(batches, page, ["whole", "top"], monkeypatch) == ["whole"] * 40


def test_the_vectors_of_clean_pages_come_in_the_order_of_the_classes(tiny_run: Path) -> None:
    config = read_config(tiny_run)
    classes = ClassTable.build(config.data, lambda _: None)
    mean = to_onnx(torch.nn.Sequential(torch.nn.AvgPool2d(64), torch.nn.Flatten()), 64, "vectors")
    clean = CleanVectors(config, classes, mean)
    vectors = torch.cat([clean[number] for number in range(len(clean))])
    assert vectors.shape == (len(classes), 3)
    for number in range(24):
        page = classes.page(number, np.random.default_rng(0))
        assert np.allclose(vectors[number], prepare(page, 64).mean(axis=(1, 2)), atol=1e-4)


def test_clean_vectors_of_more_classes_than_a_chunk_are_all_there(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CleanVectors, "chunk", 10)
    config = read_config(tiny_run)
    classes = ClassTable.build(config.data, lambda _: None)
    model = to_onnx(torch.nn.Sequential(torch.nn.AvgPool2d(64), torch.nn.Flatten()), 64, "vectors")
    clean = CleanVectors(config, classes, model)
    assert [len(clean[number]) for number in range(len(clean))] == [10, 10, 10, 10, 4]
