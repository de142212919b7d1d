"""What a run says of itself is kept, and shown by TensorBoard where that is installed."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

from docdex.errors import TrainingError
from docdex.training.config import read_config
from docdex.training.journal import Journal, mosaic
from docdex.training.loop import Trainer
from docdex.training.progress import Pace

TENSORBOARD = "torch.utils.tensorboard"


class Writer:
    """Stands for TensorBoard's: remembers what it was given."""

    made: list[Writer]

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step, self.closed, self.full = Path(folder), purge_step, False, False
        self.scalars: list[tuple[str, float, int]] = []
        self.images: list[tuple[str, np.ndarray, int]] = []
        Writer.made.append(self)

    def add_scalar(self, name: str, figure: float, step: int) -> None:
        self.scalars.append((name, figure, step))

    def add_image(self, name: str, image: np.ndarray, step: int) -> None:
        self.images.append((name, image, step))

    def flush(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[Writer]:
    """TensorBoard is there; the writers that were made."""
    package = ModuleType(TENSORBOARD)
    vars(package)["SummaryWriter"] = Writer
    monkeypatch.setitem(sys.modules, TENSORBOARD, package)
    Writer.made = []
    return Writer.made


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard is not installed."""
    monkeypatch.setitem(sys.modules, TENSORBOARD, None)


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.usefixtures("missing")
def test_without_tensorboard_figures_are_lines_and_one_sentence_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    journal = Journal(tmp_path / "run", said.append)
    journal.show(0, "batch", lambda: pytest.fail("nobody sees it"))
    journal.write(20, loss=1.5)
    journal.write(40, loss=1.0, rank1_flat=0.5)
    assert lines(tmp_path / "run") == [
        {"step": 20, "loss": 1.5},
        {"step": 40, "loss": 1.0, "rank1_flat": 0.5},
    ]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["log.jsonl"]
    assert len(said) == 1
    assert "docdex[tensorboard]" in said[0]


def test_a_journal_that_nobody_writes_in_makes_nothing(tmp_path: Path, writers: list[Writer]) -> None:
    Journal(tmp_path / "run", pytest.fail).close()
    assert not (tmp_path / "run").exists()
    assert writers == []


def test_figures_become_curves_and_images_a_picture(tmp_path: Path, writers: list[Writer]) -> None:
    journal = Journal(tmp_path, pytest.fail)
    journal.show(5, "batch", lambda: np.zeros((2, 3, 4, 4), np.float32))
    journal.write(5, loss=1.5, score=0.5)
    journal.close()
    (writer,) = writers
    assert writer.folder == tmp_path / "events"
    assert writer.scalars == [("loss", 1.5, 5), ("score", 0.5, 5)]
    ((name, picture, step),) = writer.images
    assert (name, step, picture.shape) == ("batch", 5, (3, 4, 8))
    assert writer.closed
    # What a killed run had shown beyond its checkpoint goes.
    assert writer.purge_step == 5


def test_images_lie_row_by_row_in_a_mosaic_and_what_is_left_is_white() -> None:
    images = np.stack([np.full((3, 2, 3), value, np.float32) for value in (-1, 0, 1, -1, 0)])
    images[4, 0] = 5.0
    picture = mosaic(images)
    assert picture.dtype == np.uint8
    assert picture.shape == (3, 4, 9)
    assert picture[1, ::2, ::3].tolist() == [[0, 128, 255], [0, 128, 255]]
    assert (picture[0, 2:, 3:6] == 255).all()


def test_a_disk_too_full_for_figures_is_one_clear_error(
    tmp_path: Path, writers: list[Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, pytest.fail)
    journal.write(1, loss=1.0)
    writers[0].full = True
    with pytest.raises(TrainingError, match=r"figures not written: .*No space left.*checkpoint is whole"):
        journal.write(2, loss=1.0)
    with pytest.raises(TrainingError, match="No space left"):
        journal.show(2, "batch", lambda: np.zeros((1, 3, 4, 4), np.float32))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TrainingError, match="figures not written"):
        Journal(tmp_path / "file", pytest.fail).write(1, loss=1.0)


def test_a_run_shows_its_batches_its_curves_and_every_step(
    tiny_run: Path, tmp_path: Path, writers: list[Writer]
) -> None:
    config = msgspec.structs.replace(read_config(tiny_run), workers=1)
    said: list[str] = []
    paces: list[Pace] = []
    trainer = Trainer(config, tmp_path / "run", say=said.append, show=paces.append)
    trainer.train()
    (writer,) = writers
    assert writer.closed
    assert {(name, step) for name, _, step in writer.images} == {("batch", 0), ("batch", 6)}
    views = np.stack(trainer.batches.views(6, range(8)))
    assert np.array_equal(writer.images[-1][1], mosaic(views))
    assert views.std() > 0.1
    assert {name for name, _, step in writer.scalars if step == 6} >= {"loss", "images_per_second"}
    assert lines(tmp_path / "run")[-1]["loss"] == next(f for n, f, _ in writer.scalars if n == "loss")
    assert [pace.step for pace in paces] == [1, 2, 3, 4, 5, 6]
    assert paces[-1].done == 1
    assert paces[-1].left == 0
    assert all(pace.rate > 0 and np.isfinite(pace.loss) for pace in paces)
    assert not any("images/s" in line for line in said), "who is shown steps is not told of them too"


def test_views_shown_are_those_learned_from(tiny_run: Path, tmp_path: Path) -> None:
    trainer = Trainer(read_config(tiny_run), tmp_path / "run", say=lambda _: None)
    maps, labels, _ = trainer.batches[3]
    views = trainer.batches.views(3, range(2, 5))
    assert np.array_equal(trainer.batches.maps(np.stack(views)).astype(np.float16), maps[2:5].numpy())
    assert np.array_equal(trainer.batches.classes(3), labels.numpy())


def test_tensorboard_itself_reads_what_a_run_wrote(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for first in (1, 3):  # killed after step 4, taken up again at 3
        journal = Journal(tmp_path, pytest.fail)
        for step in range(first, first + 4):
            journal.write(step, loss=float(10 * first + step))
        journal.show(first, "batch", lambda: np.zeros((5, 3, 8, 8), np.float32))
        journal.close()
    kept = EventAccumulator(str(tmp_path / "events")).Reload()
    assert [(event.step, event.value) for event in kept.Scalars("loss")] == [
        *((step, 10 + step) for step in (1, 2)),
        *((step, 30 + step) for step in (3, 4, 5, 6)),
    ]
    assert [(image.width, image.height) for image in kept.Images("batch")] == [(24, 16)] * 2
