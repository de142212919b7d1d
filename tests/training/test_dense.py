from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.training import checkpoint
from docdex.training.config import read_config
from docdex.training.dense import DenseTrunk, distil_maps
from docdex.training.export import largest_difference, to_onnx
from docdex.training.loop import Trainer


def test_maps_are_at_stride_16() -> None:
    assert DenseTrunk(112)(torch.zeros(2, 3, 64, 96)).shape == (2, 112, 4, 6)


def test_distilling_brings_the_maps_nearer_to_the_teachers() -> None:
    torch.manual_seed(0)
    student, teacher = DenseTrunk(8), DenseTrunk(8).eval()
    images = torch.randn(8, 3, 32, 32)

    @torch.no_grad()
    def distance() -> float:
        return float(1 - torch.cosine_similarity(student.eval()(images), teacher(images), dim=1).mean())

    before = distance()
    with torch.no_grad():
        maps = teacher(images)
    steps = distil_maps(student, lambda _: maps, [images] * 60, minutes=5, say=lambda _: None)
    assert steps == 60
    assert distance() < before / 2


def test_distilling_ends_with_its_time() -> None:
    images = torch.zeros(2, 3, 32, 32)
    maps = torch.ones(2, 8, 2, 2)
    assert distil_maps(DenseTrunk(8), lambda _: maps, iter([images]), minutes=1e-9) == 0


def test_a_dense_trunk_learns_and_leaves_as_the_same_network(tiny_run: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    model = msgspec.structs.replace(config.model, trunk="dense", distil_minutes=0.01)
    trainer = Trainer(msgspec.structs.replace(config, model=model), tmp_path / "run", say=lambda _: None)
    trainer.train()
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 6
    network = trainer.averaged.eval()
    images = np.random.default_rng(0).uniform(-1, 1, (3, 3, model.side, model.side)).astype(np.float32)
    assert largest_difference(network, to_onnx(network, model.side, "vectors"), [images]) < 1e-4
