"""Train the embedding: batches in, CosFace over sampled centres, checkpoints, figures on the benchmark."""

from __future__ import annotations

import copy
import math
import multiprocessing
import os
import resource
import textwrap
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import torch
from torch import nn

from docdex.errors import TrainingError
from docdex.training import checkpoint
from docdex.training.batch_norm import share_batch_norms
from docdex.training.class_layer import build_class_layer
from docdex.training.classes import ClassTable, expand
from docdex.training.config import differences, restore_config
from docdex.training.distil import learn_maps, listen
from docdex.training.export import to_onnx
from docdex.training.initial import BEYOND, start_centres, start_head
from docdex.training.journal import Journal
from docdex.training.learning import build_optimiser, follow, schedule, set_rates
from docdex.training.network import EmbeddingNetwork
from docdex.training.processes import Processes
from docdex.training.progress import Progress
from docdex.training.start import read_start
from docdex.training.validation import Validation
from docdex.training.views import Batches
from docdex.training.workers import from_workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from docdex.training.config import TrainConfig
    from docdex.training.progress import Pace
    from docdex.training.views import Batch

_CHOSEN_BY = ("rank1_flat", "rank1_stress", "dir_stress@0.1", "tpr_flat@1e-4", "tpr_stress@1e-3")
"""A checkpoint is as good as the mean of these figures on the benchmark's part for development."""
_NEGATIVES = 1 << 31
"""Sets the random numbers that choose negatives apart from those that make views."""
_SHOWN = 16
"""Views of a batch that a picture shows."""
_SAID_EVERY = 20
"""Steps between two lines of figures."""


