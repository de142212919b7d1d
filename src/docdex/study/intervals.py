"""Say how far a mean over seeds may be off: Student's t, since seeds are few and each a whole training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from docdex.study.record import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docdex.study.record import Row

CONFIDENCE = 0.95


def figure(values: Sequence[float | None]) -> Figure:
    """Mean and 95 % interval of what was measured; no interval of a single value."""
    from scipy import stats

    known = np.array([value for value in values if value is not None])
    if not len(known):
        return Figure(tuple(values), None)
    mean = float(known.mean())
    if len(known) < 2:
        return Figure(tuple(values), mean)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return Figure(tuple(values), mean, mean - half, mean + half)


def pool(rows: Sequence[Row], of: str) -> Row:
    """One row of several that differ in their question: each seed's mean over the questions.

    of: what the row answers then. A figure that a seed lacks somewhere, it lacks in the mean.
    """
    names = dict.fromkeys(name for row in rows for name in row.figures)
    figures = {name: figure(_by_seed([row.figures[name] for row in rows])) for name in names}
    seconds = float(np.mean([row.cpu_seconds for row in rows]))
    return msgspec.structs.replace(rows[0], of=of, figures=figures, cpu_seconds=seconds)


def _by_seed(figures: Sequence[Figure]) -> list[float | None]:
    found = []
    for column in zip(*(each.values for each in figures), strict=True):
        known = [value for value in column if value is not None]
        found.append(float(np.mean(known)) if len(known) == len(column) else None)
    return found
