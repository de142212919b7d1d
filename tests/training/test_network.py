from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import onnxruntime
import torch
from torch import nn

from docdex.errors import InvalidSetting
from docdex.training.config import ModelConfig
from docdex.training.export import largest_difference, to_onnx
from docdex.training.network import EmbeddingNetwork, JoinedNetworks

SIDE = 64
SMALL = ModelConfig(side=SIDE, squeeze=8, dimension=32)


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def network() -> EmbeddingNetwork:
    """A network as training leaves it: nothing at its start, batch norms that have seen something."""
    torch.manual_seed(0)
    network = EmbeddingNetwork.build(SMALL)
    network.train()
    for seed in range(3):
        network(images(8, seed))
    return network.eval()


def test_a_vector_has_the_dimension_and_unit_length(network: EmbeddingNetwork) -> None:
    with torch.no_grad():
        vectors = network(images(5))
    assert vectors.shape == (5, 32)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(5), atol=1e-5)


def test_the_two_halves_are_the_whole(network: EmbeddingNetwork) -> None:
    with torch.no_grad():
        maps = network.lower(images(3))
        assert maps.shape == (3, 40, SIDE // 8, SIDE // 8)
        assert network.upper(maps).shape == (3, network.channels, SIDE // 16, SIDE // 16)
        assert torch.allclose(network.embed_maps(maps), network(images(3)), atol=1e-5)


def test_the_grid_is_kept_so_moving_content_changes_the_vector(network: EmbeddingNetwork) -> None:
    picture = -torch.ones(1, 3, SIDE, SIDE)
    moved = picture.clone()
    picture[..., :24, :24] = images(1)[..., :24, :24]
    moved[..., -24:, -24:] = images(1)[..., :24, :24]
    with torch.no_grad():
        assert float((network(picture) * network(moved)).sum()) < 0.99


@pytest.mark.parametrize("count", [1, 3, 8])
def test_onnx_runtime_gives_the_vectors_of_pytorch(network: EmbeddingNetwork, count: int) -> None:
    batch = images(count, seed=count)
    session = onnxruntime.InferenceSession(
        to_onnx(network, SIDE, "vectors"), providers=["CPUExecutionProvider"]
    )
    (vectors,) = session.run(["vectors"], {"images": batch.numpy()})
    with torch.no_grad():
        assert np.abs(vectors - network(batch).numpy()).max() < 1e-4
    assert vectors.shape == (count, 32)


def test_the_same_network_is_exported_as_the_same_bytes(network: EmbeddingNetwork) -> None:
    assert to_onnx(network, SIDE, "vectors") == to_onnx(network, SIDE, "vectors")


def test_a_difference_between_the_two_is_seen(network: EmbeddingNetwork) -> None:
    model = to_onnx(network.lower, SIDE, "maps")
    batch = images(2).numpy()
    assert largest_difference(network.lower, model, [batch]) < 1e-3
    with torch.no_grad():
        other = nn.Sequential(network.lower, nn.Hardtanh(-0.1, 0.1))
    assert largest_difference(other, model, [batch]) > 0.1


def test_many_pages_give_the_vectors_and_gradients_that_they_give_alone() -> None:
    network = EmbeddingNetwork.build(SMALL).eval()
    maps = torch.randn(35, 40, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(network.embed_maps(maps), network.head(network.upper(maps)), atol=1e-5)
    weight = network.head.squeeze.weight
    gradients = [
        torch.autograd.grad(vectors[:, 0].sum(), weight)[0]
        for vectors in (network.embed_maps(maps), network.head(network.upper(maps)))
    ]
    assert torch.allclose(*gradients, rtol=1e-3, atol=1e-5)


def test_a_squeeze_to_more_channels_than_there_are_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"model\.squeeze is 113; the trunk lite0 has 112"):
        EmbeddingNetwork.build(ModelConfig(side=SIDE, squeeze=113))


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(side=SIDE, head="flatten", dimension=32),
        ModelConfig(side=96, head="cells", squeeze=8, cells=4, norm="layer", dimension=32),
        ModelConfig(side=SIDE, head="average", norm="batch", dimension=32, frozen_stride=16),
        ModelConfig(side=SIDE, trunk="dense", frozen_stride=1, squeeze=8, dimension=32),
    ],
    ids=lambda model: f"{model.trunk}-{model.head}-{model.norm}",
)
def test_every_head_and_trunk_leaves_as_the_same_network(model: ModelConfig) -> None:
    torch.manual_seed(0)
    network = EmbeddingNetwork.build(model).train()
    batch = np.random.default_rng(0).uniform(-1, 1, (8, 3, model.side, model.side)).astype(np.float32)
    network(torch.from_numpy(batch))
    assert largest_difference(network.eval(), to_onnx(network, model.side, "vectors"), [batch]) < 1e-4


def test_joined_networks_give_the_mean_of_their_cosines_and_see_images_of_their_own_side() -> None:
    members = []
    for seed, side in ((0, 64), (1, 48)):
        torch.manual_seed(seed)
        network = EmbeddingNetwork.build(ModelConfig(side=side, squeeze=8, dimension=16 * (seed + 1)))
        with torch.no_grad():
            network.head.start_from(network.upper(network.lower(torch.randn(48, 3, side, side))))
        members.append((network.eval(), side))
    joined = JoinedNetworks(members).eval()
    pictures = torch.randn(5, 3, 64, 64)
    with torch.no_grad():
        vectors = joined(pictures)
        smaller = torch.nn.functional.interpolate(pictures, size=(48, 48), mode="bilinear")
        parts = members[0][0](pictures), members[1][0](smaller)
    assert vectors.shape == (5, 48)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(5), atol=1e-5)
    expected = (parts[0] @ parts[0].T + parts[1] @ parts[1].T) / 2
    assert torch.allclose(vectors @ vectors.T, expected, atol=1e-5)
    assert largest_difference(joined, to_onnx(joined, 64, "vectors"), [pictures.numpy()]) < 1e-4
