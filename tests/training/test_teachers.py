from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from torch import nn

from docdex.errors import MissingExtra, TrainingError
from docdex.training.config import DistilConfig
from docdex.training.export import to_onnx
from docdex.training.teachers import TaughtOutputs, Teacher, digest_of, open_teacher


def images(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, 3, side, side)).astype(np.float32)


@pytest.fixture
def vectors_file(tmp_path: Path) -> Path:
    """A teacher whose vector is the mean of each channel, for images of 32 pixels."""
    path = tmp_path / "teacher.onnx"
    path.write_bytes(to_onnx(nn.Sequential(nn.AvgPool2d(32), nn.Flatten()), 32, "said"))
    return path


def test_a_file_of_vectors_is_asked_at_its_own_side(vectors_file: Path) -> None:
    teacher = open_teacher(DistilConfig(teacher=f"onnx:{vectors_file}"), 144)
    assert (teacher.side, teacher.shape) == (32, (3,))
    batch = images(70, 32)
    assert np.allclose(teacher.open()(batch), batch.mean(axis=(2, 3)), atol=1e-5)


def test_a_trunk_by_name_teaches_its_maps_at_the_side_asked_for() -> None:
    teacher = open_teacher(DistilConfig(teacher="lite0", side=64), 32)
    assert (teacher.side, teacher.shape) == (64, (112, 4, 4))
    assert open_teacher(DistilConfig(teacher="lite0"), 32).shape == (112, 2, 2)


def test_a_digest_tells_teachers_and_sides_apart() -> None:
    digests = {open_teacher(DistilConfig(teacher="lite0", side=side), 32).digest for side in (32, 48, 32)}
    assert len(digests) == 2


def test_files_that_cannot_teach_are_refused_by_name(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.onnx"
    nonsense.write_bytes(b"no model")
    flat = to_onnx(nn.Flatten(0), 16, "said")
    for path in (nonsense, tmp_path / "gone.onnx"):
        with pytest.raises(TrainingError, match=rf"{path.name}.*distil\.teacher"):
            open_teacher(DistilConfig(teacher=f"onnx:{path}"), 32)
    with pytest.raises(TrainingError, match=r"flat: gives \(768,\), neither maps"):
        Teacher.from_onnx(flat, 16, "flat")


class Visual(nn.Module):
    image_size = (32, 32)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3))


def test_clip_gives_vectors_of_images_on_its_own_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    open_clip = ModuleType("open_clip")

    def create_model(name: str, pretrained: str) -> SimpleNamespace:
        asked.append((name, pretrained))
        return SimpleNamespace(visual=Visual())

    open_clip.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "open_clip", open_clip)
    weights = tmp_path / "clip.pt"
    config = DistilConfig(teacher="clip:ViT-B-32", weights=str(weights))
    with pytest.raises(TrainingError, match=r"clip\.pt: no such file"):
        open_teacher(config, 144)
    weights.write_bytes(b"read by open_clip")
    teacher = open_teacher(config, 144)
    assert asked == [("ViT-B-32", str(weights))]
    assert (teacher.side, teacher.shape) == (32, (3,))
    white = teacher.open()(np.ones((1, 3, 32, 32), np.float32))
    assert np.allclose(white, [[1.9303361, 2.0748837, 2.1458969]], atol=1e-4)


def test_clip_without_open_clip_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtra, match="clip:ViT-B-32 needs more packages"):
        open_teacher(DistilConfig(teacher="clip:ViT-B-32"), 224)


TEACHER = Teacher(b"a file", 16, (2, 3, 3))


def said(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, *TEACHER.shape)).astype(np.float32)


def names(*numbers: int) -> list[bytes]:
    return [digest_of(np.full((3, 2, 2), number, np.float32)) for number in numbers]


def test_what_was_said_is_known_to_the_next_run(tmp_path: Path) -> None:
    outputs = TaughtOutputs(tmp_path / "taught", TEACHER)
    outputs.append(names(1, 2), said(2))
    outputs.append(names(3), said(1, 5))
    again = TaughtOutputs(tmp_path / "taught", TEACHER)
    assert again.digests() == set(names(1, 2, 3))
    for digest, expected in zip(names(1, 2, 3), [*said(2), *said(1, 5)], strict=True):
        assert np.allclose(again.records()["output"][again.row(digest)], expected, atol=2e-3)
    assert names(4)[0] not in again


def test_another_teacher_has_a_file_of_its_own(tmp_path: Path) -> None:
    TaughtOutputs(tmp_path, TEACHER).append(names(1), said(1))
    assert len(TaughtOutputs(tmp_path, Teacher(b"another file", 16, TEACHER.shape))) == 0
    assert len(TaughtOutputs(tmp_path, Teacher(b"a file", 32, TEACHER.shape))) == 0


def test_a_record_cut_off_by_a_kill_is_asked_for_again(tmp_path: Path) -> None:
    outputs = TaughtOutputs(tmp_path, TEACHER)
    outputs.append(names(1, 2), said(2))
    outputs.path.write_bytes(outputs.path.read_bytes()[:-5])
    mended = TaughtOutputs(tmp_path, TEACHER)
    assert mended.digests() == set(names(1))
    mended.append(names(2), said(1, 3))
    again = TaughtOutputs(tmp_path, TEACHER)
    assert np.allclose(again.records()["output"][again.row(names(2)[0])], said(1, 3)[0], atol=2e-3)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TrainingError, match=r"distil\.cache"):
        TaughtOutputs(tmp_path / "file", TEACHER)
