from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docdex.errors import EmptySource, InvalidSetting, TrainingError
from docdex.evaluation.protocol import Benchmark
from docdex.training.classes import ClassTable
from docdex.training.config import DataConfig, SourceConfig
from docdex.training.split import split_types, write_split

TYPES = ("id/a", "id/b", "claim", "claim/x", "form", "invoice", "letter")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven types of three pages each; of `letter` there is one."""
    for number, name in enumerate(TYPES):
        for instance in range(1 if name == "letter" else 3):
            path = tmp_path / "mine" / name / f"{instance}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            page = np.random.default_rng([number, instance]).integers(0, 256, (30, 20, 3), dtype=np.uint8)
            cv2.imwrite(str(path), page)
    return tmp_path / "mine"


@settings(max_examples=50)
@given(st.lists(st.integers(1, 3), min_size=5, max_size=20), st.floats(0.01, 0.99), st.integers(0, 99))
def test_every_type_is_in_one_part_and_no_part_is_too_small(
    counts: list[int], held_out: float, seed: int
) -> None:
    pages = {f"type {number}": count for number, count in enumerate(counts)}
    split = split_types(pages, held_out, seed)
    assert sorted([*split.learned, *split.registered, *split.strangers]) == sorted(pages)
    assert len(split.learned) >= 2
    assert len(split.registered) >= 2
    assert split.strangers
    assert split == split_types(dict(reversed(pages.items())), held_out, seed)


def test_the_share_is_held_out_and_a_third_of_it_are_strangers() -> None:
    split = split_types({str(number): 3 for number in range(100)}, 0.3, 0)
    assert (len(split.learned), len(split.registered), len(split.strangers)) == (70, 20, 10)
    assert split != split_types({str(number): 3 for number in range(100)}, 0.3, 1)


def test_one_more_type_moves_hardly_any_other() -> None:
    before = split_types({str(number): 3 for number in range(100)}, 0.3, 0)
    after = split_types({str(number): 3 for number in range(101)}, 0.3, 0)
    assert len(set(before.learned) ^ set(after.learned)) <= 2


def test_types_of_one_page_are_strangers_first_as_they_could_not_be_asked_about() -> None:
    split = split_types({str(number): 1 + number % 2 for number in range(40)}, 0.5, 0)
    assert all(int(name) % 2 == 0 for name in split.strangers)


def test_the_benchmark_holds_the_types_held_out_and_the_list_the_others(folder: Path, tmp_path: Path) -> None:
    written = write_split(folder, tmp_path / "own", held_out=0.5, seed=0)
    benchmark = Benchmark.scan(written.held_out)
    known = {instance.kind for instance in benchmark.instances if instance.kind}
    assert known == {f"own/{name.replace('/', '%2F')}" for name in written.types.registered}
    strangers = benchmark.indices(strangers=True)
    assert {benchmark.instances[n].path.parent.name for n in strangers} == {
        name.replace("/", "%2F") for name in written.types.strangers
    }
    source = SourceConfig(list=str(written.train), classes="labelled")
    table = ClassTable.build(DataConfig((source,), templates=0), lambda _: None)
    assert len(table) == len(written.types.learned)
    listed = [(written.train.parent / line).resolve() for line in written.train.read_text().splitlines()]
    assert {str(path.parent.relative_to(folder)) for path in listed} == set(written.types.learned)


def test_the_same_folder_and_seed_write_the_same_files(folder: Path, tmp_path: Path) -> None:
    contents = []
    for name in ("one", "other"):
        write_split(folder, tmp_path / name, held_out=0.5, seed=3)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        contents.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in files])
    assert contents[0] == contents[1]


def test_a_page_that_cannot_be_read_is_told_and_a_type_of_none_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    types = write_split(folder, tmp_path / "own", held_out=0.5, seed=0).types
    name = types.registered[0]
    (folder / name / "bad.jpg").write_bytes(b"no image")
    (refusal,) = write_split(folder, tmp_path / "again", held_out=0.5, seed=0).refusals
    assert refusal.source.endswith("bad.jpg")
    for path in (folder / name).glob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(EmptySource, match=f"{name}: none of its pages"):
        write_split(folder, tmp_path / "third", held_out=0.5, seed=0)
    assert not (tmp_path / "third" / "held-out").exists()


def test_a_split_that_is_there_is_not_mixed_with_another(folder: Path, tmp_path: Path) -> None:
    write_split(folder, tmp_path / "own", held_out=0.5, seed=0)
    with pytest.raises(InvalidSetting, match="is there already"):
        write_split(folder, tmp_path / "own", held_out=0.5, seed=1)


@pytest.mark.parametrize("held_out", [0, 1, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(held_out: float) -> None:
    with pytest.raises(InvalidSetting, match="share between 0 and 1"):
        split_types(dict.fromkeys("abcdef", 2), held_out, 0)


def test_too_few_types_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptySource, match="4 types are too few"):
        split_types(dict.fromkeys("abcd", 2), 0.3, 0)
    with pytest.raises(TrainingError, match="no folder"):
        write_split(tmp_path / "gone", tmp_path / "own", held_out=0.3, seed=0)


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"two\nlines.png"])
def test_a_name_that_no_list_can_hold_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, name: bytes
) -> None:
    learned = write_split(folder, tmp_path / "own", held_out=0.5, seed=0).types.learned[0]
    strange = folder / learned / os.fsdecode(name)
    try:
        strange.write_bytes(b"")
    except OSError:
        pytest.skip("no file can be called so here")
    with pytest.raises(TrainingError, match="names of one line in UTF-8"):
        write_split(folder, tmp_path / "again", held_out=0.5, seed=0)
    assert not (tmp_path / "again").exists()


def test_a_split_that_cannot_be_written_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="cannot be written"):
        write_split(folder, tmp_path / "file" / "own", held_out=0.3, seed=0)
