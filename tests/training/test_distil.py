from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from dying import killed_after_saves
from torch import Tensor, nn

from docdex.errors import TrainingError
from docdex.training import checkpoint, distil
from docdex.training.classes import ClassTable
from docdex.training.config import DistilConfig, TrainConfig, read_config
from docdex.training.dense import DenseTrunk
from docdex.training.distil import Distillation, Taught, distil_maps, resize_images
from docdex.training.export import to_onnx
from docdex.training.loop import Trainer
from docdex.training.teachers import Teacher, digest_of
from docdex.training.views import clean_image

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


class Said:
    """Stands for what a teacher said: the row of a class is its number's."""

    def __init__(self, said: Tensor) -> None:
        self.said, self.shape = said, tuple(said.shape[1:])

    def __getitem__(self, labels: Tensor) -> Tensor:
        return self.said[labels]


def term(config: DistilConfig, said: Tensor, channels: int = 5, dimension: int = 8) -> Distillation:
    return Distillation(config, Said(said), channels, dimension)  # type: ignore[arg-type]


def test_copies_are_compared_with_what_was_said_of_their_classes() -> None:
    said, labels = rows(10, 8).float(), torch.tensor([7, 4, 9])
    vectors, cells = said[labels] * 2, torch.zeros(3, 5, 3, 3)
    apart = term(DistilConfig(loss="cosine", clean=3), said)
    assert float(apart(cells, vectors, labels)) == pytest.approx(0, abs=1e-6)
    vectors[2] *= -1
    assert float(apart(cells, vectors, labels)) == pytest.approx(2 / 3, abs=1e-6)
    doubled = term(DistilConfig(loss="cosine", clean=3, weight=2), said)
    assert float(doubled(cells, vectors, labels)) == pytest.approx(4 / 3, abs=1e-6)


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
def test_a_projection_stands_between_only_where_numbers_must_match(loss, shape, learned) -> None:
    torch.manual_seed(0)
    said = torch.randn(10, *shape)
    apart = term(DistilConfig(loss=loss, clean=4), said)
    assert sum(value.numel() for value in apart.parameters()) == learned
    vectors = torch.randn(6, 8, requires_grad=True)
    cells = torch.randn(6, 5, 3, 3, requires_grad=True)
    reached = apart(cells, vectors, torch.arange(6))
    assert float(reached.detach()) > 0
    torch.autograd.backward(reached)
    taught = cells if loss.startswith("map") else vectors
    assert taught.grad is not None
    assert taught.grad.any()


def test_maps_cannot_be_learned_from_vectors() -> None:
    with pytest.raises(TrainingError, match="map_cosine needs maps"):
        term(DistilConfig(loss="map_cosine"), rows(4, 8))


def mean_colours(side: int) -> Teacher:
    model = to_onnx(nn.Sequential(nn.AvgPool2d(side), nn.Flatten()), side, "said")
    return Teacher.from_onnx(model, side, "colours")


def test_a_teacher_is_asked_about_each_clean_page_once(tiny_run: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    table, teacher = ClassTable.build(config.data, lambda _: None), mean_colours(32)
    taught = Taught.gather(config, table, teacher, tmp_path, at_once=10)
    for number in (0, 1, len(table) - 1):
        image = clean_image(config, table, number, 32)
        expected = torch.from_numpy(image.mean(axis=(1, 2)))[None]
        assert torch.allclose(taught[torch.tensor([number])], expected, atol=2e-3)
    (kept,) = tmp_path.glob("*.taught")
    size = kept.stat().st_size
    again = Taught.gather(config, table, teacher, tmp_path)
    assert kept.stat().st_size == size == len(table) * (32 + 3 * 2)
    everything = torch.arange(len(table))
    assert torch.equal(again[everything], taught[everything])


def test_pictures_are_told_apart_by_every_number() -> None:
    picture = np.zeros((3, 4, 4), np.float32)
    changed = picture.copy()
    changed[2, 3, 3] = 1e-7
    assert digest_of(picture) == digest_of(picture.copy()) != digest_of(changed)


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


def test_the_control_has_the_clean_copies_and_no_teacher(
    tiny_run: Path, trained: Path, tmp_path: Path
) -> None:
    control = DistilConfig(loss="none", clean=4)
    config = msgspec.structs.replace(read_config(tiny_run), start_from=str(trained), distil=control)
    trainer = Trainer(config, tmp_path / "run", say=lambda _: None)
    assert trainer.distillation is None
    maps, labels = trainer.batches[0]
    assert len(maps) == len(labels) == 8 + 4
    assert set(labels[8:].tolist()) <= set(labels[:8].tolist())
    clean = trainer.batches.maps(clean_image(config, trainer.table, int(labels[-1]), 64)[None])
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
