from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.errors import TrainingError
from docdex.training import checkpoint
from docdex.training.margins import CosFace
from docdex.training.optim import RowMomentum
from docdex.training.partial_fc import PartialFC
from docdex.training.rows import SavedRows


def state(step: int) -> dict[str, object]:
    return {"step": step, "weights": {"a": torch.arange(4.0)}, "history": [{"score": 0.5}], "pair": (1, None)}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "run" / "last.pt"
    checkpoint.save(path, state(7))
    loaded = checkpoint.load(path)
    assert torch.equal(loaded.pop("weights")["a"], torch.arange(4.0))
    assert loaded == {"step": 7, "history": [{"score": 0.5}], "pair": (1, None)}


def test_a_second_save_takes_the_place_of_the_first_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, state(1))
    checkpoint.save(path, state(2))
    assert checkpoint.load(path)["step"] == 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failing", ["fsync", "replace", "save"])
def test_a_full_disk_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, state(1))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = {"fsync": os, "replace": Path, "save": torch}[failing]
    with monkeypatch.context() as patch:
        patch.setattr(target, failing, fail)
        with pytest.raises(TrainingError, match=r"last\.pt: not written: .*No space left"):
            checkpoint.save(path, state(2))
    assert checkpoint.load(path)["step"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_killed_while_writing_the_checkpoint_before_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, state(1))

    def write_half(content: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", write_half)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(path, state(2))
    assert checkpoint.load(path)["step"] == 1
    checkpoint.save(path, state(3))
    assert checkpoint.load(path)["step"] == 3


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TrainingError, match="not written"):
        checkpoint.save(tmp_path / "file" / "last.pt", state(1))


def test_what_is_missing_or_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "gone.pt")
    path = tmp_path / "last.pt"
    whole = tmp_path / "whole.pt"
    checkpoint.save(whole, state(1))
    for content in (b"", b"not a checkpoint", whole.read_bytes()[:200]):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="not a checkpoint"):
            checkpoint.load(path)


@pytest.mark.parametrize("content", [[1, 2], {"weights": {}}])
def test_a_torch_file_of_something_else_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "last.pt")
    with pytest.raises(TrainingError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "last.pt")


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"step": 1, "path": tmp_path}, tmp_path / "last.pt")
    with pytest.raises(TrainingError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "last.pt")


def layer(step: int) -> PartialFC:
    """A class layer whose every number says at which step it was."""
    tables = {"momentum": torch.full((5, 3), float(step)), "touched": torch.full((5,), step)}
    return PartialFC(
        torch.full((5, 3), float(step)), margin=CosFace(), sampled=1.0, optimiser=RowMomentum(tables)
    )


def load_run(path: Path) -> tuple[int, PartialFC]:
    found, filled = checkpoint.load(path), layer(0)
    checkpoint.load_layer(path, found, filled)
    return found["step"], filled


def test_a_run_s_tables_are_loaded_with_it(tmp_path: Path) -> None:
    path, rows = tmp_path / "run" / "last.pt", None
    for step in (1, 2, 3):
        rows = checkpoint.save_run(path, state(step), layer(step), rows)
    step, filled = load_run(path)
    assert step == 3
    assert all((table == 3).all() for table in filled.tables.values())
    assert sorted(entry.name for entry in path.parent.iterdir()) == [rows, "last.pt"]


def test_a_checkpoint_from_before_tables_had_files_is_still_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"step": 4, "centres": torch.full((5, 3), 4.0)})
    found, filled = checkpoint.load(path), PartialFC(torch.zeros(5, 3), margin=CosFace(), sampled=1.0)
    assert checkpoint.class_count(found) == 5
    assert checkpoint.load_layer(path, found, filled) is None
    assert (filled.centres == 4).all()


CUTS = [
    (SavedRows, "create"),
    (SavedRows, "write"),
    (checkpoint, "save"),
    (torch, "save"),
    (os, "fsync"),
    (Path, "replace"),
    (shutil, "rmtree"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), CUTS, ids=lambda cut: getattr(cut, "__name__", cut))
def test_killed_anywhere_in_a_save_tables_and_weights_are_of_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, when: str
) -> None:
    path = tmp_path / "last.pt"
    rows = checkpoint.save_run(path, state(1), layer(1), None)
    real = getattr(owner, name)

    def die(*arguments: object, **options: object) -> None:
        if when == "after":
            real(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, die)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save_run(path, state(2), layer(2), rows)
    step, filled = load_run(path)
    assert step in (1, 2)
    assert all((table == step).all() for table in filled.tables.values())
    # The next save copes with whatever the dead one left behind.
    checkpoint.save_run(path, state(3), layer(3), checkpoint.load(path)["rows"])
    step, filled = load_run(path)
    assert step == 3
    assert all((table == 3).all() for table in filled.tables.values())


@pytest.mark.parametrize(("owner", "name"), [(SavedRows, "create"), (SavedRows, "write"), (os, "fsync")])
def test_a_disk_too_full_for_the_tables_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    path = tmp_path / "last.pt"
    rows = checkpoint.save_run(path, state(1), layer(1), None)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(TrainingError, match=r"last-rows-b: not written: .*No space left.*untouched"):
            checkpoint.save_run(path, state(2), layer(2), rows)
    step, filled = load_run(path)
    assert step == 1
    assert all((table == 1).all() for table in filled.tables.values())
