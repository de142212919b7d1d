"""Train a model of texts: views of texts and documents in, margin loss and teacher, arrays of a model out."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from docdex.errors import TrainingError
from docdex.training.class_layer import build_margin, place_at_random
from docdex.training.journal import LINES, Journal
from docdex.training.partial_fc import PartialFC
from docdex.training.progress import Pace
from docdex.training.text.batches import TextBatches
from docdex.training.text.network import BagNetwork

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docdex.text.network import TextNetwork
    from docdex.training.text.config import TextConfig

_SAID_EVERY = 100
"""Steps between two lines of figures."""
_VIEWS, _NEGATIVES = 2, 3
"""Set the random numbers of a step's views and of its negative centres apart."""


@dataclass(frozen=True)
class Trained:
    """What a run gave. seconds: wall time of the steps. loss: mean of the last line's steps."""

    network: TextNetwork
    classes: int
    seconds: float
    loss: float


class TextTrainer:
    """One run of a few minutes, in one process. `train()` gives its model.

    run: folder for the log. say: is told what happens. show: is told of every step; without it, `say` is of
    every 100th.

    Raises TrainingError for unusable data and a folder that holds a run already, MissingExtra for a teacher
    that is not installed.
    """

    def __init__(
        self,
        config: TextConfig,
        run: Path,
        *,
        say: Callable[[str], None] = print,
        show: Callable[[Pace], None] | None = None,
    ) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        if (run / LINES).exists():
            raise TrainingError(f"{run} holds a run already: remove it, or choose another folder.")
        self.config, self.say, self.show = config, say, show
        self.journal = Journal(run, say)
        self.batches = TextBatches(config, say)
        self.network = BagNetwork(config.model)
        self.network.start_from(list(self.batches.clean()))
        self.averaged = copy.deepcopy(self.network)
        self.centres = PartialFC(
            torch.zeros(self.batches.classes, config.model.dimension),
            margin=build_margin(config.loss),
            sampled=config.loss.sampled,
        )
        place_at_random(self.centres, config.seed)
        # No decay: it would shrink the rows of words that only few texts have.
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.optim.rate, weight_decay=0.0)

    def train(self) -> Trained:
        """Run to the end of the budget. Raises TrainingError for a loss that is not finite."""
        try:
            return self._train()
        finally:
            self.journal.close()

    def _train(self) -> Trained:
        optim = self.config.optim
        began, losses, loss = time.monotonic(), [], math.nan
        for step in range(1, optim.steps + 1):
            losses.append(self._step(step - 1))
            seconds = time.monotonic() - began
            left = seconds * (optim.steps / step - 1)
            pace = Pace(step, losses[-1], step / optim.steps, step * optim.batch / seconds, left)
            if self.show is not None:
                self.show(pace)
            if step % _SAID_EVERY == 0 or step == optim.steps:
                loss, losses = float(np.mean(losses)), []
                self.journal.write(step, loss=loss, seconds=seconds)
                if self.show is None:
                    self.say(f"step {step} loss {loss:.3f} {seconds:.0f} s")
        return Trained(self.averaged.eval().pack(), self.batches.classes, time.monotonic() - began, loss)

    def _step(self, step: int) -> float:
        optim, teacher = self.config.optim, self.config.teacher
        warm = min((step + 1) / max(optim.warmup, 1), 1.0)
        factor = warm * 0.5 * (1 + math.cos(math.pi * step / optim.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = optim.rate * factor
        batch = self.batches.make(np.random.default_rng([self.config.seed, step, _VIEWS]))
        vectors = self.network.train()(batch.bags)
        rng = np.random.default_rng([self.config.seed, step, _NEGATIVES])
        loss = self.centres.loss(vectors[: len(batch.labels)], batch.labels, rng)
        if teacher is not None and len(batch.taught):
            cosines = (vectors[batch.taught] * batch.said).sum(dim=1)
            loss = loss + teacher.weight * (1 - cosines).mean()
        reached = float(loss.detach())
        if not math.isfinite(reached):
            raise TrainingError(f"The loss is {reached} at step {step}: start again with lower rates.")
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimiser.step()
        self.network.keep_weights()
        self.centres.step(optim.centre_rate * factor)
        self._average(min(optim.ema, (step + 1) / (step + 10)))
        return reached

    @torch.no_grad()
    def _average(self, kept: float) -> None:
        now = self.network.state_dict()
        for name, mean in self.averaged.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(now[name], 1 - kept)
            else:
                mean.copy_(now[name])
