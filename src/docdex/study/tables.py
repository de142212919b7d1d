"""Set what a study found beside what was published, as tables for the report and the docs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from docdex.errors import InvalidSetting
from docdex.study.config import UNTRAINED
from docdex.study.findings import CUT
from docdex.study.intervals import pool
from docdex.study.published import PUBLISHED
from docdex.study.summary import QUALITY
from docdex.study.words import FIGURES
from docdex.training.config import flatten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from docdex.study.cells import Part
    from docdex.study.published import Cohesion
    from docdex.study.record import Figure, Row, Study

NOTHING = "–"
_NUMBER = re.compile(rf"[\d+{NOTHING}-]*$")


class Table(NamedTuple):
    """A table in words. name: how the docs ask for it. note: what a reader must know; may be empty."""

    name: str
    title: str
    note: str
    heads: list[str]
    rows: list[list[str]]


def make_tables(study: Study) -> list[Table]:
    """All tables that a study has anything for, the findings first."""
    tables = [
        _findings(study),
        _texts(study),
        _losses(study),
        _cohesion(study),
        _smallest(study),
        *_imbalance(study),
        _numbers_of_classes(study),
        _unseen(study),
        _transfer(study),
        _variants(study),
        _settings(study),
    ]
    return [table for table in tables if table.rows]


def markdown_table(study: Study, name: str) -> str:
    """A table and its note in Markdown. Raises InvalidSetting for one that the study has nothing for."""
    tables = {table.name: table for table in make_tables(study)}
    if name not in tables:
        raise InvalidSetting(f"No table {name}: choose from {', '.join(tables)}.")
    table = tables[name]
    rules = ["---:" if _NUMBER.match("".join(column)) else "---" for column in _columns(table)]
    lines = [table.heads, rules, *table.rows]
    note = f"{table.note}\n\n" if table.note else ""
    return note + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _columns(table: Table) -> list[list[str]]:
    """The first letters of each column's cells: what tells numbers from words."""
    return [[cell[:1] for cell in column] for column in zip(*table.rows, strict=True)]


def _findings(study: Study) -> Table:
    rows = [[f.finding, f.published, f.ours, f.rule, f.verdict] for f in study.findings]
    heads = ["published finding", "published", "ours, metric against classification", "rule", "verdict"]
    note = "The rules stood in the code before the runs. Differences are taken seed by seed."
    return Table("findings", "Published findings", note, heads, rows)


def _texts(study: Study) -> Table:
    sizes = np.array(list(study.sizes.values()))
    train, test = sizes.sum(axis=0).tolist()
    rows = [
        ["ours", f"{train:,}", f"{test:,}", str(len(sizes)), f"{sizes[:, 0].min()} to {sizes[:, 0].max()}"]
    ]
    if study.config.published:
        of = PUBLISHED[study.config.published]
        rows.append(["published", f"{of.train:,}", f"{of.test:,}", str(of.classes), NOTHING])
    heads = ["texts", "to train", "to test", "classes", "a class, to train"]
    return Table("texts", "Texts", study.config.data.differs, heads, rows)


def _losses(study: Study) -> Table:
    names = [
        "cohesion",
        "separation",
        "recall@1",
        "map@r",
        "tpr@1e-3",
        "centroid",
        "classifier",
        "seconds to quality",
    ]
    table = _of_part(study, "base", names, name="losses", title="Losses")
    side = study.config.sides[0]
    note = (
        f"Test texts only; mean over {len(study.config.seeds)} seeds ± half of the 95 % interval. CPU s to "
        f"quality: until the nearest centroid answers {100 * QUALITY:g} % as many right as in the end by "
        f"{side}; a dash where a seed never got there. MB: what training added to the process's memory, "
        "the measuring after each epoch included."
    )
    return table._replace(note=note, rows=[*table.rows, *_published_cohesion(study, len(table.heads))])


def _published_cohesion(study: Study, width: int) -> list[list[str]]:
    """Rows of a table of losses that have only a cohesion, in its third column."""
    if not study.config.published:
        return []
    of = PUBLISHED[study.config.published]
    sides = (("classification", of.classifier), ("metric learning", of.metric))
    return [
        [f"*published {side}*", NOTHING, f"{found.mean:.2f}", *[NOTHING] * (width - 3)]
        for side, found in sides
    ]


def _cohesion(study: Study) -> Table:
    """By class where classes are few, else how it is spread over classes."""
    rows = [row for row in study.rows if row.part == "base" and row.cohesions]
    of = PUBLISHED[study.config.published] if study.config.published else None
    sides = (("classification", of.classifier), ("metric learning", of.metric)) if of else ()
    note = "Mean cosine of all pairs of a class's test texts."
    if len(study.sizes) <= 10:
        lines = [[f"`{row.loss}`", *_each(row, study)] for row in rows]
        for side, found in sides:
            by_class = found.by_class or {}
            lines.append([f"*published {side}*", *(_fixed(by_class.get(label), 2) for label in study.sizes)])
            lines[-1].append(_fixed(found.mean, 2))
        return Table("cohesion", "Cohesion by class", note, ["loss", *study.sizes, "mean"], lines)
    lines = [
        [f"`{row.loss}`", *_spread([v for v in row.cohesions.values() if v is not None])] for row in rows
    ]
    lines += [[f"*published {side}*", *_published_spread(found)] for side, found in sides]
    heads = ["loss", "mean", "std", "min", "25 %", "50 %", "75 %", "max"]
    return Table(
        "cohesion", "Cohesion over classes", note + " Classes of one test text have none.", heads, lines
    )