def cpu_seconds() -> float:
    """CPU time of this process and its finished children; on Linux that of its running ones too."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + sum(
        _running_cpu_seconds(child.pid) for child in multiprocessing.active_children()
    )


def _running_cpu_seconds(pid: int | None) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Trainer:
    """One run. `train()` goes from where it stands to the end of its budget.

    Started by `torchrun`, each process makes its part of every batch and holds its block of the class
    centres; the run is that of one process, up to rounding. `run` must then be one folder for all.

    run: folder for `last.pt`, `best.pt`, `log.jsonl`, and `events` for TensorBoard. resume: go on from its
    `last.pt`. say: is told what happens. show: is told of every step; without it, `say` is of every 20th.
    Checkpoints are measured on `$DOCDEX_DATA/dev`; where that is missing, they are only kept.

    Raises TrainingError for unusable data, a folder that holds a run already, and, when resuming, for a
    checkpoint that is missing, broken or of another config, and for more processes than a batch has views.
    """

    def __init__(
        self,
        config: TrainConfig,
        run: Path,
        *,
        resume: bool = False,
        say: Callable[[str], None] = print,
        show: Callable[[Pace], None] | None = None,
    ) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.processes = Processes.join()
        if self.processes.count > config.optim.batch:
            raise TrainingError(f"{self.processes.count} processes share a batch of {config.optim.batch}.")
        first = self.processes.first
        self.config, self.run, self.say = config, run, say if first else _silent
        self.show = show if first else None
        self.journal = Journal(run, say) if first else None
        self.progress = Progress()
        state = self._read_state(resume)
        # What goes on from a model or a checkpoint has its trunk from there, wherever that once came from.
        self.network = EmbeddingNetwork.build(config.model, load=state is None and config.start_from is None)
        if state is not None:
            self._restore_network(state)
        start = read_start(config.start_from) if state is None and config.start_from is not None else None
        if start is not None:
            self.say(f"starting from {start.origin}")
            start.load_into(self.network, config.model)
        # The first writes for all what is known of the files.
        self.table = ClassTable.build(config.data, self.say, run, writes=first)
        self.made_of = self.table.identity()
        self.batches = Batches(config, self.table, to_onnx(self.network.lower, config.model.side, "maps"))
        dev = expand("$DOCDEX_DATA") / "dev"
        measures = first and dev.is_dir()
        self.validation = Validation(dev, config.model, self.batches.maps) if measures else None
        self.batches.close()
        if state is not None:
            self._check_classes(state)
        self.centres = build_class_layer(config, len(self.table), self.processes, run)
        if state is None:
            if start is None:
                with self.processes.together():
                    if first:
                        self._start()
                self.processes.follow_first(self.network.state_dict().values())
            # Centres are half of what a run has learned: restarted, they would drag the network back.
            known = start.load_centres_into(self.centres, config.data, self.made_of) if start else 0
            if known < len(self.table):
                start_centres(self.centres, config, self.table, self.network, say=self.say, first=known)
        share_batch_norms(self.network, self.processes)
        self._rows: str | None = None
        self.averaged = copy.deepcopy(self.network)
        self.distillation = listen(config, self.network, self.processes)
        learning: list[tuple[nn.Module, float]] = [
            (self.network.upper, config.optim.trunk_rate),
            (self.network.head, config.optim.head_rate),
        ]
        if self.distillation is not None:
            learning.append((self.distillation, config.optim.head_rate))
        self.optimiser = build_optimiser(learning, config.optim.weight_decay)
        if state is not None:
            self._restore(state)

    def _read_state(self, resume: bool) -> dict[str, Any] | None:
        path = self.run / "last.pt"
        if not resume:
            if path.exists() or (self.run / "best.pt").exists():
                raise TrainingError(f"{self.run} holds a run already: resume it, or choose another folder.")
            return None
        state = checkpoint.load(path)
        try:
            saved = restore_config(state["config"])
        except (KeyError, msgspec.ValidationError) as error:
            raise TrainingError(f"{path}: no config of this docdex inside: {error}") from error
        if changed := differences(saved, self.config):
            raise TrainingError(
                f"{path} was made by another config: {', '.join(changed)}. Resume with its own, or start "
                f"anew in another folder."
            )
        return state

    def _check_classes(self, state: dict[str, Any]) -> None:
        if (classes := checkpoint.class_count(state)) != len(self.table):
            raise TrainingError(
                f"{self.run}: the checkpoint has {classes} classes, the data make {len(self.table)} now."
            )
        # A checkpoint from before there was such an identity says nothing of it.
        if state.get("made_of", self.made_of) != self.made_of:
            raise TrainingError(
                f"{self.run}: the classes were made of other images, or of these in another order: each "
                f"centre would be another class's. Put the files back, or start anew in another folder."
            )

    def _start(self) -> None:
        """Head from a PCA of training views, batch norms from the same."""
        if self.config.model.distil_minutes:
            learn_maps(self.config, self.table, self.network, self.say)
        self.say("starting the head from a projection of training views")
        start_head(self.network, self.batches, self.config.workers)

    def _restore_network(self, state: dict[str, Any]) -> None:
        try:
            self.network.load_state_dict(state["network"])
        except (KeyError, RuntimeError) as error:
            raise self._of_another_network(error) from error

    def _of_another_network(self, error: Exception) -> TrainingError:
        """torch names each of the hundreds of weights that do not fit; the first few tell as much."""
        told = " ".join(str(error).splitlines()[1:]) or str(error)
        return TrainingError(f"{self.run}: a checkpoint of another network: {textwrap.shorten(told, 200)}")

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.averaged.load_state_dict(state["averaged"])
            if self.distillation is not None:
                self.distillation.load_state_dict(state["distillation"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.progress = Progress(**state["progress"])
            self.progress.best = max(self.progress.best, self._best_kept())
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise self._of_another_network(error) from error
        self._rows = checkpoint.load_layer(self.run / "last.pt", state, self.centres)

    def _best_kept(self) -> float:
        """Score of `best.pt`: of a later step than `last.pt` where the run was killed between the two."""
        path = self.run / "best.pt"
        if not path.exists():
            return float("-inf")
        state = checkpoint.load(path)
        return float(state["progress"]["best"])

    def _state(self) -> dict[str, Any]:
        progress = self.progress
        return {
            "step": progress.step,
            "config": msgspec.to_builtins(self.config),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "distillation": self.distillation.state_dict() if self.distillation is not None else {},
            "classes": len(self.table),
            "made_of": self.made_of,
            "progress": asdict(progress),
        }

    def _save(self) -> None:
        self._rows = checkpoint.save_run(self.run / "last.pt", self._state(), self.centres, self._rows)

    def share_done(self) -> float:
        """How much of the budget is spent, 0 to 1: what the schedule follows."""
        optim = self.config.optim
        if optim.minutes is not None:
            return self.progress.seconds / (60 * optim.minutes)
        return self.progress.step / (optim.steps or 1)

    def train(self) -> None:
        """Run to the end of the budget, saving and measuring on the way."""
        try:
            self._train()
        finally:
            if self.journal is not None:
                self.journal.close()

    def _train(self) -> None:
        config, progress = self.config, self.progress
        taught = self.distillation.taught if self.distillation is not None else None
        part = self.batches.part(self.processes.block(config.optim.batch), taught)
        # Workers are forked here: later there is a thread that writes for TensorBoard.
        batches = from_workers(part, range(progress.step, BEYOND), config.workers)
        if not progress.step:
            self._save()  # what comes before the first step may have taken long
        if not progress.history:
            self._measure()
        began, cpu_before, cpu_began = time.monotonic() - progress.seconds, progress.cpu, cpu_seconds()
        saved = measured = progress.seconds
        losses: list[float] = []
        while self.share_done() < 1:
            losses.append(self._step(next(batches)))
            progress.step += 1
            # All go by the clock of the first: the schedule and the end must be the same for everybody.
            seconds = time.monotonic() - began if self.processes.first else 0.0
            spent = torch.tensor([seconds, cpu_seconds() - cpu_began], dtype=torch.float64)
            progress.seconds, cpu = self.processes.add_(spent).tolist()
            progress.cpu = cpu_before + cpu
            if self.show is not None:
                self.show(progress.pace(losses[-1], config.optim.batch, self.share_done()))
            if progress.step % _SAID_EVERY == 0:
                self._log(losses)
                losses = []
            if progress.seconds - measured > 60 * config.validate_minutes:
                self._measure()
                measured = progress.seconds
            if progress.seconds - saved > 60 * config.checkpoint_minutes:
                self._save()
                saved = progress.seconds
        if losses:
            self._log(losses)
        self._measure()
        self._save()

    def _step(self, batch: Batch) -> float:
        optim, network, labels = self.config.optim, self.network, batch.labels
        factor = schedule(self.share_done(), self.progress.step, optim.warmup)
        set_rates(self.optimiser, factor)
        network.train()
        cells = network.cells(batch.maps.float())
        vectors = network.head(cells)
        rng = np.random.default_rng([self.config.seed, self.progress.step, _NEGATIVES])
        loss = self.centres.loss(vectors, labels, rng)
        reached = float(loss.detach())
        if self.distillation is not None:
            # Clean copies come last. Everybody compares those of all, and takes a part of the gradient.
            own = len(self.processes.block(optim.batch))
            clean = [self.processes.gather(part) for part in (cells[own:], vectors[own:], batch.said.float())]
            term = self.distillation(*clean)
            reached += float(term.detach())
            loss = loss + term / self.processes.count
        if not math.isfinite(reached):
            raise TrainingError(
                f"The loss is {reached} at step {self.progress.step}: start again with lower rates. The last "
                f"checkpoint is whole."
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.processes.sum_gradients(network.parameters())
        if self.distillation is not None:
            self.processes.sum_gradients(self.distillation.parameters())
        nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], optim.clip)
        self.optimiser.step()
        self.centres.step(optim.centre_rate * factor)
        follow(self.averaged, network, optim.ema, self.progress.step)
        return reached

    def _log(self, losses: list[float]) -> None:
        progress, loss = self.progress, float(np.mean(losses))
        pace = progress.pace(loss, self.config.optim.batch, self.share_done())
        if self.journal is not None:
            self.journal.write(
                progress.step,
                loss=loss,
                seconds=progress.seconds,
                cpu=progress.cpu,
                images_per_second=pace.rate,
            )
        if self.show is None:
            self.say(str(pace))

    def _measure(self) -> None:
        if self.journal is not None:
            self.journal.show(self.progress.step, "batch", self._views)
        if self.validation is None or self.journal is None:
            return
        self.averaged.eval()
        figures = self.validation.measure(self.averaged)
        chosen_by = {name: figures[name] for name in _CHOSEN_BY}
        known = [figure for figure in chosen_by.values() if math.isfinite(figure)]
        if len(known) < len(chosen_by) and not self.progress.history:
            absent = ", ".join(name for name, figure in chosen_by.items() if not math.isfinite(figure))
            self.say(f"the score is without what this benchmark cannot tell: {absent}")
        score = float(np.mean(known)) if known else float("nan")
        self.progress.history.append({"step": self.progress.step, "score": score, **figures})
        self.journal.write(self.progress.step, score=score, **figures)
        told = " ".join(f"{name} {figure:.3f}" for name, figure in figures.items())
        self.say(f"step {self.progress.step} score {score:.4f} {told}")
        if score > self.progress.best:
            self.progress.best = score
            checkpoint.save(self.run / "best.pt", self._state())

    def _views(self) -> NDArray[np.float32]:
        """Some of the batch that comes next, (N, 3, S, S) float32."""
        return np.stack(self.batches.views(self.progress.step, range(min(_SHOWN, self.config.optim.batch))))


def _silent(_: str) -> None:
    """For all processes but the first: what they would say is said."""
