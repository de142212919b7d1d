"""Turn what a study of images found into tables in Markdown, so that nobody types a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.study.images.record import START
from docdex.study.intervals import figure
from docdex.training.ablation.report import as_table, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from docdex.study.images.record import ImagesRecord, Run

FIGURES = {
    "TPR at 1e-3, flat": "tpr_flat@1e-3",
    "TPR at 1e-4, flat": "tpr_flat@1e-4",
    "TPR at 1e-3, stress": "tpr_stress@1e-3",
    "TPR at 1e-4, stress": "tpr_stress@1e-4",
    "rank-1, flat": "rank1_flat",
    "rank-1, stress": "rank1_stress",
}
"""Heads of the tables, and the figures of `docdex.training.validation` below them; FPR is per pair."""


def figures_table(record: ImagesRecord) -> str:
    """What each row reached: mean over seeds, lowest to highest."""
    lines = []
    for name in (START, *(row.name for row in record.rows)):
        runs = record.of_row(name)
        found = {head: spread(_values(runs, key)) for head, key in FIGURES.items()}
        lines.append({"row": name, "seeds": str(len(runs)), **found})
    return as_table(lines)


def differences_table(record: ImagesRecord) -> str:
    """By how much each row is ahead of the first, seed by seed: mean, 95 % interval by Student's t."""
    against = record.of_row(record.rows[0].name)
    lines = []
    for row in record.rows[1:]:
        runs = record.of_row(row.name)
        line = {"row": row.name}
        for head, key in FIGURES.items():
            both = [(_value(run, key), _value(against.get(seed), key)) for seed, run in sorted(runs.items())]
            line[head] = _difference(
                [one - other for one, other in both if one is not None and other is not None]
            )
        lines.append(line)
    return as_table(lines)


def _difference(values: Sequence[float]) -> str:
    # Not the lowest to the highest: of three seeds that know nothing one in four agrees in sign.
    found = figure(values)
    if found.low is None or found.high is None:
        return spread(values, "+")
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def costs_table(record: ImagesRecord) -> str:
    """What the same CPU time bought each row: means over seeds."""
    lines = []
    for row in record.rows:
        runs = [*record.of_row(row.name).values()]

        def mean(of: Callable[[Run], float], form: str, runs: list[Run] = runs) -> str:
            return format(float(np.mean([of(run) for run in runs])), form) if runs else "–"

        lines.append(
            {
                "row": row.name,
                "CPU seconds before the first step": mean(lambda run: run.prepared_cpu_seconds, ".1f"),
                "steps": mean(lambda run: run.steps, ",.0f"),
                "views": mean(lambda run: run.views, ",.0f"),
                "views of a picture": mean(lambda run: run.views / run.classes, ".2f"),
                "MB that the loss keeps": mean(lambda run: run.loss_megabytes, ".2f"),
            }
        )
    return as_table(lines)


def budget_section(record: ImagesRecord) -> str:
    """On what and for how long each row was trained, in Markdown."""
    classes = sorted({run.classes for run in record.runs})
    told = " or ".join(f"{count:,}" for count in classes) or "no"
    hours = sum(run.cpu_seconds for run in record.runs) / 3600
    model = record.base.model
    return (
        f"{len(record.rows)} rows of {record.cpu_seconds:g} CPU seconds each, {hours:.1f} CPU-hours in all; "
        f"{told} pictures, each a class of its own; `{model.trunk}` at {model.side} px, batches of "
        f"{record.base.optim.batch} views."
    )


def _values(runs: dict[int, Run], key: str) -> list[float]:
    return [value for run in runs.values() if (value := _value(run, key)) is not None]


def _value(run: Run | None, key: str) -> float | None:
    return None if run is None else run.figures.get(key)
