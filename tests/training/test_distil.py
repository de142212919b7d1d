from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from dying import killed_after_saves
from torch import Tensor, nn

from docdex.errors import TrainingError
from docdex.preprocess import prepare
from docdex.training import checkpoint, distil
from docdex.training.config import DistilConfig, TrainConfig, read_config
from docdex.training.dense import DenseTrunk
from docdex.training.distil import Distillation, distil_maps, resize_images
from docdex.training.export import to_onnx
from docdex.training.loop import Trainer
from docdex.training.teachers import Taught, Teacher
from docdex.training.views import clean_page

SOFTENED = 0.2


def softened(student: Tensor, teacher: Tensor) -> Tensor:
    return distil.softened_similarities(student, teacher, temperature=SOFTENED)


def rows(count: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def grids(seed: int) -> Tensor:
    return rows(4, 5 * 9, seed).reshape(4, 5, 3, 3)


VECTOR_LOSSES = [distil.cosine, softened, distil.relational, distil.published]


@pytest.mark.parametrize("loss", VECTOR_LOSSES)
def test_a_student_that_says_the_same_has_nothing_to_learn_and_another_has(loss) -> None:
    said = rows(6, 8)
    assert float(loss(said, said)) == pytest.approx(0, abs=1e-9)
    assert float(loss(rows(6, 8, 1), said)) > 1e-3


@pytest.mark.parametrize("loss", VECTOR_LOSSES)
def test_the_length_of_vectors_does_not_count(loss) -> None:
    one, other = rows(6, 8), rows(6, 8, 1)
    assert float(loss(one * 7, other / 3)) == pytest.approx(float(loss(one, other)))


@pytest.mark.parametrize("loss", [softened, distil.relational])
def test_losses_of_relations_do_not_see_rotations_and_take_other_dimensions(loss) -> None:
    one = rows(6, 8)
    rotation, _ = torch.linalg.qr(rows(8, 8, 2))
    assert float(loss(one @ rotation, one)) == pytest.approx(0, abs=1e-9)
    assert float(loss(rows(6, 3), rows(6, 8))) > 0


@pytest.mark.parametrize("loss", [distil.map_cosine, distil.map_smooth_l1])
def test_maps_are_compared_cell_by_cell_up_to_their_size(loss) -> None:
    one, other = grids(0), grids(1)
    assert float(loss(one, one)) == pytest.approx(0, abs=1e-9)
    assert float(loss(one * 7, other)) == pytest.approx(float(loss(one, other)), rel=1e-3)
    # Cells of the same channels in another place are other maps.
    assert float(loss(one.flip(3), one)) > 1e-2


LOSSES = [(loss, rows) for loss in VECTOR_LOSSES] + [
    (loss, lambda count, width, seed=0: grids(seed)) for loss in (distil.map_cosine, distil.map_smooth_l1)
]


@pytest.mark.parametrize(("loss", "make"), LOSSES)
def test_gradients_are_those_of_finite_differences(loss, make) -> None:
    student, teacher = make(4, 5, 1).requires_grad_(True), make(4, 5, 2)
    assert torch.autograd.gradcheck(lambda given: loss(given, teacher), (student,), atol=1e-5)


def test_equal_vectors_leave_gradients_finite() -> None:
    student = torch.ones(4, 5).requires_grad_(True)
    torch.autograd.backward(distil.relational(student, rows(4, 5).float()))
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_the_published_form_is_about_the_cosine_over_the_dimension() -> None:
    one, other = rows(64, 512), rows(64, 512, 1)
    cosine = torch.cosine_similarity(one, other).mean()
    assert float(distil.published(one, other)) == pytest.approx(float(1 - cosine) / 512, rel=0.02)


def test_softened_similarities_are_the_divergence_written_out() -> None:
    one, other = rows(3, 4), rows(3, 4, 1)
    expected = 0.0
    for first in range(3):
        shares = []
        for vectors in (one, other):
            unit = (vectors / vectors.norm(dim=1, keepdim=True)).numpy()
            others = [second for second in range(3) if second != first]
            powers = np.exp([unit[first] @ unit[second] / SOFTENED for second in others])
            shares.append(powers / powers.sum())
        student, teacher = shares
        expected += float(np.sum(teacher * np.log(teacher / student)))
    assert float(softened(one, other)) == pytest.approx(expected / 3 * SOFTENED**2)


def term(config: DistilConfig, shape: tuple[int, ...], folder: Path) -> Distillation:
    taught = Taught(Teacher(b"never asked here", 32, shape), folder)
    return Distillation(config, taught, channels=5, dimension=8)


def test_copies_are_compared_with_what_was_said_of_them(tmp_path: Path) -> None:
    said, cells = rows(3, 8).float(), torch.zeros(3, 5, 3, 3)
    vectors = said * 2
    apart = term(DistilConfig(loss="cosine", clean=3), (8,), tmp_path)
    assert float(apart(cells, vectors, said)) == pytest.approx(0, abs=1e-6)
    vectors[2] *= -1
    assert float(apart(cells, vectors, said)) == pytest.approx(2 / 3, abs=1e-6)
    doubled = term(DistilConfig(loss="cosine", clean=3, weight=2), (8,), tmp_path)
    assert float(doubled(cells, vectors, said)) == pytest.approx(4 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "shape", "learned"),
    [
        ("cosine", (8,), 0),
        ("cosine", (12,), 8 * 12 + 12),
        ("published", (12,), 8 * 12 + 12),
        ("relational", (12,), 0),
        ("similarities", (2, 3, 3), 0),
        ("map_cosine", (5, 3, 3), 0),
        ("map_cosine", (7, 6, 6), 5 * 7 + 7),
        ("map_smooth_l1", (7, 2, 2), 5 * 7 + 7),
    ],
)
def test_a_projection_stands_between_only_where_numbers_must_match(loss, shape, learned, tmp_path) -> None:
    torch.manual_seed(0)
    apart = term(DistilConfig(loss=loss, clean=4), shape, tmp_path)
    assert sum(value.numel() for value in apart.parameters()) == learned
    vectors = torch.randn(6, 8, requires_grad=True)
    cells = torch.randn(6, 5, 3, 3, requires_grad=True)
    reached = apart(cells, vectors, torch.randn(6, *shape))
    assert float(reached.detach()) > 0
    torch.autograd.backward(reached)
    taught = cells if loss.startswith("map") else vectors
    assert taught.grad is not None
    assert taught.grad.any()


