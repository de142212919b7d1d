"""A teacher's term is the same for one process and for several, which hold uneven parts of the copies."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from spawning import run_together
from torch import nn

from conftest import set_up
from docdex.training import checkpoint
from docdex.training.config import DistilConfig, OptimConfig, read_config
from docdex.training.export import to_onnx
from docdex.training.loop import Trainer
from docdex.training.views import Batch

STEPS = 3


def train(path: Path, trained: Path, teacher: Path, run: Path) -> list[float]:
    """Losses of the steps. Low rates: rounding is all in which the runs may differ."""
    config = read_config(path)
    config = msgspec.structs.replace(
        config,
        start_from=str(trained),
        distil=DistilConfig(
            teacher=f"onnx:{teacher}", cache=str(run.parent / "taught"), loss="cosine", weight=5.0, clean=3
        ),
        optim=OptimConfig(batch=8, steps=STEPS, trunk_rate=1e-5, head_rate=1e-4, warmup=1),
    )
    trainer, losses = Trainer(config, run, say=lambda _: None), list[float]()
    step = trainer._step

    def recorded(batch: Batch) -> float:
        losses.append(step(batch))
        return losses[-1]

    trainer._step = recorded  # type: ignore[method-assign]
    trainer.train()
    return losses


def test_two_processes_learn_from_a_teacher_what_one_does(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = set_up(tmp_path, monkeypatch)
    teacher = tmp_path / "colours.onnx"
    teacher.write_bytes(to_onnx(nn.Sequential(nn.AvgPool2d(64), nn.Flatten()), 64, "said"))
    one = train(path, trained, teacher, tmp_path / "one")
    two = run_together(2, tmp_path / "meet", train, path, trained, teacher, tmp_path / "two")
    assert two[0] == two[1]
    assert two[0] == pytest.approx(one, rel=1e-4)
    projections = [
        checkpoint.load(tmp_path / run / "last.pt")["distillation"]["projection.weight"]
        for run in ("one", "two")
    ]
    assert torch.allclose(*projections, atol=1e-5)
