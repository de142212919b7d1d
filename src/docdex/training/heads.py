"""From a trunk's grid of cells to a vector: what is kept of the grid, and how the vector is normed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["flatten", "squeeze", "cells", "average"]
Norm = Literal["layer", "batch", "both"]
GRID_KINDS = ("flatten", "squeeze")
"""Heads whose first layer has weights for each cell of the trunk's grid: they depend on the input's side."""
_MOMENTUM = 0.05
"""How much of a batch norm's statistics is renewed a step."""


class Head(nn.Module):
    """Unit length a cell, the grid as `kind` keeps it, then Linear and norm twice, unit length.

    Input (N, channels, grid, grid), output (N, dimension) float32. kind: `flatten` keeps the grid as it is,
    `squeeze` keeps `squeeze` channels of each cell, `cells` the same and pools the grid to cells x cells,
    `average` the mean of all cells. norm: `layer` norm, `batch` norm, or both in this order.
    """

    def __init__(
        self,
        channels: int,
        grid: int,
        *,
        kind: Kind = "squeeze",
        squeeze: int = 32,
        cells: int = 4,
        dimension: int = 256,
        norm: Norm = "both",
    ) -> None:
        super().__init__()
        squeezed = kind in {"squeeze", "cells"}
        kept = squeeze if squeezed else channels
        side = {"cells": cells, "average": 1}.get(kind, grid)
        self.squeeze = nn.Conv2d(channels, squeeze, 1) if squeezed else nn.Identity()
        self.pool = nn.Identity() if side == grid else AreaPool(grid, side)
        self.first = nn.Linear(kept * side * side, dimension)
        self.first_norm = _norms(norm, dimension)
        self.second = nn.Linear(dimension, dimension)
        self.second_norm = _norms(norm, dimension)

    def forward(self, cells: Tensor) -> Tensor:
        """Unit vectors (N, dimension) of trunk maps (N, channels, grid, grid)."""
        hidden = self.first_norm(self.first(self._flat(F.normalize(cells, dim=1))))
        return F.normalize(self.second_norm(self.second(hidden)))

    def _flat(self, unit: Tensor) -> Tensor:
        """What the first layer sees, (N, F), of cells of unit length."""
        flat: Tensor = self.pool(self.squeeze(unit)).flatten(1)
        return flat

    @torch.no_grad()
    def start_from(self, cells: Tensor) -> None:
        """Start as the half-whitened PCA of these trunk maps: an embedding nobody trained.

        cells: (N, channels, grid, grid). The squeeze keeps the channels' leading directions, the first layer
        the grid's; the second is the identity. The batch norms take their statistics from the same maps.
        Leaves the head in training mode.
        """
        unit = F.normalize(cells.float(), dim=1)
        if isinstance(self.squeeze, nn.Conv2d):
            _start_squeeze(self.squeeze, unit)
        flat = self._flat(unit)
        centre = flat.mean(0)
        variances, directions = _principal(flat - centre, self.first.out_features)
        variances = variances.clamp_min(1e-12)
        # Each direction by the fourth root of its variance: between raw PCA and full whitening.
        weights = directions / variances.pow(0.25)[:, None]
        self.first.weight.zero_()
        self.first.weight[: len(weights)].copy_(weights)
        self.first.bias.copy_(-self.first.weight @ centre)
        self.second.weight.copy_(torch.eye(self.first.out_features))
        self.second.bias.zero_()
        norms = [module for module in self.modules() if isinstance(module, nn.BatchNorm1d)]
        for norm in norms:
            norm.momentum = None  # the plain average
        self.train()(cells)
        for norm in norms:
            norm.momentum = _MOMENTUM


class AreaPool(nn.Module):
    """Average a grid to a coarser one by area, (N, C, old, old) to (N, C, new, new).

    Where new does not divide old, a cell between two new ones counts to both by its share: what adaptive
    pooling gives overlaps instead, and cannot be exported.
    """

    weights: Tensor

    def __init__(self, old: int, new: int) -> None:
        super().__init__()
        edges = torch.arange(new + 1, dtype=torch.float64) * old / new
        left = torch.arange(old, dtype=torch.float64)
        overlap = torch.minimum(edges[1:, None], left + 1) - torch.maximum(edges[:-1, None], left)
        weights = (overlap.clamp_min(0) * new / old).float()
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Means over the new cells."""
        return self.weights @ maps @ self.weights.T


def resize_head(state: Mapping[str, Tensor], old_grid: int, new_grid: int) -> dict[str, Tensor]:
    """A network's weights for an input of another side: only the head's first layer knows the grid.

    Its weights over the old_grid x old_grid cells are interpolated (bilinear) to new_grid x new_grid, and
    scaled so that the same picture, seen in more or fewer cells, gives sums of the same size: the norms
    behind them go on as they were. state: of an `EmbeddingNetwork` with a head of `GRID_KINDS`, not changed;
    all its other tensors are shared.
    """
    name = "head.first.weight"
    weight = state[name]
    kernels = weight.reshape(len(weight), -1, old_grid, old_grid)
    # Fewer cells must see all of the old ones, not every second: hence antialias.
    resized = F.interpolate(kernels, size=(new_grid, new_grid), mode="bilinear", antialias=True)
    return {**state, name: (resized * (old_grid / new_grid) ** 2).flatten(1)}


def _norms(norm: Norm, dimension: int) -> nn.Sequential:
    norms: list[nn.Module] = []
    if norm != "batch":
        norms.append(nn.LayerNorm(dimension))
    if norm != "layer":
        norms.append(nn.BatchNorm1d(dimension, momentum=_MOMENTUM))
    return nn.Sequential(*norms)


def _start_squeeze(squeeze: nn.Conv2d, unit: Tensor) -> None:
    """The leading principal components of the cells' channels, about their mean."""
    pixels = unit.permute(0, 2, 3, 1).reshape(-1, unit.shape[1])
    mean = pixels.mean(0)
    _, vectors = torch.linalg.eigh((pixels - mean).T @ (pixels - mean))
    basis = vectors.flip(1)[:, : squeeze.out_channels].T
    squeeze.weight.copy_(basis[:, :, None, None])
    squeeze.bias.copy_(-basis @ mean)  # type: ignore[union-attr]


def _principal(centred: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Variances (K,) of the leading principal directions, largest first, and these, (K, F), of unit length.

    centred: (N, F) with a mean of zero. K is count, or less where N - 1 or F is: N rows about their mean
    have no more directions, and what comes after them is noise to be blown up. By the smaller of the two
    products of `centred` with itself: views are fewer than a grid's numbers, and a decomposition of all of
    it takes four times as long and more.
    """
    count = min(count, len(centred) - 1)
    wide = centred.shape[1] > centred.shape[0]
    # Squares of strengths: float32 would lose the weak directions.
    product = (centred @ centred.T if wide else centred.T @ centred).double()
    squares, vectors = torch.linalg.eigh(product)
    leading = vectors.flip(1)[:, :count].T.to(centred.dtype)
    directions = F.normalize(leading @ centred) if wide else leading
    return (squares.flip(0)[:count] / len(centred)).to(centred.dtype), directions
