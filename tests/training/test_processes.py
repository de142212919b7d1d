"""Several processes must learn what one learns: losses, gradients, centres, the statistics of batch norms."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from spawning import run_together
from torch import Tensor, nn

from docdex.errors import TrainingError
from docdex.training.backbones import Trunk
from docdex.training.batch_norm import share_batch_norms
from docdex.training.heads import Head
from docdex.training.margins import ArcFace, CosFace
from docdex.training.network import EmbeddingNetwork
from docdex.training.optim import RowAdamW, RowDescent, RowMomentum, RowOptimiser
from docdex.training.partial_fc import PartialFC
from docdex.training.processes import Processes

CLASSES, DIMENSION, STEPS = 23, 6, 5
BATCHES = (7, 1, 4, 8, 7)
"""Sizes of the batches: never the same share for all, and at times none for some."""
LAYERS = {
    "all classes": (1.0, 1, "descent"),
    "a share": (0.4, 1, "descent"),
    "a number": (3, 1, "descent"),
    "momentum": (0.4, 1, "momentum"),
    "adamw": (0.4, 1, "adamw"),
    "sub-centres": (0.4, 3, "momentum"),
}


def directions(*shape: int, seed: int) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def optimiser_of(kind: str, shape: torch.Size) -> RowOptimiser:
    touched = {"touched": torch.zeros(shape[0], dtype=torch.int64)}
    if kind == "momentum":
        return RowMomentum({"momentum": torch.zeros(shape), **touched}, decay=0.01)
    if kind == "adamw":
        return RowAdamW({"first": torch.zeros(shape), "second": torch.zeros(shape), **touched}, decay=0.01)
    return RowDescent()


def train_layer(name: str) -> dict[str, Any]:
    """Losses, gradients by this process's vectors, and its block of the tables after some steps."""
    sampled, subcentres, kind = LAYERS[name]
    processes = Processes.join()
    block = processes.block(CLASSES)
    shape = (CLASSES, DIMENSION) if subcentres == 1 else (CLASSES, subcentres, DIMENSION)
    centres = directions(*shape, seed=0)[block.start : block.stop].clone()
    layer = PartialFC(
        centres,
        margin=ArcFace(16.0, 0.3) if subcentres > 1 else CosFace(16.0, 0.3),
        sampled=sampled,
        optimiser=optimiser_of(kind, centres.shape),
        processes=processes,
        classes=CLASSES,
    )
    losses, gradients = [], []
    for step, size in enumerate(BATCHES):
        rng = np.random.default_rng([1, step])
        labels = torch.from_numpy(rng.integers(CLASSES, size=size))
        own = processes.block(size)
        vectors = directions(size, DIMENSION, seed=100 + step)[own.start : own.stop].requires_grad_(True)
        loss = layer.loss(vectors, labels[own.start : own.stop], rng)
        torch.autograd.backward(loss)
        layer.step(0.05)
        assert vectors.grad is not None
        losses.append(loss.detach())
        gradients.append(vectors.grad)
    return {"losses": torch.stack(losses), "gradients": gradients, "tables": dict(layer.tables)}


class NormWithActivation(nn.BatchNorm2d):
    """What timm's trunks are made of: a norm that holds what comes after it."""

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.drop, self.act = nn.Identity(), nn.ReLU()

    def forward(self, input: Tensor) -> Tensor:
        return self.act(self.drop(super().forward(input)))


def train_norms() -> dict[str, Any]:
    """Outputs, gradients and statistics of two batch norms, and the summed gradient of a matrix."""
    processes = Processes.join()
    torch.manual_seed(3)
    network = nn.Sequential(
        NormWithActivation(4), nn.Flatten(), nn.Linear(36, 5), nn.BatchNorm1d(5, momentum=None)
    )
    share_batch_norms(network, processes)
    network = copy.deepcopy(network)  # as the run does for its averaged weights
    own = processes.block(7)
    outputs, slopes = [], []
    for _ in range(2):
        images = torch.randn(7, 4, 3, 3)[own.start : own.stop].requires_grad_(True)
        network.zero_grad()
        output = network(images)
        weights = torch.arange(35.0).view(7, 5).sin()[own.start : own.stop]
        torch.autograd.backward((output * weights).square().sum())
        processes.sum_gradients(network.parameters())
        assert images.grad is not None
        outputs.append(output.detach())
        slopes.append(images.grad)
    shared = {**network.state_dict(), **{f"d {n}": p.grad for n, p in network.named_parameters()}}
    whole = torch.randn(7, 4, 3, 3)
    return {"parts": [*outputs, *slopes], "shared": shared, "evaluated": network.eval()(whole).detach()}


