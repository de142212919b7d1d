"""Say what each choice changes: the difference to the row it is compared with, here and as published."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from docdex.training.ablation.plan import Group, Row
    from docdex.training.ablation.record import Record, Run

PUBLISHED = "tpr_flat@1e-4"
"""The figure that was published: TPR at a per-pair FPR of 1e-4."""
FIGURES = {
    "TPR at 1e-4, flat": PUBLISHED,
    "TPR at 1e-3, stress": "tpr_stress@1e-3",
    "rank-1, flat": "rank1_flat",
    "rank-1, stress": "rank1_stress",
    "DIR at FPIR 0.1, stress": "dir_stress@0.1",
}
"""The five by which training chooses a checkpoint, as a table's heads call them."""


class Effect(NamedTuple):
    """What a row changes against the first of its group, in TPR at 1e-4, -1 to 1.

    ours: mean over the seeds that both rows have. five: the same of the mean of all `FIGURES`. published:
    None where nothing was. within_noise: whether seeds alone make differences as large.
    """

    group: str
    row: str
    against: str
    ours: float
    five: float
    published: float | None
    within_noise: bool

    @property
    def name(self) -> str:
        """Group and row."""
        return f"{self.group}: {self.row}"


def all_rows(record: Record) -> list[tuple[Group, Row]]:
    """Every row with its group."""
    return [(group, row) for group in record.groups for row in group.rows]


def by_seed(runs: Mapping[int, Run], name: str) -> dict[int, float]:
    """A figure of some runs by their seeds; those without it are left out."""
    return _values(runs, lambda run: run.figures.get(name))


def noise(record: Record) -> float | None:
    """How far the TPR of one row lies apart from seed to seed, at most; None without a row of two seeds."""
    found = [by_seed(record.runs_of(row.changes), PUBLISHED).values() for _, row in all_rows(record)]
    return max((max(values) - min(values) for values in found if len(values) > 1), default=None)


def effects(record: Record) -> list[Effect]:
    """What each row changes, the largest change of ours first; rows that were not measured are left out."""
    spread = noise(record)
    found = []
    for group, row in all_rows(record):
        first = group.rows[0]
        both = [record.runs_of(each.changes) for each in (row, first)]
        ours = _difference(*(by_seed(runs, PUBLISHED) for runs in both))
        five = _difference(*(_values(runs, _mean_of_five) for runs in both))
        if row is first or ours is None or five is None:
            continue
        within = spread is not None and abs(ours) <= spread
        found.append(Effect(group.name, row.name, first.name, ours, five, _published(row, first), within))
    return sorted(found, key=lambda effect: -abs(effect.ours))


def agreement(found: Sequence[Effect]) -> float | None:
    """Kendall's tau between our effects and the published ones, -1 to 1; None where fewer than two have both.

    Effects count with their sign: what helps most comes first, what harms most last.
    """
    both = [(effect.ours, effect.published) for effect in found if effect.published is not None]
    signs = [np.sign(one[0] - two[0]) * np.sign(one[1] - two[1]) for one, two in combinations(both, 2)]
    return float(np.mean(signs)) if signs else None


def _mean_of_five(run: Run) -> float | None:
    found = [run.figures.get(name) for name in FIGURES.values()]
    present = [figure for figure in found if figure is not None]
    return float(np.mean(present)) if len(present) == len(found) else None


def _values(runs: Mapping[int, Run], of: Callable[[Run], float | None]) -> dict[int, float]:
    return {seed: value for seed, run in runs.items() if (value := of(run)) is not None}


def _difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float | None:
    common = sorted(ours.keys() & theirs.keys())
    return float(np.mean([ours[seed] - theirs[seed] for seed in common])) if common else None


def _published(row: Row, first: Row) -> float | None:
    against = first.published if row.published_first is None else row.published_first
    return None if row.published is None or against is None else row.published - against
