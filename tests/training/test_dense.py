from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from torch import nn

from docdex.training import checkpoint
from docdex.training.config import read_config
from docdex.training.dense import BranchedConvolution, DenseTrunk, fold_branches
from docdex.training.export import largest_difference, to_onnx
from docdex.training.loop import Trainer


def lived_in(module: nn.Module) -> nn.Module:
    """The same module with batch norms that have seen something and learned something."""
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for value, low in ((part.weight, -1.0), (part.bias, -1.0), (part.running_mean, -1.0)):
                value.data.uniform_(low, 1, generator=generator)  # type: ignore[union-attr]
            part.running_var.uniform_(0.3, 3, generator=generator)  # type: ignore[union-attr]
    return module.eval()


def test_maps_are_at_stride_16() -> None:
    assert DenseTrunk()(torch.zeros(2, 3, 64, 96)).shape == (2, 112, 4, 6)


@pytest.mark.parametrize(("inside", "outside", "stride"), [(6, 6, 1), (6, 9, 1), (6, 6, 2), (3, 8, 2)])
def test_a_folded_convolution_computes_what_its_branches_do(inside: int, outside: int, stride: int) -> None:
    branched = lived_in(BranchedConvolution(inside, outside, stride)).double()
    assert isinstance(branched, BranchedConvolution)
    maps = torch.randn(2, inside, 12, 12, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        expected, folded = branched(maps), branched.folded().double()(maps)
    assert torch.allclose(folded, expected, atol=1e-5 * float(expected.abs().max()))


def test_folding_leaves_the_trunk_as_it_was_and_computes_the_same() -> None:
    torch.manual_seed(0)
    trunk = lived_in(DenseTrunk())
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = trunk(images)
        folded = fold_branches(trunk)
        assert torch.allclose(folded(images), expected, atol=1e-4 * float(expected.abs().max()))
    assert not any(isinstance(part, BranchedConvolution) for part in folded.modules())
    assert all(torch.equal(value, before[name]) for name, value in trunk.state_dict().items())


def test_a_module_without_branches_is_not_copied() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3)).train()
    assert fold_branches(plain) is plain
    assert not plain.training


def test_the_exported_trunk_has_plain_convolutions_only() -> None:
    graph = onnx.load_from_string(to_onnx(DenseTrunk(), 32, "maps")).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Conv") == 9
    assert not {"Add", "BatchNormalization"} & set(kinds)


def test_a_dense_trunk_learns_and_leaves_as_the_same_network(tiny_run: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    model = msgspec.structs.replace(config.model, trunk="dense", frozen_stride=1, distil_minutes=0.01)
    trainer = Trainer(msgspec.structs.replace(config, model=model), tmp_path / "run", say=lambda _: None)
    trainer.train()
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 6
    network = trainer.averaged.eval()
    images = np.random.default_rng(0).uniform(-1, 1, (3, 3, model.side, model.side)).astype(np.float32)
    assert largest_difference(network, to_onnx(network, model.side, "vectors"), [images]) < 1e-4
