from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.training.class_layer import build_class_layer, build_margin, starting_centres
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