def _each(row: Row, study: Study) -> list[str]:
    values = [row.figures.get(f"cohesion of {label}") for label in study.sizes]
    return [*map(_cell, values), _cell(row.figures.get("cohesion"))]


def _spread(values: Sequence[float]) -> list[str]:
    of = np.array(values)
    points = np.quantile(of, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return [_fixed(value, 2) for value in (float(of.mean()), float(of.std(ddof=1)), *points)]


def _published_spread(of: Cohesion) -> list[str]:
    return [_fixed(value, 2) for value in (of.mean, of.std, of.low, *(of.quartiles or [None] * 3), of.high)]


def _smallest(study: Study) -> Table:
    count = study.config.smallest
    names = ["group cohesion", "group to others", "group among itself"]
    rows = [row for row in study.rows if row.part == "base" and "group to others" in row.figures]
    title = f"The {count} smallest classes"
    note = (
        "Those with the fewest texts to train and two or more to test. Cohesion within them, and cosines of "
        "their centroids: the published three measures."
    )
    return Table("smallest", title, note, *_lines(rows, names))


def _imbalance(study: Study) -> list[Table]:
    """Each class at the published share, and the mean over classes at each share."""
    names = ["group cohesion", "group separation", "group to others", "group centroid", "group classifier"]
    rows = [row for row in study.rows if row.part == "imbalance"]
    if not rows or study.config.imbalance is None:
        return []
    note = "Of the class that is cut; cosines of centroids, and which of its test texts are recognised."
    tables = []
    if any(row.of.endswith(_at(CUT)) for row in rows):
        at = [row for row in rows if row.of.endswith(_at(CUT))]
        title = f"One class cut to {100 * CUT:g} %, each in turn"
        tables.append(Table("cut", title, note, *_lines(at, names, "class")))
    pooled = []
    for share in study.config.imbalance.shares:
        for loss in study.config.sides:
            alike = [row for row in rows if row.loss == loss and row.of.endswith(_at(share))]
            pooled.append(pool(alike, f"{100 * share:g} %"))
    title = "One class cut, mean over the classes in turn"
    tables.append(Table("imbalance", title, note, *_lines(pooled, names, "cut to")))
    return tables


def _numbers_of_classes(study: Study) -> Table:
    names = ["cohesion", "separation", "recall@1", "map@r", "centroid", "classifier"]
    return _of_part(study, "counts", names, name="counts", title="How many classes there are", of="classes")


def _variants(study: Study) -> Table:
    names = ["cohesion", "separation", "recall@1", "map@r", "centroid", "classifier", "seconds to quality"]
    table = _of_part(
        study, "variants", names, name="variants", title="Open points decided otherwise", of="what"
    )
    base = [row for row in study.rows if row.part == "base" and row.loss in study.config.sides]
    return table._replace(rows=[*_lines(base, names, "what")[1], *table.rows] if table.rows else [])


def _unseen(study: Study) -> Table:
    rows = [row for row in study.rows if row.part == "unseen"]
    names = dict.fromkeys(name for row in rows for name in row.figures)
    note = (
        "Classes kept out of training, of which a few test texts are registered and the others ask: shares "
        "identified. AUROC and DIR at FPIR 0.01 with the strangers, where there are any."
    )
    return Table("unseen", "Classes that training has not seen", note, *_lines(rows, list(names)))


def _transfer(study: Study) -> Table:
    rows = [row for row in study.rows if row.part == "transfer"]
    names = dict.fromkeys(name for row in rows for name in row.figures if " of " in name)
    note = (
        "Share of the target's test answered right: by the nearest centroid and a linear probe on the "
        f"embedding as it is, and by the published fine-tuning. `{UNTRAINED}` is where word vectors start."
    )
    return Table("transfer", "Transfer", note, *_lines(rows, ["cohesion", *names]))


def _settings(study: Study) -> Table:
    values = flatten(msgspec.to_builtins(study.config))
    rows = [[f"`{key}`", _setting(value)] for key, value in values if value not in (None, (), "")]
    return Table("settings", "Settings", "As the config has them, with its defaults.", ["key", "value"], rows)


def _setting(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_setting, value))
    return str(value["name"] if isinstance(value, dict) else value)


def _of_part(
    study: Study,
    part: Part,
    names: Sequence[str],
    *,
    name: str,
    title: str,
    of: str = "",
) -> Table:
    rows = [row for row in study.rows if row.part == part]
    return Table(name, title, "", *_lines(rows, names, of))


def _lines(rows: Iterable[Row], names: Sequence[str], of: str = "") -> tuple[list[str], list[list[str]]]:
    """Heads and lines: the loss, its question if `of` names one, its rate, figures, and what it took."""
    rows = list(rows)
    shown = [name for name in names if any(name in row.figures for row in rows)]
    heads = [*([of] if of else []), "loss", "rate", *(FIGURES.get(n, n) for n in shown), "CPU s", "MB"]
    lines = [
        [
            *([row.of or "as it is"] if of else []),
            f"`{row.loss}`",
            f"{row.rate:g}" if row.rate else NOTHING,
            *(_cell(row.figures.get(name)) for name in shown),
            f"{row.cpu_seconds:.2f}",
            _fixed(row.own_megabytes, 0),
        ]
        for row in rows
    ]
    return heads, lines


def _cell(found: Figure | None) -> str:
    if found is None or found.mean is None or None in found.values:
        return NOTHING
    if found.high is None:
        return f"{found.mean:.3f}"
    return f"{found.mean:.3f} ±{found.high - found.mean:.3f}"


def _fixed(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def _at(share: float) -> str:
    return f" at {100 * share:g} %"
