"""Train the embedding: batches in, CosFace over sampled centres, checkpoints, figures on the benchmark."""

from __future__ import annotations

import copy
import json
import math
import multiprocessing
import os
import resource
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from docdex.errors import TrainingError
from docdex.training import checkpoint
from docdex.training.classes import ClassTable, expand
from docdex.training.config import TrainConfig, differences
from docdex.training.dense import distil_maps
from docdex.training.export import to_onnx
from docdex.training.network import EmbeddingNetwork, lite0_trunk, resize_head
from docdex.training.partial_fc import PartialFC
from docdex.training.validation import Validation
from docdex.training.views import Batches, CleanVectors, open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from docdex.training.config import OptimConfig

_CHOSEN_BY = ("rank1_flat", "rank1_stress", "dir_stress@0.1", "tpr_flat@1e-4", "tpr_stress@1e-3")
"""A checkpoint is as good as the mean of these figures on the benchmark's part for development."""
_PCA_BATCHES = 24
"""Batches of views that the head's starting projection is fitted on."""
_BEYOND = 1 << 24
"""A batch number that no run reaches: views for the start come from behind it."""


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


@dataclass(slots=True)
class Progress:
    """How far a run is: kept in the checkpoint, so that time budgets survive a resume.

    seconds: wall time of the steps. cpu: seconds of all processes. best: score of `best.pt`. history: figures
    of each measurement.
    """

    step: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    best: float = float("-inf")
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """One run. `train()` goes from where it stands to the end of its budget.

    run: folder for `last.pt`, `best.pt`, `log.jsonl`. resume: go on from its `last.pt`. say: is told of
    progress. Checkpoints are measured on `$DOCDEX_DATA/dev`; where that is missing, they are only kept.

    Raises TrainingError for unusable data, a folder that holds a run already, and, when resuming, for a
    checkpoint that is missing, broken or of another config.
    """

    def __init__(
        self, config: TrainConfig, run: Path, *, resume: bool = False, say: Callable[[str], None] = print
    ) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.run, self.say = config, run, say
        self.progress = Progress()
        state = self._read_state(resume)
        self.table = ClassTable.build(config.data, say)
        if self.table.unreadable:
            say(f"left out as unreadable: {', '.join(map(str, self.table.unreadable))}")
        self.network = EmbeddingNetwork.build(config.model)
        self.batches = Batches(config, self.table, to_onnx(self.network.lower, config.model.side, "maps"))
        self.generator = torch.Generator().manual_seed(config.seed)
        dev = expand("$DOCDEX_DATA") / "dev"
        self.validation = Validation(dev, config.model.side, self.batches.maps) if dev.is_dir() else None
        self.batches.close()
        if state is not None:
            self._check_classes(state)
            self.centres = self._layer(torch.zeros_like(state["centres"]))
        else:
            if config.start_from is None:
                self._start()
            else:
                self._start_from(expand(config.start_from))
            self._start_centres()
        self.averaged = copy.deepcopy(self.network)
        self.optimiser = _optimiser(self.network, config.optim)
        if state is not None:
            self._restore(state)

    def _read_state(self, resume: bool) -> dict[str, Any] | None:
        path = self.run / "last.pt"
        if not resume:
            if path.exists():
                raise TrainingError(f"{self.run} holds a run already: resume it, or choose another folder.")
            return None
        state = checkpoint.load(path)
        try:
            saved = msgspec.convert(state["config"], TrainConfig)
        except (KeyError, msgspec.ValidationError) as error:
            raise TrainingError(f"{path}: no config of this docdex inside: {error}") from error
        if changed := differences(saved, self.config):
            raise TrainingError(
                f"{path} was made by another config: {', '.join(changed)}. Resume with its own, or start "
                f"anew in another folder."
            )
        return state

    def _check_classes(self, state: dict[str, Any]) -> None:
        if len(state["centres"]) != len(self.table):
            raise TrainingError(
                f"{self.run}: the checkpoint has {len(state['centres'])} classes, the data make "
                f"{len(self.table)} now."
            )

    def _layer(self, centres: torch.Tensor) -> PartialFC:
        loss = self.config.loss
        return PartialFC(centres, sampled=loss.sampled, scale=loss.scale, margin=loss.margin)

    def _start(self) -> None:
        """Head from a PCA of training views, batch norms from the same."""
        if self.config.model.distil_minutes:
            self._distil()
        self.say("starting the head from a projection of training views")
        self.network.eval()
        with torch.no_grad():
            views = DataLoader(
                self.batches,
                batch_size=None,
                sampler=range(_BEYOND, _BEYOND + _PCA_BATCHES),
                num_workers=self.config.workers,
            )
            maps = torch.cat([batch[0].float() for batch in views])
            cells = torch.cat([self.network.upper(part) for part in torch.split(maps, 16)])
            self.network.head.start_from(cells)

    def _start_from(self, run: Path) -> None:
        """The averaged weights that another run ended with, the head resized where its side was another."""
        state = checkpoint.load(run / "last.pt")
        self.say(f"starting from step {state['step']} of {run}")
        side = self.config.model.side
        try:
            weights, before = state["averaged"], state["config"]["model"]["side"]
            if before != side:
                self.say(f"resizing the head from {before} to {side} px")
                weights = resize_head(weights, before // 16, side // 16)
            self.network.load_state_dict(weights)
        except (KeyError, RuntimeError) as error:
            raise TrainingError(f"{run}: a checkpoint of another network: {error}") from error

    def _start_centres(self) -> None:
        """Each class's centre where the network puts its clean page."""
        self.network.eval()
        self.say(f"starting {len(self.table)} centres from clean pages")
        model = to_onnx(self.network, self.config.model.side, "vectors")
        clean = CleanVectors(self.config, self.table, model)
        centres = list(DataLoader(clean, batch_size=None, num_workers=self.config.workers))
        self.centres = self._layer(torch.cat(centres))

    def _distil(self) -> None:
        """Let a trunk that nobody pretrained learn the maps of EfficientNet-Lite0 on the run's own views."""
        model = self.config.model
        teacher = open_session(to_onnx(nn.Sequential(*lite0_trunk()), model.side, "maps"))
        views = DataLoader(
            self.batches,
            batch_size=None,
            sampler=range(2 * _BEYOND, 3 * _BEYOND),
            num_workers=self.config.workers,
        )
        distil_maps(
            self.network.upper,
            lambda images: torch.from_numpy(teacher.run(None, {"images": images.numpy()})[0]),
            (batch[0].float() for batch in views),
            minutes=model.distil_minutes,
            say=self.say,
        )

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, ValueError) as error:
            raise TrainingError(f"{self.run}: a checkpoint of another network: {error}") from error
        self.centres.centres.copy_(state["centres"])
        self.generator.set_state(state["generator"])
        self.progress = Progress(**state["progress"])

    def _state(self) -> dict[str, Any]:
        progress = self.progress
        return {
            "step": progress.step,
            "config": msgspec.to_builtins(self.config),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "centres": self.centres.centres,
            "generator": self.generator.get_state(),
            "progress": asdict(progress),
        }

    def share_done(self) -> float:
        """How much of the budget is spent, 0 to 1: what the schedule follows."""
        optim = self.config.optim
        if optim.minutes is not None:
            return self.progress.seconds / (60 * optim.minutes)
        return self.progress.step / (optim.steps or 1)

    def train(self) -> None:
        """Run to the end of the budget, saving and measuring on the way."""
        config, progress = self.config, self.progress
        loader = DataLoader(
            self.batches,
            batch_size=None,
            sampler=range(progress.step, _BEYOND),
            num_workers=config.workers,
            prefetch_factor=3 if config.workers else None,
        )
        if not progress.history:
            self._measure()
        began, cpu_began = time.monotonic() - progress.seconds, cpu_seconds() - progress.cpu
        saved = measured = progress.seconds
        losses: list[float] = []
        for maps, labels in loader:
            if self.share_done() >= 1:
                break
            losses.append(self._step(maps.float(), labels))
            progress.step += 1
            progress.seconds, progress.cpu = time.monotonic() - began, cpu_seconds() - cpu_began
            if progress.step % 20 == 0:
                self._log(losses)
                losses = []
            if progress.seconds - measured > 60 * config.validate_minutes:
                self._measure()
                measured = progress.seconds
            if progress.seconds - saved > 60 * config.checkpoint_minutes:
                checkpoint.save(self.run / "last.pt", self._state())
                saved = progress.seconds
        if losses:
            self._log(losses)
        self._measure()
        checkpoint.save(self.run / "last.pt", self._state())

    def _step(self, maps: torch.Tensor, labels: torch.Tensor) -> float:
        optim, network = self.config.optim, self.network
        factor = _schedule(self.share_done(), self.progress.step, optim.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        network.train()
        vectors = network.embed_maps(maps)
        loss = self.centres.loss(vectors, labels, self.generator)
        reached = float(loss.detach())
        if not math.isfinite(reached):
            raise TrainingError(
                f"The loss is {reached} at step {self.progress.step}: start again with lower rates. The last "
                f"checkpoint is whole."
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], optim.clip)
        self.optimiser.step()
        self.centres.step(optim.centre_rate * factor)
        decay = min(optim.ema, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            pairs = zip(self.averaged.state_dict().values(), network.state_dict().values(), strict=True)
            for average, value in pairs:
                if average.is_floating_point():
                    average.lerp_(value, 1 - decay)
                else:
                    average.copy_(value)
        return reached

    def _log(self, losses: list[float]) -> None:
        progress, batch = self.progress, self.config.optim.batch
        rate = progress.step * batch / max(progress.seconds, 1e-9)
        left = progress.seconds / max(self.share_done(), 1e-9) - progress.seconds
        loss = float(np.mean(losses))
        self._write(step=progress.step, loss=loss, seconds=progress.seconds, cpu=progress.cpu)
        self.say(f"step {progress.step} loss {loss:.3f} {rate:.0f} images/s {left / 60:.0f} min left")

    def _measure(self) -> None:
        if self.validation is None:
            return
        self.averaged.eval()
        figures = self.validation.measure(self.averaged)
        score = float(np.mean([figures[name] for name in _CHOSEN_BY]))
        self.progress.history.append({"step": self.progress.step, "score": score, **figures})
        self._write(step=self.progress.step, score=score, **figures)
        told = " ".join(f"{name} {figure:.3f}" for name, figure in figures.items())
        self.say(f"step {self.progress.step} score {score:.4f} {told}")
        if score > self.progress.best:
            self.progress.best = score
            checkpoint.save(self.run / "best.pt", self._state())

    def _write(self, **record: float) -> None:
        self.run.mkdir(parents=True, exist_ok=True)
        with (self.run / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + os.linesep)


def _optimiser(network: EmbeddingNetwork, optim: OptimConfig) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices and kernels only. `peak` is each group's rate at the schedule's top."""
    groups: list[dict[str, Any]] = []
    for module, rate in ((network.upper, optim.trunk_rate), (network.head, optim.head_rate)):
        for decayed in (True, False):
            chosen = [p for p in module.parameters() if p.requires_grad and (p.ndim > 1) == decayed]
            groups.append(
                {"params": chosen, "peak": rate, "weight_decay": optim.weight_decay if decayed else 0.0}
            )
    return torch.optim.AdamW(groups, lr=0.0)


def _schedule(done: float, step: int, warmup: int) -> float:
    """Share of the peak rate: linear warm-up by steps, cosine to zero by budget."""
    return min(1.0, (step + 1) / max(warmup, 1)) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
