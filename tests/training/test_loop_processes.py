"""A run started by several processes is the run of one; stopped, it goes on with any number of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from spawning import run_together

from conftest import set_up
from docdex.errors import TrainingError
from docdex.training import checkpoint
from docdex.training.config import OptimConfig, TrainConfig, read_config
from docdex.training.loop import Trainer
from docdex.training.processes import Processes
from docdex.training.views import Batch

STEPS, COPIED_AT = 20, 8


def configured(path: Path) -> TrainConfig:
    """Twenty steps, sub-centres learning with momentum: all that a checkpoint must keep.

    Low rates: Adam makes a full step of a gradient that is nothing but rounding, and rounding is all in which
    the runs may differ.
    """
    config = read_config(path)
    return msgspec.structs.replace(
        config,
        loss=msgspec.structs.replace(config.loss, kind="arcface", subcentres=2),
        optim=OptimConfig(
            batch=8,
            steps=STEPS,
            trunk_rate=1e-5,
            head_rate=3e-5,
            centres="momentum",
            centre_rate=0.1,
            centre_decay=0.01,
            warmup=10,
        ),
    )


def train(path: Path, run: Path, copy: Path | None = None, *, resume: bool = False) -> list[float]:
    """Losses of the steps that this run took. copy: where its folder as of step `COPIED_AT` is kept."""
    said: list[str] = []
    trainer = Trainer(configured(path), run, resume=resume, say=said.append)
    losses: list[float] = []
    step = trainer._step

    def recorded(batch: Batch) -> float:
        if copy is not None and trainer.progress.step == COPIED_AT:
            with trainer.processes.together():
                if trainer.processes.first:
                    shutil.copytree(run, copy)
        losses.append(step(batch))
        return losses[-1]

    trainer._step = recorded  # type: ignore[method-assign]
    trainer.train()
    assert bool(said) == trainer.processes.first
    return losses


def resume(path: Path, run: Path) -> list[float]:
    return train(path, run, resume=True)


def weights(run: Path) -> dict[str, torch.Tensor]:
    state: dict[str, Any] = checkpoint.load(run / "last.pt")
    assert state["step"] == STEPS
    return {name: value for name, value in state["averaged"].items() if value.is_floating_point()}


def assert_same_end(one: Path, other: Path) -> None:
    """The same averaged weights, but for rounding."""
    expected, found = weights(one), weights(other)
    for name, value in expected.items():
        assert torch.allclose(found[name], value, atol=1e-4), name


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folder of four runs and their losses: one process, two, a copy of these by one and by three."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        path = set_up(folder, patch)
        losses = {"one": train(path, folder / "one")}
        two = run_together(2, folder / "meet2", train, path, folder / "two", folder / "resumed by one")
        assert two[0] == two[1]
        losses["two"] = two[0]
        shutil.copytree(folder / "resumed by one", folder / "resumed by three")
        losses["resumed by one"] = resume(path, folder / "resumed by one")
        three = run_together(3, folder / "meet3", resume, path, folder / "resumed by three")
        losses["resumed by three"] = three[0]
    return folder, losses


def test_two_processes_have_the_loss_curve_of_one(ran: Any) -> None:
    folder, losses = ran
    assert len(losses["one"]) == len(losses["two"]) == STEPS
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-4)
    assert_same_end(folder / "one", folder / "two")


@pytest.mark.parametrize("name", ["resumed by one", "resumed by three"])
def test_a_checkpoint_of_two_processes_goes_on_with_one_and_with_three(ran: Any, name: str) -> None:
    folder, losses = ran
    assert losses[name] == pytest.approx(losses["one"][COPIED_AT:], rel=1e-4)
    assert_same_end(folder / "one", folder / name)


def test_only_the_first_process_writes_the_log(ran: Any) -> None:
    lines = (ran[0] / "two" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [STEPS]


def test_more_processes_than_views_in_a_batch_are_refused(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Processes, "join", classmethod(lambda cls: cls(8, 9)))
    with pytest.raises(TrainingError, match="9 processes share a batch of 8"):
        Trainer(read_config(tiny_run), tmp_path / "run", say=lambda _: None)
