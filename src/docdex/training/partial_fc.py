"""Hold the class centres and train against a share of them a step (PartialFC, arXiv 2203.15565).

With one class an image, the layer of class centres outgrows the network. All centres of the batch's own
classes are used in every step, and of the others a random share: the gradient stays a good estimate, and a
step's cost stops growing with the number of classes. With several processes each holds a block of the
centres; vectors travel, centres never do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from docdex.errors import TrainingError
from docdex.training.margins import nearest_subcentres
from docdex.training.optim import RowDescent
from docdex.training.processes import Processes

if TYPE_CHECKING:
    from docdex.training.margins import Softmax
    from docdex.training.optim import RowOptimiser, Taken


class PartialFC:
    """The centres of C classes, and the loss against them. Not a Module: its update is its own.

    centres: this process's block of them, (c, D) or with K sub-centres (c, K, D), float32, near unit length;
    changed in place by `step`. margin: the loss. sampled: how many centres take part in a step, a share of
    all in (0, 1] or a number from 2 up; the batch's own always do. optimiser: `RowDescent` by default.
    classes: C, of all processes; the block's when there is one.
    """

    def __init__(
        self,
        centres: Tensor,
        *,
        margin: Softmax,
        sampled: float,
        optimiser: RowOptimiser | None = None,
        processes: Processes | None = None,
        classes: int | None = None,
    ) -> None:
        self.centres, self.margin, self.processes = centres, margin, processes or Processes()
        self.classes = len(centres) if classes is None else classes
        self.block = self.processes.block(self.classes)
        if len(centres) != len(self.block):
            raise TrainingError(
                f"Process {self.processes.rank} of {self.processes.count} holds {len(self.block)} of "
                f"{self.classes} centres; it was given {len(centres)}."
            )
        self.count = max(int(self.classes * sampled if sampled <= 1 else min(sampled, self.classes)), 1)
        self.optimiser = optimiser or RowDescent()
        self._taken: Taken | None = None

    @property
    def tables(self) -> dict[str, Tensor]:
        """This process's block of all that is kept a class, by name: what a checkpoint saves."""
        return {"centres": self.centres, **self.optimiser.tables}

    def choose(self, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Classes that take part, (R,) int64 sorted, and each label's position among them, (N,) int64.

        labels: (N,) int64 class numbers of the whole batch. R is `count`, or the number of the batch's own
        classes where that is more. Time and memory depend on R, not on the number of classes.
        """
        if self.count >= self.classes:
            return torch.arange(self.classes, device=labels.device), labels
        own = np.unique(labels.cpu().numpy())
        # As many as are wanted in all leave enough when the batch's own are taken out. Shuffled: the first
        # of an unshuffled draw are not a fair sample of it.
        drawn = rng.choice(self.classes, self.count, replace=False, shuffle=True)
        others = drawn[~np.isin(drawn, own)][: max(self.count - len(own), 0)]
        rows = torch.from_numpy(np.sort(np.concatenate([own, others]))).to(labels.device)
        return rows, torch.searchsorted(rows, labels)

    def loss(self, vectors: Tensor, labels: Tensor, rng: np.random.Generator) -> Tensor:
        """Mean cross-entropy of the whole batch against the chosen centres, a scalar, the same everywhere.

        vectors: (n, D) of unit length, this process's part of the batch, of any size. labels: (n,) int64
        class numbers. rng: in the same state in all processes, which then choose the same classes. Call
        `step` after `backward`, which leaves each process the gradient by its own vectors: gradients of a
        network's weights are to be added up over the processes, not averaged.

        Raises TrainingError for a label that is no class.
        """
        vectors, labels = self.processes.gather(vectors), self.processes.gather(labels)
        outside = labels[(labels < 0) | (labels >= self.classes)]
        if len(outside):
            raise TrainingError(f"Label {int(outside[0])}: the classes are 0 to {self.classes - 1}.")
        rows, targets = self.choose(labels, rng)
        ends = torch.tensor([self.block.start, self.block.stop], device=rows.device)
        low, high = torch.searchsorted(rows, ends).tolist()
        here = (targets >= low) & (targets < high)
        rows, targets = rows[low:high] - self.block.start, torch.where(here, targets - low, -1)
        self._taken = self.optimiser.take(self.centres, rows)
        active = self._taken.values.requires_grad_(True)
        cosines = vectors @ F.normalize(active, dim=-1).flatten(0, -2).T
        if active.ndim == 3:
            cosines = nearest_subcentres(cosines.view(len(vectors), *active.shape[:2]))
        logits = self.margin.logits(cosines, targets)
        loss = _CrossEntropy.apply(logits, targets, self.processes)  # type: ignore[no-untyped-call]
        return cast("Tensor", loss)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Let the rows of the last `loss` learn at this rate.

        Raises RuntimeError when there is no gradient: `loss` and its `backward` come first.
        """
        if self._taken is None or (gradient := self._taken.values.grad) is None:
            raise RuntimeError("step() needs a loss() and its backward() first.")
        self.optimiser.step(self.centres, self._taken, gradient, rate)
        self._taken = None


class _CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of logits whose columns are spread over processes.

    Only three numbers a row travel: its largest logit, its sum of exponentials, its true class's logit.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, processes: Processes) -> Tensor:
        # A process may hold none of the chosen classes.
        top = logits.amax(1) if logits.shape[1] else logits.new_full((len(logits),), -torch.inf)
        top = processes.maximum_(top)
        here = (targets >= 0).nonzero().flatten()
        shares = (logits - top[:, None]).exp_()
        sums = torch.stack([shares.sum(1), torch.zeros_like(top)])
        sums[1, here] = logits[here, targets[here]]
        total, own = processes.add_(sums)
        shares /= total[:, None]
        ctx.save_for_backward(shares, here, targets[here])
        return torch.mean(total.log() + top - own)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        shares, here, targets = ctx.saved_tensors
        slopes = shares * (gradient / len(shares))
        slopes[here, targets] -= gradient / len(shares)
        return slopes, None, None
