"""Turn an ablation's record into the parts of its page in the docs, so that nobody types a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.training.ablation.effects import FIGURES, agreement, all_rows, by_seed, effects, noise
from docdex.training.ablation.plan import identify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docdex.training.ablation.effects import Effect
    from docdex.training.ablation.plan import Group
    from docdex.training.ablation.record import Record

_ABSENT = "–"


def budget_section(record: Record) -> str:
    """How long and on what each run was trained, and what failed, in Markdown."""
    optim, data = record.base.optim, record.base.data
    budget = f"{optim.minutes:g} minutes" if optim.minutes is not None else f"{optim.steps:,} steps"
    spent = sum(run.cpu_seconds for run in record.runs) / 3600
    parts = [
        f"{len(record.runs)} runs of {budget} each, {spent:.1f} CPU-hours. The base: batches of "
        f"{optim.batch}, {100 * data.share:g} % of the files of {len(data.sources)} sources, "
        f"{data.templates:,} templates."
    ]
    rows = {identify(row.changes): f"{group.name}: {row.name}" for group, row in reversed(all_rows(record))}
    for failure in record.failures:
        if (name := rows.get(identify(failure.changes))) is not None:  # else it is asked no longer
            parts.append(f"*{name}*, seed {failure.seed}, failed: {' '.join(failure.error.split())}")
    return "\n\n".join(parts)


def order_section(record: Record) -> str:
    """All effects in their order, beside the published ones, and how well the two agree, in Markdown."""
    found = effects(record)
    if not found:
        return "*No two rows of a group are measured yet.*"
    parts = [_order_table(found)]
    if (spread := noise(record)) is not None:
        parts.append(
            f"Seeds alone move the TPR of one row by up to {spread:.3f} (highest less lowest): a change that "
            f"is no larger says nothing."
        )
    if (tau := agreement(found)) is not None:
        parts.append(
            f"The order of our effects and that of the published ones, from what helps most to what harms "
            f"most, agree with a Kendall's tau of {tau:+.2f} (1: the same order, 0: unrelated, -1: reversed)."
        )
    return "\n\n".join(parts)


def groups_section(record: Record) -> str:
    """For each group its question, its table and its note, in Markdown."""
    return "\n\n".join(
        "\n\n".join(filter(None, (f"### {group.question}", _group_table(record, group), group.note)))
        for group in record.groups
    )


def _group_table(record: Record, group: Group) -> str:
    lines = []
    for row in group.rows:
        runs = record.runs_of(row.changes)
        figures = {head: spread([*by_seed(runs, name).values()]) for head, name in FIGURES.items()}
        lines.append(
            {
                "row": row.name,
                "seeds": str(len(runs)),
                "classes": _count([run.classes for run in runs.values()]),
                "images": _count([run.images for run in runs.values()]),
                **figures,
                "published": _ABSENT if row.published is None else f"{row.published:.3f}",
            }
        )
    return as_table(lines)


def _order_table(found: Sequence[Effect]) -> str:
    """Places count those changes only that both have measured."""
    compared = [effect for effect in found if effect.published is not None]
    published = sorted(compared, key=lambda effect: -abs(effect.published or 0.0))
    lines = []
    for effect in found:
        place = compared.index(effect) + 1 if effect in compared else None
        theirs = published.index(effect) + 1 if effect in compared else None
        lines.append(
            {
                "change": effect.name,
                "against": effect.against,
                "TPR at 1e-4": f"{effect.ours:+.3f}",
                "mean of the five": f"{effect.five:+.3f}",
                "published": _ABSENT if effect.published is None else f"{effect.published:+.3f}",
                "place": str(place or _ABSENT),
                "published place": str(theirs or _ABSENT),
                "differs": _differs(effect, place, theirs),
            }
        )
    return as_table(lines)


def _differs(effect: Effect, place: int | None, theirs: int | None) -> str:
    words = []
    if effect.within_noise:
        words.append("no larger than what seeds do")
    elif effect.published and effect.ours * effect.published < 0:
        words.append("helps here, harms there" if effect.ours > 0 else "harms here, helps there")
    if place is not None and theirs is not None and place != theirs:
        moved = abs(theirs - place)
        words.append(f"{moved} place{'s' * (moved > 1)} {'higher' if place < theirs else 'lower'} here")
    return "; ".join(words)


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean of a row's figures over its seeds, lowest to highest in brackets. sign: `+` for differences."""
    if not values:
        return _ABSENT
    mean, low, high = (format(of(values), f"{sign}.3f") for of in (np.mean, min, max))
    return f"{mean} ({low}{' to ' if sign else '–'}{high})" if len(values) > 1 else mean


def _count(values: Sequence[int]) -> str:
    return f"{round(float(np.mean(values))):,}" if values else _ABSENT


def as_table(lines: Sequence[Mapping[str, str]]) -> str:
    """A table in Markdown. lines: its rows, each with the same heads."""
    rows = [list(lines[0]), ["---"] * len(lines[0]), *(list(line.values()) for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
