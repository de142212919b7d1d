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
from docdex.training.teachers import Taught, Teacher, digest_of, open_teacher


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


def pages(*shades: int) -> list[np.ndarray]:
    return [np.full((40, 30, 3), shade, np.uint8) for shade in shades]


@pytest.fixture
def teacher(vectors_file: Path) -> Teacher:
    return open_teacher(DistilConfig(teacher=f"onnx:{vectors_file}"), 32)


def silent(teacher: Teacher) -> Teacher:
    """The same teacher by its digest, of whom nothing can be asked."""

    class Silent(Teacher):
        digest = teacher.digest  # type: ignore[assignment]

    return Silent(b"no model", teacher.side, teacher.shape)


def test_what_was_said_of_a_picture_is_known_to_the_next_run(teacher: Teacher, tmp_path: Path) -> None:
    said = Taught(teacher, tmp_path)(pages(0, 255, 0))
    assert said.dtype == np.float16
    assert np.allclose(said, np.array([[-1] * 3, [1] * 3, [-1] * 3]), atol=1e-3)
    again = Taught(silent(teacher), tmp_path)
    assert np.array_equal(again(pages(255, 0)), said[[1, 0]])
    with pytest.raises(onnxruntime_errors()):
        again(pages(128))


def onnxruntime_errors() -> type[Exception]:
    from onnxruntime.capi.onnxruntime_pybind11_state import InvalidProtobuf

    return InvalidProtobuf


def test_a_word_is_the_same_to_the_last_bit_among_any_others(tmp_path: Path) -> None:
    deep = open_teacher(DistilConfig(teacher="lite0"), 32)
    noise = list(np.random.default_rng(0).integers(0, 256, (5, 50, 40, 3), dtype=np.uint8))
    together = Taught(deep, tmp_path / "one")(noise)
    alone = Taught(deep, tmp_path / "other")
    assert all(np.array_equal(alone([page])[0], word) for page, word in zip(noise, together, strict=True))


def test_two_who_ask_at_a_time_do_not_lose_each_others_words(teacher: Teacher, tmp_path: Path) -> None:
    one, other = Taught(teacher, tmp_path), Taught(teacher, tmp_path)
    said = [one(pages(10, 20)), other(pages(20, 30)), one(pages(40))]
    late = Taught(silent(teacher), tmp_path)(pages(10, 20, 30, 40))
    assert np.array_equal(late, np.concatenate([said[0], said[1][1:], said[2]]))


def test_another_teacher_has_a_file_of_its_own(tmp_path: Path) -> None:
    teachers = Teacher(b"a file", 16, (3,)), Teacher(b"another", 16, (3,)), Teacher(b"a file", 32, (3,))
    assert len({Taught(teacher, tmp_path).path for teacher in teachers}) == 3


def test_no_page_is_nothing_to_ask(tmp_path: Path) -> None:
    assert Taught(Teacher(b"no model", 16, (2, 3, 3)), tmp_path)([]).shape == (0, 2, 3, 3)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TrainingError, match=r"distil\.cache"):
        Taught(Teacher(b"a file", 16, (3,)), tmp_path / "file")


def test_a_file_that_is_broken_says_that_it_can_go(teacher: Teacher, tmp_path: Path) -> None:
    taught = Taught(teacher, tmp_path)
    taught.path.write_bytes(b"of no database, and long enough to be taken for one" * 20)
    with pytest.raises(TrainingError, match=r"sqlite.*delete it"):
        taught(pages(1))
    with pytest.raises(TrainingError, match=r"sqlite.*delete it"):
        Taught(teacher, tmp_path)


def test_pictures_are_told_apart_by_every_number() -> None:
    picture = np.zeros((3, 4, 4), np.float32)
    changed = picture.copy()
    changed[2, 3, 3] = 1e-7
    assert digest_of(picture) == digest_of(picture.copy()) != digest_of(changed)
