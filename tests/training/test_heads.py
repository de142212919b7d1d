from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs the extra train")

import torch
from torch import nn

from docdex.training.heads import AreaPool, Head, Kind, Norm, resize_head

CHANNELS = 24


def head_of(grid: int, kind: Kind = "squeeze", norm: Norm = "both") -> Head:
    return Head(CHANNELS, grid, kind=kind, squeeze=8, cells=2, dimension=16, norm=norm)


def trunk_maps(count: int, grid: int) -> torch.Tensor:
    """Maps whose channels and cells differ in strength, so that their principal components do too."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(count, CHANNELS, grid, grid)) * np.geomspace(1, 0.05, CHANNELS)[:, None, None]
    return torch.from_numpy(
        (maps * rng.uniform(0.5, 2, (grid, grid)) + rng.normal(size=(grid, grid))).astype(np.float32)
    )


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
    head = head_of(4)
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
    head = head_of(4)
    head.start_from(trunk_maps(10, 4))
    assert head.first.weight[:9].abs().sum(dim=1).min() > 0
    assert not head.first.weight[10:].any()


@pytest.mark.parametrize("count", [15, 16, 17])
def test_pages_about_their_mean_have_one_direction_less_and_noise_is_not_blown_up(count: int) -> None:
    cells = trunk_maps(count, 4)
    head = head_of(4)
    head.start_from(cells)
    with torch.no_grad():
        spread = head.first(head.squeeze(nn.functional.normalize(cells, dim=1)).flatten(1)).std(dim=0)
    assert spread.max() < 3
    assert int((spread > 0).sum()) == min(count - 1, 16)


def test_the_head_sees_directions_of_cells_and_not_their_length() -> None:
    head = head_of(4).eval()
    cells = trunk_maps(6, 4)
    with torch.no_grad():
        assert torch.allclose(head(cells), head(cells * 7.5), atol=1e-5)


def test_the_batch_norms_start_with_the_statistics_of_what_the_head_is_shown() -> None:
    head, cells = head_of(4), trunk_maps(60, 4)
    momenta = [m.momentum for m in head.modules() if isinstance(m, nn.BatchNorm1d)]
    head.start_from(cells)
    head.eval()
    with torch.no_grad():
        hidden = head.first_norm(head.first(head.squeeze(nn.functional.normalize(cells, dim=1)).flatten(1)))
    assert hidden.mean(dim=0).abs().max() < 1e-3
    assert torch.allclose(hidden.std(dim=0), torch.ones(16), atol=0.02)
    assert [m.momentum for m in head.modules() if isinstance(m, nn.BatchNorm1d)] == momenta


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
    state = nn.ModuleDict({"head": head_of(4)}).state_dict()
    kept = {name: value.clone() for name, value in state.items()}
    same, other = resize_head(state, 4, 4), resize_head(state, 4, 6)
    assert torch.allclose(same["head.first.weight"], kept["head.first.weight"], atol=1e-6)
    assert all(torch.equal(state[name], kept[name]) for name in kept)
    assert {name for name in kept if other[name] is not state[name]} == {"head.first.weight"}
    head_of(6).load_state_dict({name.removeprefix("head."): value for name, value in other.items()})


KINDS: tuple[Kind, ...] = ("flatten", "squeeze", "cells", "average")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", ["layer", "batch", "both"])
def test_every_head_starts_as_an_embedding_that_tells_pages_apart(kind: Kind, norm: Norm) -> None:
    torch.manual_seed(0)
    head, cells = head_of(6, kind, norm), trunk_maps(60, 6)
    head.start_from(cells)
    with torch.no_grad():
        vectors = head.eval()(cells)
    assert vectors.shape == (60, 16)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(60), atol=1e-5)
    similarities = vectors @ vectors.T - torch.eye(60)
    assert float(similarities.max()) < 0.999
    assert abs(float(similarities.mean())) < 0.2


@pytest.mark.parametrize(("kind", "kept"), [("flatten", 24 * 36), ("squeeze", 8 * 36), ("cells", 8 * 4)])
def test_a_head_keeps_as_much_of_the_grid_as_its_kind_says(kind: Kind, kept: int) -> None:
    assert head_of(6, kind).first.in_features == kept


def test_the_average_head_does_not_see_where_something_stands_and_the_others_do() -> None:
    torch.manual_seed(0)
    cells = trunk_maps(3, 6)
    for kind in KINDS:
        head = head_of(6, kind).eval()
        with torch.no_grad():
            same = torch.allclose(head(cells), head(cells.flip(3)), atol=1e-5)
        assert same == (kind == "average")


@pytest.mark.parametrize(("norm", "layers"), [("layer", 1), ("batch", 1), ("both", 2)])
def test_norms_are_those_asked_for(norm: Norm, layers: int) -> None:
    kinds = {type(part) for part in head_of(4, norm=norm).first_norm}
    assert len(kinds) == layers
    assert (nn.LayerNorm in kinds) == (norm != "batch")
    assert (nn.BatchNorm1d in kinds) == (norm != "layer")


def test_pooling_by_area_is_the_mean_where_cells_fit_and_by_share_where_they_do_not() -> None:
    maps = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(AreaPool(6, 2)(maps), nn.functional.avg_pool2d(maps, 3), atol=1e-6)
    line = torch.tensor([[1.0, 2.0, 6.0]]).expand(3, 3)[None, None]
    # The middle cell counts half to each side: (1 + 2 / 2) / 1.5 and (2 / 2 + 6) / 1.5.
    assert torch.allclose(AreaPool(3, 2)(line)[0, 0, 0], torch.tensor([4 / 3, 14 / 3]))


@pytest.mark.parametrize(("old", "new"), [(9, 4), (8, 8), (5, 3)])
def test_pooling_keeps_the_mean(old: int, new: int) -> None:
    maps = torch.rand(1, 2, old, old, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(AreaPool(old, new)(maps).mean(), maps.mean(), atol=1e-6)
