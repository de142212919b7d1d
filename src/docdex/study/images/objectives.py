"""Make what a row of the study learns by: centres of all classes, or pairs of views within a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from docdex.study.images.config import CENTRED, SELF_SUPERVISED
from docdex.study.losses import make_loss
from docdex.training.class_layer import build_class_layer
from docdex.training.initial import start_centres
from docdex.training.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from docdex.study.images.config import RowConfig
    from docdex.training.classes import ClassTable
    from docdex.training.config import TrainConfig
    from docdex.training.network import EmbeddingNetwork
    from docdex.training.partial_fc import PartialFC

_PROJECTED = 128


class Objective(nn.Module):
    """What vectors are judged by; its parameters learn with the network, and what else it keeps by `step`."""

    def forward(self, vectors: Tensor, labels: Tensor, rng: np.random.Generator) -> Tensor:
        """The loss, a scalar. vectors: (B, D) of unit length. labels: (B,) int64. rng: for what is drawn."""
        raise NotImplementedError

    def step(self, rate: float) -> None:
        """After `backward`: let learn what has no gradient of its own, at this rate."""

    @property
    def megabytes(self) -> float:
        """Memory that it keeps between steps, without what AdamW remembers of its parameters."""
        return sum(p.numel() * p.element_size() for p in self.parameters()) / 1e6


class ToCentres(Objective):
    """A margin loss over sampled class centres: what docdex trains by."""

    def __init__(self, layer: PartialFC) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, vectors: Tensor, labels: Tensor, rng: np.random.Generator) -> Tensor:
        """Cross-entropy against the centres that take part."""
        return self.layer.loss(vectors, labels, rng)

    def step(self, rate: float) -> None:
        """Let the centres that took part learn."""
        self.layer.step(rate)

    @property
    def megabytes(self) -> float:
        """Of the centres and what their optimiser remembers."""
        return sum(table.numel() * table.element_size() for table in self.layer.tables.values()) / 1e6


class AmongThemselves(Objective):
    """A loss of the study: it compares the vectors of a batch, or owns a layer that learns as they do."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, vectors: Tensor, labels: Tensor, rng: np.random.Generator) -> Tensor:
        """The loss of the batch."""
        return cast("Tensor", self.loss(vectors, labels))


class SimCLR(Objective):
    """Self-supervised contrast (SimCLR, arXiv 2002.05709): which views are of one picture, and no label.

    A projection of two layers stands between the vector and the loss, and is thrown away: without it the
    vector would have to forget whatever differs between two views. views: of each picture, beside each other.
    temperature: 0.1 served the paper best.
    """

    def __init__(self, dimension: int, views: int, temperature: float = 0.1) -> None:
        super().__init__()
        self.views = views
        self.projection = nn.Sequential(
            nn.Linear(dimension, dimension, bias=False),
            nn.BatchNorm1d(dimension),
            nn.ReLU(),
            nn.Linear(dimension, min(_PROJECTED, dimension), bias=False),
        )
        # With two views a class the two losses are one (tests/study/test_losses.py).
        self.loss = make_loss("supervised-contrastive", 1, dimension, temperature=temperature)

    def forward(self, vectors: Tensor, labels: Tensor, rng: np.random.Generator) -> Tensor:
        """NT-Xent of the projections; the labels are not looked at."""
        pictures = torch.arange(len(vectors)) // self.views
        return cast("Tensor", self.loss(self.projection(vectors), pictures))


def build_objective(
    row: RowConfig,
    config: TrainConfig,
    table: ClassTable,
    network: EmbeddingNetwork,
    *,
    scratch: Path,
    say: Callable[[str], None],
) -> Objective:
    """What a row learns by, ready for its first step.

    network: as it starts, for centres that start where it puts their pages. scratch: folder for tables that
    would not fit into memory.
    """
    if row.loss in CENTRED:
        layer = build_class_layer(config, len(table), Processes(), scratch)
        start_centres(layer, config, table, network, say=say)
        return ToCentres(layer)
    if row.loss == SELF_SUPERVISED:
        return SimCLR(config.model.dimension, row.views, **row.settings)
    return AmongThemselves(make_loss(row.loss, len(table), config.model.dimension, **row.settings))
