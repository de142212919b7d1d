"""The embedding network: a trunk to stride 16, its lower part frozen, and a head that gives the vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from docdex.errors import InvalidSetting
from docdex.training.backbones import STRIDE, build_trunk
from docdex.training.heads import Head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docdex.training.backbones import Trunk
    from docdex.training.config import ModelConfig


_PAGES_AT_ONCE = 16


class EmbeddingNetwork(nn.Module):
    """Images (N, 3, S, S) in [-1, 1] to unit vectors (N, D): `lower` is frozen, `upper` and `head` learn.

    channels: of the trunk's maps.
    """

    def __init__(self, trunk: Trunk, head: Head) -> None:
        super().__init__()
        self.lower, self.upper, self.head = trunk.lower, trunk.upper, head
        self.channels = trunk.channels

    @classmethod
    def build(cls, config: ModelConfig, *, load: bool = True) -> EmbeddingNetwork:
        """A network with its trunk's weights and a head yet to be started.

        load: whether the trunk's weights are read; a network that is given all of its own does without.

        Raises what `build_trunk` raises, and InvalidSetting for a squeeze to more channels than there are.
        """
        trunk = build_trunk(
            config.trunk,
            weights=config.weights,
            frozen_stride=config.frozen_stride,
            learn_depthwise=config.learn_depthwise,
            load=load,
        )
        if config.head in {"squeeze", "cells"} and config.squeeze > trunk.channels:
            raise InvalidSetting(
                f"model.squeeze is {config.squeeze}; the trunk {config.trunk} has {trunk.channels} channels."
            )
        head = Head(
            trunk.channels,
            config.side // STRIDE,
            kind=config.head,
            squeeze=config.squeeze,
            cells=config.cells,
            dimension=config.dimension,
            norm=config.norm,
        )
        return cls(trunk, head)

    def forward(self, images: Tensor) -> Tensor:
        """Unit vectors (N, D)."""
        return cast("Tensor", self.head(self.upper(self.lower(images)).float()))

    def cells(self, maps: Tensor) -> Tensor:
        """The trunk's maps (N, C, S / 16, S / 16), of the lower part's: (N, 40, S / 8, S / 8) of `lite0`.

        A few pages at a time go through the trunk: what lies between its layers then stays in the processor's
        cache, which at 208 px takes half of the time that one large batch would. A trunk with batch norms
        must see the batch whole.
        """
        norms = any(isinstance(module, _BatchNorm) for module in self.upper.modules())
        parts = torch.split(maps, len(maps) if norms else _PAGES_AT_ONCE)
        cells = [self.upper(part.contiguous(memory_format=torch.channels_last)) for part in parts]
        return torch.cat(cells).float()

    def embed_maps(self, maps: Tensor) -> Tensor:
        """Unit vectors of the lower part's maps."""
        return cast("Tensor", self.head(self.cells(maps)))


class JoinedNetworks(nn.Module):
    """Several networks whose vectors stand side by side in one: its cosines are the means of theirs.

    members: each with the side of its input. Images come at the side of the first, and are resized
    (bilinear) for the others.
    """

    def __init__(self, members: Sequence[tuple[EmbeddingNetwork, int]]) -> None:
        super().__init__()
        self.members = nn.ModuleList(network for network, _ in members)
        self.sides = [side for _, side in members]

    def forward(self, images: Tensor) -> Tensor:
        """Unit vectors (N, sum of D)."""
        vectors = []
        for network, side in zip(self.members, self.sides, strict=True):
            fitting = images
            if side != self.sides[0]:
                fitting = F.interpolate(images, size=(side, side), mode="bilinear")
            vectors.append(network(fitting))
        return torch.cat(vectors, dim=1) / float(np.sqrt(len(vectors)))
