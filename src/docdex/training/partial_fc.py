"""Hold the class centres and train against a share of them a step (PartialFC, arXiv 2203.15565).

With one class an image, the layer of class centres outgrows the network. All centres of the batch's own
classes are used in every step, and of the others a random share: the gradient stays a good estimate, and a
step's cost stops growing with the number of classes. Only the rows that took part are updated, by plain
gradient descent: an adaptive rate would blow the faint gradients of negatives up to full steps, and carry a
centre away before its own class comes by.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from docdex.training.margins import cosface


class PartialFC:
    """The centres of C classes, (C, D) float32 of unit length. Not a Module: its update is its own.

    centres: (C, D), of any length. scale, margin: of the loss. sampled: share of all centres that take part
    in a step, in (0, 1]; the batch's own always do.
    """

    def __init__(self, centres: Tensor, *, sampled: float, scale: float, margin: float) -> None:
        self.centres = F.normalize(centres.float())
        self.sampled, self.scale, self.margin = sampled, scale, margin
        self._active: tuple[Tensor, Tensor] | None = None

    def choose(self, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows that take part, (R,) int64 sorted, and each label's position among them, (N,) int64.

        labels: (N,) int64 class numbers.
        """
        count = max(int(len(self.centres) * self.sampled), 1)
        if count >= len(self.centres):
            return torch.arange(len(self.centres)), labels
        # Positives get the largest keys, so topk keeps all of them and fills up with random others.
        keys = torch.rand(len(self.centres), generator=generator)
        positives = torch.unique(labels)
        keys[positives] = 2.0
        rows = keys.topk(max(count, len(positives))).indices.sort().values
        return rows, torch.searchsorted(rows, labels)

    def loss(self, vectors: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Mean CosFace cross-entropy of unit vectors (N, D) against the chosen centres, as a scalar.

        labels: (N,) int64 class numbers. Call `step` after its `backward`.
        """
        rows, targets = self.choose(labels, generator)
        active = self.centres[rows].requires_grad_(True)
        self._active = (rows, active)
        logits = cosface(vectors @ F.normalize(active).T, targets, scale=self.scale, margin=self.margin)
        return F.cross_entropy(logits, targets)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Gradient descent on the rows of the last `loss`, then unit length: only their direction counts.

        Raises RuntimeError when there is no gradient: `loss` and its `backward` come first.
        """
        if self._active is None or (gradient := self._active[1].grad) is None:
            raise RuntimeError("step() needs a loss() and its backward() first.")
        rows, active = self._active
        self.centres[rows] = F.normalize(active - rate * gradient)
        self._active = None
