from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from running import Draw, Run

from docdex.embedder import OnnxEmbedder
from docdex.images import read_pages


def read(path: str) -> tuple[NDArray[np.float32], list[str]]:
    with np.load(path) as file:
        assert set(file) == {"vectors", "names"}
        return file["vectors"], file["names"].tolist()


def test_every_page_of_a_folder_has_its_vector_and_its_name(dex: Run, draw: Draw, tiny: Path) -> None:
    paths = [draw("images/2.png", 2), draw("images/10.png", 10), draw("images/deep/1.png", 1)]
    done = dex("embed images -o vectors.npz")
    assert done.stdout == "3 vectors of 32 numbers written to vectors.npz\n"
    vectors, names = read("vectors.npz")
    assert names == ["2.png", "10.png", "deep/1.png"]
    assert (vectors.shape, vectors.dtype) == ((3, 32), np.float32)
    pages = [next(read_pages(path)).pixels for path in paths]
    np.testing.assert_allclose(vectors, OnnxEmbedder.open(tiny).embed(pages)[:, 0], atol=1e-5)


def test_files_are_named_as_given_and_pages_of_one_file_by_number(dex: Run, draw: Draw) -> None:
    dex("embed -o v.npz", draw("a/scan.pdf", 1, 2), draw("one.pdf", 3))
    assert read("v.npz")[1] == ["a/scan.pdf#page=1", "a/scan.pdf#page=2", "one.pdf"]


def test_a_page_chosen_from_a_file_keeps_its_number(dex: Run, draw: Draw) -> None:
    dex("embed -o v.npz --pages 2", draw("scan.pdf", 1, 2, 3))
    assert read("v.npz")[1] == ["scan.pdf#page=2"]


def test_refused_inputs_are_left_out_and_named(dex: Run, draw: Draw) -> None:
    done = dex("embed -o v.npz", draw("a.png", 1), "nosuch.png", code=1)
    assert done.stderr.startswith("Refused: nosuch.png")
    assert read("v.npz")[1] == ["a.png"]


def test_without_a_readable_page_the_file_is_of_no_rows(dex: Run) -> None:
    dex("embed -o v.npz nosuch.png", code=1)
    vectors, names = read("v.npz")
    assert (vectors.shape, names) == ((0, 32), [])


def test_two_rows_never_share_a_name(dex: Run, draw: Draw, tmp_path: Path) -> None:
    draw("one/a.png", 1)
    draw("two/a.png", 2)
    assert "2 files would be named 'a.png'" in dex("embed -o v.npz one two", code=2).stderr
    assert not (tmp_path / "v.npz").exists()


def test_vectors_never_take_the_place_of_a_gallery(dex: Run, draw: Draw, tmp_path: Path) -> None:
    draw("a.png", 1)
    dex("register id a.png --gallery types.db")
    before = (tmp_path / "types.db").read_bytes()
    assert "types.db is a gallery" in dex("embed a.png -o types.db", code=2).stderr
    assert (tmp_path / "types.db").read_bytes() == before


@pytest.mark.parametrize("output", ["nowhere/v.npz", "a.png/v.npz", ""])
def test_a_place_that_is_not_there_is_missed_before_any_work(dex: Run, draw: Draw, output: str) -> None:
    assert "--output" in dex("embed", draw("a.png", 1), "-o", output, code=2).stderr


def test_a_file_that_cannot_be_written_leaves_nothing_behind(
    dex: Run, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.savez", full)
    assert "No space left on device" in dex("embed", draw("a.png", 1), "-o", "v.npz", code=1).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]