def test_maps_cannot_be_learned_from_vectors(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="map_cosine needs maps"):
        term(DistilConfig(loss="map_cosine"), (8,), tmp_path)


def with_distillation(tiny_run: Path, folder: Path, **given) -> TrainConfig:
    config = read_config(tiny_run)
    teacher = folder / "colours.onnx"
    teacher.write_bytes(to_onnx(nn.Sequential(nn.AvgPool2d(64), nn.Flatten()), 64, "said"))
    table = DistilConfig(
        **{"teacher": f"onnx:{teacher}", "cache": str(folder / "taught"), "clean": 3} | given
    )
    return msgspec.structs.replace(config, distil=table)


def test_a_run_with_a_teacher_learns_its_projection_and_resumes_as_if_never_killed(
    tiny_run: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_distillation(tiny_run, tmp_path, loss="cosine")
    config = msgspec.structs.replace(config, start_from=str(trained))
    whole = Trainer(config, tmp_path / "whole", say=lambda _: None)
    assert whole.distillation is not None
    before = {name: value.clone() for name, value in whole.distillation.state_dict().items()}
    whole.train()
    with killed_after_saves(3):
        Trainer(config, tmp_path / "killed", say=lambda _: None).train()
    Trainer(config, tmp_path / "killed", resume=True, say=lambda _: None).train()
    one, other = (checkpoint.load(tmp_path / run / "last.pt") for run in ("whole", "killed"))
    for part in ("network", "distillation"):
        assert all(torch.equal(one[part][name], other[part][name]) for name in one[part])
    assert not torch.equal(one["distillation"]["projection.weight"], before["projection.weight"])


def test_the_teacher_is_asked_about_the_copies_of_a_batch_and_no_others(
    tiny_run: Path, trained: Path, tmp_path: Path
) -> None:
    config = with_distillation(tiny_run, tmp_path, loss="cosine")
    trainer = Trainer(
        msgspec.structs.replace(config, start_from=str(trained)), tmp_path / "run", say=[].append
    )
    assert trainer.distillation is not None
    taught = trainer.distillation.taught
    (kept,) = (tmp_path / "taught").iterdir()
    with closing(sqlite3.connect(kept)) as connection:
        count = "SELECT count(*) FROM taught"
        assert connection.execute(count).fetchone() == (0,)
        _, labels, said = trainer.batches.part(range(3, 8), taught)[0]
        # Of the copies of places 0, 2 and 5, these places have the last.
        assert (len(labels), len(said)) == (5 + 1, 1)
        assert connection.execute(count).fetchone() == (1,)
    page = clean_page(config, trainer.table, int(labels[-1]))
    assert np.allclose(said[0].numpy(), prepare(page, 64).mean(axis=(1, 2)), atol=2e-3)


def test_the_control_has_the_clean_copies_and_no_teacher(
    tiny_run: Path, trained: Path, tmp_path: Path
) -> None:
    control = DistilConfig(loss="none", clean=4)
    config = msgspec.structs.replace(read_config(tiny_run), start_from=str(trained), distil=control)
    trainer = Trainer(config, tmp_path / "run", say=lambda _: None)
    assert trainer.distillation is None
    maps, labels, _ = trainer.batches[0]
    assert len(maps) == len(labels) == 8 + 4
    assert set(labels[8:].tolist()) <= set(labels[:8].tolist())
    page = clean_page(config, trainer.table, int(labels[-1]))
    clean = trainer.batches.maps(prepare(page, 64)[None])
    assert np.allclose(maps[-1].numpy(), clean[0], rtol=1e-2, atol=1e-2)
    trainer.train()
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 6


def test_a_trunk_that_learns_maps_first_needs_a_teacher_of_maps(tiny_run: Path, tmp_path: Path) -> None:
    config = with_distillation(tiny_run, tmp_path, loss="cosine")
    model = msgspec.structs.replace(config.model, trunk="dense", frozen_stride=1, distil_minutes=0.01)
    with pytest.raises(TrainingError, match="that gives maps"):
        Trainer(msgspec.structs.replace(config, model=model), tmp_path / "run", say=lambda _: None)


def test_distilling_brings_the_maps_nearer_to_the_teachers() -> None:
    torch.manual_seed(0)
    student, teacher = DenseTrunk(), DenseTrunk().eval()
    images = torch.randn(8, 3, 32, 32)

    @torch.no_grad()
    def distance() -> float:
        return float(1 - torch.cosine_similarity(student.eval()(images), teacher(images), dim=1).mean())

    before = distance()
    with torch.no_grad():
        maps = teacher(images)
    steps = distil_maps(student, lambda _: maps, [images] * 40, minutes=5, say=lambda _: None)
    assert steps == 40
    assert distance() < before / 2


def test_a_teacher_of_other_channels_and_a_finer_grid_is_learned_through_a_projection() -> None:
    torch.manual_seed(0)
    student = nn.Conv2d(3, 6, 16, 16)
    images, maps = torch.randn(8, 3, 32, 32), torch.randn(8, 9, 4, 4)
    told: list[str] = []
    distil_maps(student, lambda _: maps, [images] * 100, minutes=5, say=told.append)
    losses = [float(line.rpartition(" ")[2]) for line in told]
    assert losses[-1] < losses[0] - 0.1


def test_distilling_ends_with_its_time() -> None:
    images, maps = torch.zeros(2, 3, 32, 32), torch.ones(2, 112, 2, 2)
    assert distil_maps(DenseTrunk(), lambda _: maps, iter([images]), minutes=1e-9) == 0


def test_images_are_resized_only_for_a_teacher_of_another_side() -> None:
    images = torch.rand(2, 3, 32, 32)
    assert resize_images(images, 32) is images
    assert resize_images(images, 48).shape == (2, 3, 48, 48)
    assert torch.allclose(resize_images(images, 16).mean(), images.mean(), atol=0.02)
