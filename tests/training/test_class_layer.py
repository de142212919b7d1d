from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.training import class_layer
from docdex.training.class_layer import build_class_layer, build_margin, place_at_random, starting_centres
from docdex.training.config import DataConfig, LossConfig, ModelConfig, OptimConfig, SourceConfig, TrainConfig
from docdex.training.margins import ArcFace, Combined, CosFace, Softmax
from docdex.training.processes import Processes

DATA = DataConfig((SourceConfig("pages"),))


def test_each_kind_of_loss_is_made_with_its_own_numbers() -> None:
    assert build_margin(LossConfig()) == CosFace(32.0, 0.35)
    assert build_margin(LossConfig("softmax", scale=16.0)) == Softmax(16.0)
    assert build_margin(LossConfig("arcface", margin=0.5)) == ArcFace(32.0, 0.5)
    assert build_margin(LossConfig("combined", margins=(1.1, 0.2, 0.1))) == Combined(32.0, 1.1, 0.2, 0.1)


@pytest.mark.parametrize(
    ("centres", "names"),
    [
        ("descent", {"centres"}),
        ("momentum", {"centres", "momentum", "touched"}),
        ("adamw", {"centres", "first", "second", "touched"}),
    ],
)
@pytest.mark.parametrize(("subcentres", "shape"), [(1, (16,)), (3, (3, 16))])
def test_a_process_holds_its_block_of_every_table(
    tmp_path: Path, centres: str, names: set[str], subcentres: int, shape: tuple[int, ...]
) -> None:
    config = TrainConfig(
        "x",
        DATA,
        model=ModelConfig(dimension=16),
        loss=LossConfig(subcentres=subcentres, sampled=4),
        optim=OptimConfig(centres=centres),  # type: ignore[arg-type]
    )
    layer = build_class_layer(config, 11, Processes(1, 2), tmp_path)
    assert layer.block == range(5, 11)
    assert layer.count == 4
    assert set(layer.tables) == names
    for name, table in layer.tables.items():
        assert table.shape == ((6,) if name == "touched" else (6, *shape))
        assert not table.any()


def test_sub_centres_start_apart_and_the_first_at_the_page() -> None:
    vectors = torch.randn(4, 16, generator=torch.Generator().manual_seed(1))
    centres = starting_centres(vectors, torch.Size((3, 16)), torch.Generator().manual_seed(0))
    assert torch.allclose(centres.norm(dim=2), torch.ones(4, 3))
    assert torch.allclose(centres[:, 0], torch.nn.functional.normalize(vectors))
    cosines = (centres[:, 0, None] * centres[:, 1:]).sum(dim=2)
    assert ((cosines > 0.9) & (cosines < 0.99)).all()
    alone = starting_centres(vectors, torch.Size((16,)), torch.Generator())
    assert torch.allclose(alone, centres[:, 0])


@pytest.mark.parametrize("subcentres", [1, 2])
def test_random_centres_are_of_unit_length_all_others_and_the_same_for_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subcentres: int
) -> None:
    monkeypatch.setattr(class_layer, "_DRAWN_AT_ONCE", 4)
    config = TrainConfig(
        "x", DATA, model=ModelConfig(dimension=16), loss=LossConfig(subcentres=subcentres, sampled=4)
    )

    def drawn(count: int, seed: int = 7) -> torch.Tensor:
        layers = [build_class_layer(config, 11, Processes(rank, count), tmp_path) for rank in range(count)]
        for layer in layers:
            place_at_random(layer, seed)
        return torch.cat([layer.centres for layer in layers])

    alone = drawn(1)
    assert torch.equal(drawn(2), alone)
    assert torch.equal(drawn(3), alone)
    flat = alone.flatten(0, -2)
    assert torch.allclose(flat.norm(dim=1), torch.ones(11 * subcentres))
    assert (flat @ flat.T - torch.eye(len(flat))).max() < 0.95
    assert not torch.isclose(drawn(1, seed=8), alone).any()


@pytest.mark.parametrize("first", range(12))
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("at_once", [4, 16])
def test_new_classes_alone_start_at_random_however_many_processes_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, count: int, first: int
) -> None:
    monkeypatch.setattr(class_layer, "_DRAWN_AT_ONCE", at_once)
    config = TrainConfig("x", DATA, model=ModelConfig(dimension=16), loss=LossConfig(sampled=4))
    whole = build_class_layer(config, 11, Processes(0, 1), tmp_path)
    place_at_random(whole, 7)
    layers = [build_class_layer(config, 11, Processes(rank, count), tmp_path) for rank in range(count)]
    for layer in layers:
        place_at_random(layer, 7, first)
    centres = torch.cat([layer.centres for layer in layers])
    assert not centres[:first].any()
    assert torch.equal(centres[first:], whole.centres[first:])
