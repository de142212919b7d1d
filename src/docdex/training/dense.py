"""A trunk of plain 3x3 convolutions, which train faster than depthwise ones where the processor likes them.

Of the RepVGG kind (arXiv 2101.03697): while training, each 3x3 convolution has a 1x1 and an identity beside
it, each with its own batch norm; for inference the three are folded into one plain convolution that computes
the same. How much faster it trains depends on the processor; `docs/experiments.md` holds a comparison.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANNELS = 112
"""As many as EfficientNet-Lite0 has, whose maps it learns first."""
_WIDTHS_AND_STRIDES = ((32, 2), (48, 2), (48, 1), (96, 2), (96, 1), (96, 1), (192, 2), (192, 1))


class BranchedConvolution(nn.Module):
    """3x3, 1x1 and, where shapes allow, identity, each with a batch norm, summed: maps to maps.

    No bias and no activation; `folded()` is the one convolution that gives the same in evaluation mode.
    """

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.square = nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False)
        self.square_norm = nn.BatchNorm2d(outside)
        self.point = nn.Conv2d(inside, outside, 1, bias=False)
        self.point_norm = nn.BatchNorm2d(outside)
        self.same_norm = nn.BatchNorm2d(outside) if inside == outside and stride == 1 else None

    def forward(self, maps: Tensor) -> Tensor:
        """Sum of the branches, (N, outside, H / stride, W / stride)."""
        # Not a strided convolution of one pixel: with three channels in, last in memory, its backward pass
        # writes where it must not on some processors (torch 2.13).
        stride = self.square.stride[0]
        chosen = maps[..., ::stride, ::stride].contiguous(memory_format=torch.channels_last)
        total: Tensor = self.square_norm(self.square(maps)) + self.point_norm(self.point(chosen))
        return total if self.same_norm is None else total + self.same_norm(maps)

    @torch.no_grad()
    def folded(self) -> nn.Conv2d:
        """One 3x3 convolution with bias that gives what the branches give in evaluation mode."""
        square = self.square
        # In float64: the rounding of three sums would show where maps are large.
        kernel = torch.zeros_like(square.weight, dtype=torch.float64)
        bias = torch.zeros(square.out_channels, dtype=torch.float64)
        for branch, norm in self._branches():
            scale = norm.weight.double() / (_statistic(norm.running_var) + norm.eps).sqrt()
            kernel += branch * scale[:, None, None, None]
            bias += norm.bias.double() - _statistic(norm.running_mean) * scale
        plain = nn.Conv2d(square.in_channels, square.out_channels, 3, square.stride[0], padding=1)
        plain.load_state_dict({"weight": kernel.float(), "bias": bias.float()})
        return plain

    def _branches(self) -> Iterator[tuple[Tensor, nn.BatchNorm2d]]:
        """Each branch as a 3x3 kernel in float64, with its norm."""
        yield self.square.weight.double(), self.square_norm
        yield F.pad(self.point.weight.double(), (1, 1, 1, 1)), self.point_norm
        if self.same_norm is not None:
            identity = torch.zeros_like(self.square.weight, dtype=torch.float64)
            identity[:, :, 1, 1] = torch.eye(len(identity))
            yield identity, self.same_norm


def _statistic(value: Tensor | None) -> Tensor:
    if value is None:
        raise ValueError("a batch norm without statistics cannot be folded.")
    return value.double()


class DenseTrunk(nn.Sequential):
    """Images (N, 3, S, S) to maps (N, 112, S / 16, S / 16): eight branched convolutions and a 1x1."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        before = 3
        for width, stride in _WIDTHS_AND_STRIDES:
            layers += [BranchedConvolution(before, width, stride), nn.ReLU(inplace=True)]
            before = width
        super().__init__(*layers, nn.Conv2d(before, CHANNELS, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Maps (N, 112, S / 16, S / 16) float32; in bfloat16 inside while training."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            maps = images
            for layer in self:
                maps = layer(maps)
        return maps.float()


def fold_branches(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode with every branched convolution folded; the module itself if it has none."""
    if not any(isinstance(part, BranchedConvolution) for part in module.modules()):
        return module.eval()
    copied = copy.deepcopy(module).eval()
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, BranchedConvolution):
                setattr(parent, name, child.folded())
    return copied
