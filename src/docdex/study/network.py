"""The published model: the mean of a text's word vectors, and one linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from docdex.study.losses import CentreLayer, LinearLayer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from docdex.study.config import ModelConfig
    from docdex.study.corpus import Texts, Vocabulary

_AT_ONCE = 4096
"""Texts embedded at a time: their words are looked up in a few MB."""


class TextNetwork(nn.Module):
    """Word vectors (V, D), averaged, and what the loss brings along.

    loss: what the vectors are trained by; one with a layer of classes classifies, and that layer is the
    network's linear one. Otherwise the network has its own, D to D. All weights start uniformly between plus
    and minus `config.span`, biases at zero, as published; class centres of unit length as their loss says.
    The word vectors are drawn first: with one seed they are the same whatever the loss.
    """

    def __init__(self, config: ModelConfig, words: int, seed: int) -> None:
        super().__init__()
        self.config = config
        self._generator = torch.Generator().manual_seed(seed)
        self.bag = nn.EmbeddingBag(words, config.dimension, mode="mean", sparse=True)
        self.linear: nn.Linear | None = None
        self.loss: nn.Module | None = None
        self._draw(self.bag.weight)

    def learn_by(self, loss: nn.Module) -> None:
        """Take a loss, and the linear layer that goes with it."""
        self.loss = loss
        if isinstance(loss, LinearLayer):
            self._start(loss.linear)
        elif not isinstance(loss, CentreLayer):
            self.linear = nn.Linear(self.config.dimension, self.config.dimension)
            self._start(self.linear)

    def forward(self, words: Tensor, starts: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch, a scalar. words: (T,) int64; starts: (B,) int64, of texts; labels: (B,)."""
        assert self.loss is not None
        vectors = self.bag(words, starts)
        loss: Tensor = self.loss(vectors if self.linear is None else self.linear(vectors), labels)
        return loss

    def embedding(self, words: Tensor, starts: Tensor) -> Tensor:
        """What is taken for the texts' embedding, (B, E), of any length."""
        vectors: Tensor = self.bag(words, starts)
        layer: nn.Module | None = self.linear if self.config.metric == "linear" else None
        if self.config.classifier == "linear" and isinstance(self.loss, LinearLayer):
            layer = self.loss.linear
        if layer is not None:
            vectors = layer(vectors)
        return vectors

    def classify(self, vectors: Tensor) -> Tensor | None:
        """Class numbers (B,) by the layer of classes, of bag vectors (B, D); None without such a layer."""
        if isinstance(self.loss, LinearLayer):
            scores: Tensor = self.loss.linear(vectors)
        elif isinstance(self.loss, CentreLayer):
            scores = F.normalize(vectors) @ F.normalize(self.loss.centres).T
        else:
            return None
        return scores.argmax(dim=1)

    @torch.no_grad()
    def embed(self, texts: Texts, vocabulary: Vocabulary) -> NDArray[np.float32]:
        """Vectors of unit length (N, E) float32."""
        found = [F.normalize(self.embedding(*part)) for part in parts(texts, vocabulary)]
        return torch.cat(found).numpy() if found else np.empty((0, self.config.dimension), np.float32)

    @torch.no_grad()
    def predict(self, texts: Texts, vocabulary: Vocabulary) -> NDArray[np.int64] | None:
        """Class numbers (N,) by the layer of classes; None without one."""
        found = [self.classify(self.bag(*part)) for part in parts(texts, vocabulary)]
        known = [part for part in found if part is not None]
        return torch.cat(known).numpy() if known else None

    def _start(self, layer: nn.Linear) -> None:
        self._draw(layer.weight)
        nn.init.zeros_(layer.bias)

    def _draw(self, weight: Tensor) -> None:
        span = self.config.span
        nn.init.uniform_(weight, -span, span, generator=self._generator)


def parts(texts: Texts, vocabulary: Vocabulary) -> list[tuple[Tensor, Tensor]]:
    """Words (T,) int64 and starts (B,) int64 of the texts, some thousand of them at a time."""
    starts = np.concatenate([[0], texts.ends])
    numbers = vocabulary(texts)
    found = []
    for first in range(0, len(texts), _AT_ONCE):
        bounds = starts[first : first + _AT_ONCE + 1]
        words = torch.from_numpy(numbers[bounds[0] : bounds[-1]])
        found.append((words, torch.from_numpy(bounds[:-1] - bounds[0])))
    return found
