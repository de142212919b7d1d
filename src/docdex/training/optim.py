"""Update the rows of a table of centres that took part in a step, and no others.

A table of a million rows of which a few thousand have a gradient must not be walked in each step. What a
dense optimiser does to a row without a gradient, while nobody looks at it (its momentum carries it on, its
weights decay), is computed at once when the row next takes part. The result is the dense optimiser's, with
zero gradients for the steps between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from docdex.errors import InvalidSetting

_NEGLIGIBLE = 1e-12
"""A momentum that has shrunk to this share moves nothing any more."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows taken out of a table for one step, what they missed applied.

    rows: (R,) int64, each once. values: (R, ...), of the table. moments: what the optimiser remembers of
    them, each shaped as the values.
    """

    rows: Tensor
    values: Tensor
    moments: tuple[Tensor, ...] = ()


class RowOptimiser(Protocol):
    """How a table of rows learns: `take` the rows of a step, then `step` with their gradient.

    tables: what it remembers of each row, by name, (rows, ...) tensors; a checkpoint keeps them beside the
    centres. `state` and `load_state` are the rest, the same in every process.
    """

    tables: dict[str, Tensor]

    def take(self, centres: Tensor, rows: Tensor) -> Taken:
        """The rows as they are now; nothing is changed. rows: (R,) int64."""
        ...

    def step(self, centres: Tensor, taken: Taken, gradient: Tensor, rate: float) -> None:
        """Write the rows' next values; to be called in every step, also when no row was taken."""
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps besides the tables."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        ...


class RowDescent:
    """Plain gradient descent, then unit length: only a centre's direction counts.

    It remembers nothing of a row. An adaptive rate would blow the faint gradients of negatives up to full
    steps, and carry a centre away before its own class comes by: that is why this is the default.
    """

    def __init__(self) -> None:
        self.tables: dict[str, Tensor] = {}

    def take(self, centres: Tensor, rows: Tensor) -> Taken:
        """The rows as they are: they miss nothing."""
        return Taken(rows, centres.index_select(0, rows))

    def step(self, centres: Tensor, taken: Taken, gradient: Tensor, rate: float) -> None:
        """Against the gradient, then to unit length."""
        centres.index_copy_(0, taken.rows, F.normalize(taken.values - rate * gradient, dim=-1))

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Nothing to take up."""


@dataclass(slots=True)
class _Clock:
    """What a row last touched at step s has missed by now, as numbers that all rows share.

    With zero gradients, each step t of a dense optimiser does p <- (1 - rate_t decay) p - rate_t c_t r^i m to
    a row whose momentum was m at step s, where i = t - s, and c_t is Adam's bias correction or 1. Unrolled:
    p <- exp(L_now - L_s) (p - G_s m), with L the running sum of log(1 - rate decay) and G_s a sum over the
    steps since s, of which only those matter until r^i is nothing. Both are kept for every step: 16 bytes a
    step, however many rows there are.

    ratio: r. decay: decoupled from the gradient, a share of the weights at a rate of 1.
    """

    ratio: float
    decay: float
    now: int = 0
    kept: Tensor = field(default_factory=lambda: torch.zeros(1024, 2, dtype=torch.float64))
    """L and G of each step."""

    def missed(self, touched: Tensor) -> tuple[Tensor, Tensor]:
        """Factor of the weights and factor of the momentum, both (R,) float32, in p <- a p - b m."""
        logs, glides = self.kept[touched.to(self.kept.device)].unbind(1)
        shrunk = torch.exp(self.kept[self.now, 0] - logs)
        return shrunk.float().to(touched.device), (shrunk * glides).float().to(touched.device)

    def tick(self, rate: float, correction: float = 1.0) -> None:
        """One step at this rate has passed. Raises InvalidSetting when the decay would turn a row round."""
        if rate * self.decay >= 1:
            raise InvalidSetting(
                f"A rate of {rate:g} times a decay of {self.decay:g} is {rate * self.decay:g}: below 1 is "
                f"asked, or the centres change sign."
            )
        if self.now + 1 == len(self.kept):
            self.kept = torch.cat([self.kept, torch.zeros_like(self.kept)])
        logs, glides = self.kept.numpy().T
        after = logs[self.now] + math.log1p(-rate * self.decay)
        if self.ratio:
            window = math.ceil(math.log(_NEGLIGIBLE) / math.log(self.ratio))
            oldest = max(self.now - window + 1, 0)
            gaps = np.arange(self.now + 1 - oldest, 0, -1)
            recent = slice(oldest, self.now + 1)
            glides[recent] += rate * correction * self.ratio**gaps * np.exp(logs[recent] - after)
        self.now += 1
        logs[self.now] = after

    def state(self) -> dict[str, Any]:
        """The steps so far."""
        return {"now": self.now, "kept": self.kept[: self.now + 1].clone()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.now = int(state["now"])
        self.kept = torch.zeros(max(1024, 2 * (self.now + 1)), 2, dtype=torch.float64)
        self.kept[: self.now + 1] = state["kept"]


class RowMomentum:
    """Gradient descent with momentum as torch has it, and decoupled decay (SGDW, arXiv 1711.05101).

    The rate multiplies the momentum in each step; in the paper it goes into the momentum with the gradient,
    which is the same while the rate stays.

    momentum: 0 to below 1. decay: share of the weights a step at a rate of 1. tables: `momentum`, shaped as
    the centres, zeros, and `touched`, (rows,) int64 zeros.
    """

    def __init__(self, tables: dict[str, Tensor], *, momentum: float = 0.9, decay: float = 0.0) -> None:
        self.tables, self.momentum = tables, momentum
        self._clock = _Clock(momentum, decay)

    def take(self, centres: Tensor, rows: Tensor) -> Taken:
        """The rows, carried on by their momentum and decayed."""
        touched = self.tables["touched"].index_select(0, rows)
        shrunk, glided = self._clock.missed(touched)
        momentum = self.tables["momentum"].index_select(0, rows)
        values = _scale_(centres.index_select(0, rows), shrunk).sub_(_scale_(momentum.clone(), glided))
        return Taken(rows, values, (_scale_(momentum, self.momentum ** (self._clock.now - touched).float()),))

    def step(self, centres: Tensor, taken: Taken, gradient: Tensor, rate: float) -> None:
        """One step of SGDW at this rate."""
        pace = (taken.moments[0] * self.momentum).add_(gradient)
        values = (taken.values * (1 - rate * self._clock.decay)).sub_(pace, alpha=rate)
        self._clock.tick(rate)
        centres.index_copy_(0, taken.rows, values)
        self.tables["momentum"].index_copy_(0, taken.rows, pace)
        self.tables["touched"].index_fill_(0, taken.rows, self._clock.now)

    def state(self) -> dict[str, Any]:
        """The clock's."""
        return self._clock.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """The clock's."""
        self._clock.load_state(state)


