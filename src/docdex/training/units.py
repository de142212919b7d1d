"""What trunks are cut from: modules in a row, each with its stride, whatever family they are of."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from docdex.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

PACKAGE = "package"
"""Weights that come with an installed package."""
RANDOM = "random"
"""No weights: everything is to be learned."""
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of ImageNet's channels, red, green, blue, of pixels in 0 to 1."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A module that is frozen or learns as a whole, and how many times smaller its map is than its input."""

    module: nn.Module
    stride: int


class Renormalise(nn.Module):
    """Images in [-1, 1] to the scale that other networks were trained on. mean, std: of pixels in 0 to 1.

    A layer of its own, since a convolution that pads with zeros cannot take it in exactly.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        deviation = torch.tensor(std)[:, None, None]
        # Not persistent: they are part of the architecture and no weights.
        self.register_buffer("scale", 0.5 / deviation, persistent=False)
        self.register_buffer("shift", (0.5 - torch.tensor(mean)[:, None, None]) / deviation, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) to the same shape."""
        return images * self.scale + self.shift


def load_package(name: str, needed_by: str) -> Any:
    """An optional package, imported. Raises MissingExtra that names it and what needs it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"{needed_by} needs more packages ({error}): pip install 'docdex[train]', and {name} itself "
            f"where the extra does not bring it."
        ) from error
