"""Train each row of a study of images from one start for the same CPU time, and measure it once.

CPU time, not wall time: a machine that does something else meanwhile slows a row down, and not its result.
Rows take turns seed by seed, so that whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from docdex.errors import TrainingError
from docdex.study.images.objectives import build_objective
from docdex.study.images.record import START, Run, open_images_record, write_images_record
from docdex.training.classes import ClassTable, expand
from docdex.training.export import to_onnx
from docdex.training.initial import start_head
from docdex.training.learning import build_optimiser, follow, schedule, set_rates
from docdex.training.network import EmbeddingNetwork
from docdex.training.validation import Validation
from docdex.training.views import Batches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from docdex.study.images.config import ImagesStudy, RowConfig
    from docdex.study.images.objectives import Objective
    from docdex.study.images.record import ImagesRecord
    from docdex.training.config import TrainConfig

_NEGATIVES = 1 << 31
"""Sets the random numbers that choose negatives apart from those that make views."""
_TOLD = ("rank1_flat", "rank1_stress", "tpr_flat@1e-4", "tpr_stress@1e-3")
"""Figures that are said of each run."""


class GroupedBatches(Batches):
    """Batches in which each picture has several views, beside each other. each: how many."""

    def __init__(self, config: TrainConfig, table: ClassTable, lower: bytes, each: int) -> None:
        super().__init__(config, table, lower)
        self.each = each

    def classes(self, number: int) -> NDArray[np.int64]:
        """Class numbers (B,) of a batch: B / each pictures, drawn as ever."""
        return np.repeat(self.draw_classes(number, self.config.optim.batch // self.each), self.each)


def study_images(
    study: ImagesStudy, runs: Path, results: Path, say: Callable[[str], None] = print
) -> ImagesRecord:
    """Make every run that `results` does not hold yet; the record in the end.

    runs: folder for what is known of the pictures. results: JSON, written anew after each run. say: is told
    of progress. Measures on the folder dev below $DOCDEX_DATA, each run once, when its budget is spent.

    Raises TrainingError when there is nothing to measure on, for unusable data, for a loss that is no longer
    finite, and when `results` is of another study or cannot be written: what was finished stays.
    """
    if not (expand("$DOCDEX_DATA") / "dev").is_dir():
        raise TrainingError(
            "A study of images measures on the folder dev below $DOCDEX_DATA, which is not there."
        )
    record = open_images_record(results, study)
    names = (START, *(row.name for row in study.rows))
    missing = {seed: [name for name in names if seed not in record.of_row(name)] for seed in study.seeds}
    if not any(missing.values()):
        return record
    contest = Contest.prepare(study, runs, say)
    for seed, wanted in missing.items():
        if not wanted:
            continue
        start = contest.start(seed)
        for name in wanted:
            row = next((row for row in study.rows if row.name == name), None)
            run = contest.measure_start(start, seed) if row is None else contest.train(row, start, seed)
            figures = " ".join(
                f"{key} {run.figures[key]:.3f}" for key in _TOLD if run.figures[key] is not None
            )
            say(f"seed {seed}, {name}: {run.steps} steps, {run.cpu_seconds:.0f} CPU seconds, {figures}")
            record = record.with_run(run)
            write_images_record(record, results)
    return record


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """What all rows share: the study, its pictures, the benchmark, the frozen part of the network as ONNX."""

    study: ImagesStudy
    runs: Path
    table: ClassTable
    lower: bytes
    validation: Validation
    say: Callable[[str], None]

    @classmethod
    def prepare(cls, study: ImagesStudy, runs: Path, say: Callable[[str], None]) -> Contest:
        """Read pictures and benchmark once for all rows. Raises what `ClassTable.build` raises."""
        torch.set_num_threads(1)
        config = study.config(study.rows[0], study.seeds[0])
        table = ClassTable.build(config.data, say, runs)
        lower = to_onnx(EmbeddingNetwork.build(config.model).lower, config.model.side, "maps")
        batches = Batches(config, table, lower)
        validation = Validation(expand("$DOCDEX_DATA") / "dev", config.model, batches.maps)
        return cls(study, runs, table, lower, validation, say)

    def start(self, seed: int) -> EmbeddingNetwork:
        """The network from which all rows of a seed start: the trunk's weights, the head a projection."""
        torch.manual_seed(seed)
        config = self.study.config(self.study.rows[0], seed)
        network = EmbeddingNetwork.build(config.model)
        start_head(network, GroupedBatches(config, self.table, self.lower, 1), workers=0)
        return network

    def measure_start(self, start: EmbeddingNetwork, seed: int) -> Run:
        """What the start is worth before anything is learned."""
        figures = self._measure(copy.deepcopy(start))
        return Run(START, seed, len(self.table), 0, 0, 0.0, 0.0, 0.0, 0.0, figures)

    def train(self, row: RowConfig, start: EmbeddingNetwork, seed: int) -> Run:
        """Train a row to the end of its budget. Raises TrainingError for a loss that is no longer finite."""
        config = self.study.config(row, seed)
        torch.manual_seed(seed)
        network, averaged = copy.deepcopy(start), copy.deepcopy(start)
        clock = _Clock()
        objective = build_objective(row, config, self.table, network, scratch=self.runs, say=self.say)
        prepared = clock.cpu()
        learner = _Learner(config, network, averaged, objective)
        batches = GroupedBatches(config, self.table, self.lower, row.views)
        step = 0
        while (done := clock.cpu() / self.study.cpu_seconds) < 1:
            batch = batches[step]
            loss = learner.step(batch.maps.float(), batch.labels, done, step)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"{row.name}, seed {seed}: the loss is {loss} at step {step}: lower its rate."
                )
            step += 1
        return Run(
            row=row.name,
            seed=seed,
            classes=len(self.table),
            steps=step,
            views=step * config.optim.batch,
            prepared_cpu_seconds=prepared,
            cpu_seconds=clock.cpu(),
            seconds=clock.wall(),
            loss_megabytes=objective.megabytes,
            figures=self._measure(averaged),
        )

    def _measure(self, network: EmbeddingNetwork) -> dict[str, float | None]:
        figures = self.validation.measure(network.eval())
        return {name: figure if math.isfinite(figure) else None for name, figure in figures.items()}


class _Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.monotonic()

    def cpu(self) -> float:
        return time.process_time() - self._cpu

    def wall(self) -> float:
        return time.monotonic() - self._wall


class _Learner:
    """One step after the other: the recipe's, whatever the loss."""

    def __init__(
        self, config: TrainConfig, network: EmbeddingNetwork, averaged: nn.Module, objective: Objective
    ) -> None:
        self.config, self.network, self.averaged, self.objective = config, network, averaged, objective
        optim = config.optim
        self.optimiser = build_optimiser(
            [
                (network.upper, optim.trunk_rate),
                (network.head, optim.head_rate),
                (objective, optim.head_rate),
            ],
            optim.weight_decay,
        )

    def step(self, maps: torch.Tensor, labels: torch.Tensor, done: float, step: int) -> float:
        """The loss of a batch, from which everything has learned. done: share of the budget."""
        optim = self.config.optim
        factor = schedule(done, step, optim.warmup)
        set_rates(self.optimiser, factor)
        self.network.train()
        self.objective.train()
        rng = np.random.default_rng([self.config.seed, step, _NEGATIVES])
        loss = self.objective(self.network.embed_maps(maps), labels, rng)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_([p for p in self.network.parameters() if p.requires_grad], optim.clip)
        self.optimiser.step()
        self.objective.step(optim.centre_rate * factor)
        follow(self.averaged, self.network, optim.ema, step)
        return float(loss.detach())