class RowAdamW:
    """AdamW (arXiv 1711.05101). A row that was missed moves on as in the dense form, but for `eps`.

    betas: of the two moments. decay: share of the weights a step at a rate of 1. tables: `first` and
    `second`, shaped as the centres, zeros, and `touched`, (rows,) int64 zeros.
    """

    eps = 1e-8

    def __init__(
        self, tables: dict[str, Tensor], *, betas: tuple[float, float] = (0.9, 0.999), decay: float = 0.0
    ) -> None:
        self.tables, self.betas = tables, betas
        # While both moments fade, the step fades by their ratio.
        self._clock = _Clock(betas[0] / math.sqrt(betas[1]), decay)

    def take(self, centres: Tensor, rows: Tensor) -> Taken:
        """The rows, carried on by their moments and decayed."""
        touched = self.tables["touched"].index_select(0, rows)
        shrunk, glided = self._clock.missed(touched)
        first, second = (self.tables[name].index_select(0, rows) for name in ("first", "second"))
        pace = _scale_(first / second.sqrt().add_(self.eps), glided)
        values = _scale_(centres.index_select(0, rows), shrunk).sub_(pace)
        missed = (self._clock.now - touched).float()
        one, two = self.betas
        return Taken(rows, values, (_scale_(first, one**missed), _scale_(second, two**missed)))

    def step(self, centres: Tensor, taken: Taken, gradient: Tensor, rate: float) -> None:
        """One step of AdamW at this rate."""
        one, two = self.betas
        first = (taken.moments[0] * one).add_(gradient, alpha=1 - one)
        second = (taken.moments[1] * two).addcmul_(gradient, gradient, value=1 - two)
        steps = self._clock.now + 1
        bias_one, bias_two = 1 - one**steps, 1 - two**steps
        spread = (second / bias_two).sqrt_().add_(self.eps)
        values = (taken.values * (1 - rate * self._clock.decay)).addcdiv_(
            first, spread, value=-rate / bias_one
        )
        self._clock.tick(rate, math.sqrt(bias_two) / bias_one)
        centres.index_copy_(0, taken.rows, values)
        self.tables["first"].index_copy_(0, taken.rows, first)
        self.tables["second"].index_copy_(0, taken.rows, second)
        self.tables["touched"].index_fill_(0, taken.rows, self._clock.now)

    def state(self) -> dict[str, Any]:
        """The clock's."""
        return self._clock.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """The clock's."""
        self._clock.load_state(state)


def _scale_(values: Tensor, factors: Tensor) -> Tensor:
    """Rows (R, ...) times factors (R,), in place."""
    return values.mul_(factors.view(-1, *[1] * (values.ndim - 1)))
