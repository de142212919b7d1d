"""Train a model of texts: views of texts and documents in, margin loss and teacher, a model file out."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from docdex.errors import TrainingError
from docdex.text.features import features
from docdex.training.class_layer import build_margin, place_at_random
from docdex.training.journal import Journal
from docdex.training.partial_fc import PartialFC
from docdex.training.progress import Pace
from docdex.training.text.corpus import Corpus
from docdex.training.text.documents import DocumentWriter
from docdex.training.text.network import BagNetwork, Bags
from docdex.training.text.teacher import Teacher, ask
from docdex.training.text.views import write_differently

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from docdex.text.network import TextNetwork
    from docdex.training.text.config import TextConfig

_SAID_EVERY = 100
"""Steps between two lines of figures."""
_START = 4000
"""Made-up documents by which features are weighed at the start, beside all texts."""


@dataclass(frozen=True)
class _Batch:
    """labels: (C,) of the first C texts; the others are the teacher's words. taught: (T,) positions in the
    batch of texts that the teacher knows, and where it puts them, (T, D).
    """

    bags: Bags
    labels: Tensor
    taught: Tensor
    said: Tensor


@dataclass(frozen=True)
class Trained:
    """What a run gave. classes: how many; seconds: wall time of the steps; loss: the last line's."""

    network: TextNetwork
    classes: int
    seconds: float
    loss: float


class TextTrainer:
    """One run of a few minutes, in one process. `train()` gives its model.

    run: folder for the log. say: is told what happens; show: of every step.

    Raises TrainingError for unusable data and a folder that holds a run already.
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
        if (run / "log.jsonl").exists():
            raise TrainingError(f"{run} holds a run already: choose another folder.")
        self.config, self.say, self.show = config, say, show
        self.journal = Journal(run, say)
        self.corpus = Corpus.read(config.sources)
        self.writer = DocumentWriter(
            sorted({word for text in self.corpus.texts for word in text.lower().split() if word.isalpha()})
        )
        self.classes = self.corpus.classes + config.documents.templates
        self.words, self.said = self._ask_teacher()
        say(f"{len(self.corpus.texts)} texts, {self.classes} classes")
        self.network = BagNetwork(config.model)
        self._start()
        self.averaged = copy.deepcopy(self.network)
        self.centres = PartialFC(
            torch.zeros(self.classes, config.model.dimension),
            margin=build_margin(config.loss),
            sampled=config.loss.sampled,
        )
        place_at_random(self.centres, config.seed)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.optim.rate, weight_decay=0.0)

    def _ask_teacher(self) -> tuple[list[str], NDArray[np.float32] | None]:
        teacher = self.config.teacher
        if teacher is None:
            return [], None
        asked, vocabulary = Teacher.open()
        words = vocabulary[: teacher.words]
        return words, ask(
            asked, self.corpus.texts + words, self.config.model.dimension, teacher.cache, self.say
        )

    def _start(self) -> None:
        found = [features(text) for text in self.corpus.texts]
        rng = np.random.default_rng([self.config.seed, 1])
        templates = self.config.documents.templates
        for template in range(min(templates, _START)):
            found.append(features(self.writer.write(template, rng)))
        self.network.start_from(found)

    def train(self) -> Trained:
        """Run to the end of the budget."""
        try:
            return self._train()
        finally:
            self.journal.close()

    def _train(self) -> Trained:
        optim = self.config.optim
        began, losses = time.monotonic(), []
        for step in range(optim.steps):
            losses.append(self._step(step))
            seconds = time.monotonic() - began
            pace = Pace(
                step + 1,
                losses[-1],
                (step + 1) / optim.steps,
                (step + 1) * optim.batch / seconds,
                seconds * (optim.steps / (step + 1) - 1),
            )
            if self.show is not None:
                self.show(pace)
            if (step + 1) % _SAID_EVERY == 0 or step + 1 == optim.steps:
                loss, losses = float(np.mean(losses)), []
                self.journal.write(step + 1, loss=loss, seconds=seconds)
                if self.show is None:
                    self.say(str(pace))
        return Trained(self.averaged.eval().pack(), self.classes, time.monotonic() - began, loss)

    def _step(self, step: int) -> float:
        optim = self.config.optim
        done = step / optim.steps
        factor = min((step + 1) / max(optim.warmup, 1), 1.0) * 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimiser.param_groups:
            group["lr"] = optim.rate * factor
        batch = self._batch(np.random.default_rng([self.config.seed, step, 2]))
        self.network.train()
        vectors = self.network(batch.bags)
        rng = np.random.default_rng([self.config.seed, step, 3])
        loss = self.centres.loss(vectors[: len(batch.labels)], batch.labels, rng)
        if self.config.teacher is not None and len(batch.taught):
            cosines = (vectors[batch.taught] * batch.said).sum(1)
            loss = loss + self.config.teacher.weight * (1 - cosines).mean()
        reached = float(loss.detach())
        if not math.isfinite(reached):
            raise TrainingError(f"The loss is {reached} at step {step}: start again with lower rates.")
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimiser.step()
        self.network.keep_weights()
        self.centres.step(optim.centre_rate * factor)
        kept = min(optim.ema, (step + 1) / (step + 10))
        with torch.no_grad():
            for mean, now in zip(
                self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                mean.lerp_(now, 1 - kept) if mean.is_floating_point() else mean.copy_(now)
        return reached

    def _batch(self, rng: np.random.Generator) -> _Batch:
        config = self.config
        words = round(config.optim.batch * config.teacher.word_share) if config.teacher and self.words else 0
        weight = sum(source.weight for source in config.sources)
        written = config.documents.weight if config.documents.templates else 0.0
        found, labels, taught, asked = [], [], [], []
        for place in range(config.optim.batch - words):
            if rng.random() * (weight + written) < weight:
                label, number = self.corpus.draw(rng)
                text = self.corpus.texts[number]
                taught.append(place)
                asked.append(number)
            else:
                template = int(rng.integers(config.documents.templates))
                label, text = self.corpus.classes + template, self.writer.write(template, rng)
            found.append(features(write_differently(text, rng)))
            labels.append(label)
        for place in range(config.optim.batch - words, config.optim.batch):
            number = int(rng.integers(len(self.words)))
            found.append(features(self.words[number]))
            taught.append(place)
            asked.append(len(self.corpus.texts) + number)
        said = (
            self.said[asked] if self.said is not None else np.empty((0, config.model.dimension), np.float32)
        )
        return _Batch(
            Bags.gather(found, config.model),
            torch.tensor(labels),
            torch.tensor(taught, dtype=torch.int64),
            torch.from_numpy(said),
        )
