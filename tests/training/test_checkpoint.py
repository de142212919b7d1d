from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.errors import TrainingError
from docdex.training import checkpoint


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