def see_cells() -> Tensor:
    """This process's maps of a trunk with a norm, of more pages than go through others at a time."""
    processes = Processes.join()
    network = EmbeddingNetwork(
        Trunk(nn.Sequential(), NormWithActivation(4), channels=4), Head(4, 2, squeeze=4, dimension=8)
    )
    share_batch_norms(network, processes)
    maps = torch.randn(37, 4, 2, 2, generator=torch.Generator().manual_seed(5))
    own = processes.block(len(maps))
    return network.cells(maps[own.start : own.stop]).detach()


def follow_and_fail() -> dict[str, Any]:
    """What becomes of different values, and of an error in the second process."""
    processes = Processes.join()
    values = torch.full((2, 3, 4, 5), float(processes.rank)).contiguous(memory_format=torch.channels_last)
    processes.follow_first([values])
    with pytest.raises(TrainingError) as refused, processes.together():
        if processes.rank == 1:
            raise TrainingError("the disk is full")
    with processes.together():
        pass
    return {"values": values, "said": refused.value.message}


def everything() -> dict[str, Any]:
    return {
        "layers": {name: train_layer(name) for name in LAYERS},
        "norms": train_norms(),
        "cells": see_cells(),
        "told": follow_and_fail() if Processes.join().count > 1 else {},
    }


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return everything()


@pytest.fixture(scope="module", params=[2, 3])
def several(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return run_together(request.param, tmp_path_factory.mktemp("group") / "it", everything)


@pytest.mark.parametrize("name", LAYERS)
def test_several_processes_learn_the_centres_that_one_learns(
    alone: dict[str, Any], several: list[dict[str, Any]], name: str
) -> None:
    one, many = alone["layers"][name], [result["layers"][name] for result in several]
    for result in many:
        assert torch.allclose(result["losses"], one["losses"], rtol=1e-5)
    for step in range(STEPS):
        gradient = torch.cat([result["gradients"][step] for result in many])
        assert torch.allclose(gradient, one["gradients"][step], atol=1e-5)
    for table, values in one["tables"].items():
        found = torch.cat([result["tables"][table] for result in many])
        assert torch.allclose(found, values, atol=1e-5), table


def test_no_process_holds_what_another_holds(several: list[dict[str, Any]]) -> None:
    sizes = [len(result["layers"]["adamw"]["tables"]["centres"]) for result in several]
    assert sum(sizes) == CLASSES
    assert max(sizes) - min(sizes) <= 1


def test_batch_norms_see_the_batch_of_all_processes(
    alone: dict[str, Any], several: list[dict[str, Any]]
) -> None:
    one, many = alone["norms"], [result["norms"] for result in several]
    for number, whole in enumerate(one["parts"]):
        assert torch.allclose(torch.cat([result["parts"][number] for result in many]), whole, atol=1e-4)
    for result in many:
        assert result["shared"].keys() == one["shared"].keys()
        for name, value in one["shared"].items():
            assert torch.allclose(result["shared"][name], value, atol=1e-4), name
        assert torch.allclose(result["evaluated"], one["evaluated"], atol=1e-5)


def test_a_trunk_with_norms_sees_its_share_of_the_batch_at_once(
    alone: dict[str, Any], several: list[dict[str, Any]]
) -> None:
    assert alone["cells"].min() == 0
    assert torch.allclose(torch.cat([result["cells"] for result in several]), alone["cells"], atol=1e-5)


def test_all_take_the_first_one_s_values_and_hear_of_another_s_error(several: list[dict[str, Any]]) -> None:
    assert not any(result["told"]["values"].any() for result in several)
    said = [result["told"]["said"] for result in several]
    assert said[1] == "the disk is full"
    others = said[:1] + said[2:]
    assert set(others) == {f"Process 1 of {len(several)} cannot go on: it says why."}


def test_without_a_group_there_is_one_process_that_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    processes = Processes.join()
    assert processes == Processes(0, 1)
    assert processes.block(5) == range(5)
    with pytest.raises(TrainingError, match="as it was"), processes.together():
        raise TrainingError("as it was")


@pytest.mark.parametrize(
    ("gpu", "built", "backends"),
    [
        (True, True, "cpu:gloo,cuda:nccl"),
        (True, False, "gloo"),
        (False, True, "gloo"),
        (False, False, "gloo"),
    ],
)
def test_a_group_has_nccl_where_there_is_a_gpu_and_gloo_always(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, built: bool, backends: str
) -> None:
    """Which are asked for, no more: what NCCL then does has not been tried, for want of a GPU."""
    asked: list[str] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(dist, "is_nccl_available", lambda: built)
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **_: asked.append(backend))
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    assert Processes.join() == Processes(1, 2)
    assert asked == [backends]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("total", [0, 1, 6, 23])
def test_blocks_follow_one_another_and_are_as_even_as_can_be(count: int, total: int) -> None:
    blocks = [Processes(rank, count).block(total) for rank in range(count)]
    assert [number for block in blocks for number in block] == list(range(total))
    assert max(map(len, blocks)) - min(map(len, blocks)) <= 1
