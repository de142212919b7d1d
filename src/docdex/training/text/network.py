"""The model of texts as it learns: what `docdex.text.network` computes, in torch and by the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from docdex.text.network import TextNetwork, places, tempered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docdex.text.features import Features
    from docdex.training.text.config import TextModelConfig

_LEAST_WEIGHT = 0.02
"""A feature never counts for nothing, else a text of such features alone would have no vector."""
_EPSILON = 1e-12


@dataclass(frozen=True)
class Bags:
    """Features of a batch of B texts, one after the other.

    rows: (2, F) int64; slots: (F,) int64, of their weights; counts: (F,) float32, tempered; starts: (B,)
    int64.
    """

    rows: Tensor
    slots: Tensor
    counts: Tensor
    starts: Tensor

    @classmethod
    def gather(cls, found: Sequence[Features], model: TextModelConfig) -> Bags:
        """Of the features of some texts."""
        rows, slots = places(np.concatenate([f.hashes for f in found]), model.rows, model.weights)
        counts = tempered(np.concatenate([f.counts for f in found]))
        starts = np.cumsum([0, *(len(f.hashes) for f in found[:-1])])
        return cls(*(torch.from_numpy(part) for part in (rows, slots, counts, starts)))


class BagNetwork(nn.Module):
    """Features to vectors: hash embeddings (arXiv 1709.03933) summed, LayerNorm, BatchNorm, unit length."""

    def __init__(self, model: TextModelConfig) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(model.rows, model.dimension) / model.dimension**0.5)
        self.weights = nn.Parameter(torch.ones(model.weights, 1))
        self.layer = nn.LayerNorm(model.dimension, eps=_EPSILON)
        self.batch = nn.BatchNorm1d(model.dimension)

    def start_from(self, found: Sequence[Features]) -> None:
        """Weigh features by how few of these texts have them, and the rarest where none has one.

        With rows at random, the vectors are then TF-IDF (Salton and Buckley, 1988) seen through a random
        projection, before anything has been learned.
        """
        slots = places(np.concatenate([f.hashes for f in found]), 1, len(self.weights))[1]
        texts = np.bincount(slots, minlength=len(self.weights))
        inverse = 1 + np.log((1 + len(found)) / (1 + texts).clip(max=1 + len(found)))
        self.weights.data[:, 0] = torch.from_numpy(inverse / inverse.max())

    def forward(self, bags: Bags) -> Tensor:
        """Vectors (B, D) of unit length."""
        amounts = bags.counts * F.embedding(bags.slots, self.weights)[:, 0]
        summed = sum(
            F.embedding_bag(rows, self.table, bags.starts, mode="sum", per_sample_weights=amounts)
            for rows in bags.rows
        )
        return F.normalize(self.batch(self.layer(summed)))

    @torch.no_grad()
    def keep_weights(self) -> None:
        """After a step: no weight may become negative, for which a file has no room."""
        self.weights.clamp_(min=_LEAST_WEIGHT)

    @torch.no_grad()
    def pack(self) -> TextNetwork:
        """The arrays of a model file: rows in 8 bits with a scale each, both norms folded into one."""
        table = self.table.numpy()
        scales = np.maximum(np.abs(table).max(axis=1), np.finfo(np.float32).tiny) / np.float32(127)
        mean, variance = self.batch.running_mean, self.batch.running_var
        assert mean is not None
        assert variance is not None
        factor = self.batch.weight / (variance + self.batch.eps).sqrt()
        return TextNetwork(
            table=np.round(table / scales[:, None]).astype(np.int8),
            scales=scales.astype(np.float32),
            weights=np.ceil(255 * (self.weights[:, 0] / self.weights.max()).numpy()).astype(np.uint8),
            gain=(self.layer.weight * factor).numpy(),
            shift=((self.layer.bias - mean) * factor + self.batch.bias).numpy(),
        )
