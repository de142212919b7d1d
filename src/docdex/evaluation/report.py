"""Turn results into the tables of the docs, so that nobody types a number into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import msgspec

from docdex.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from docdex.evaluation.protocol import Capture
    from docdex.evaluation.results import Bounds, Interval, Lead, PeerResult

TableName = Literal[
    "summary", "sets", "identification", "verification", "turned", "unsearched", "trained", "lead"
]
_SHOWN_WITH_BOUNDS = ("summary", "trained", "lead")


class Cell(NamedTuple):
    """A figure as it is shown, and its interval if it has one; both words."""

    text: str
    bounds: str = ""


def markdown_table(results: Sequence[PeerResult], table: str = "summary") -> str:
    """A table in Markdown, one row a peer: shares from 0 to 1, a dash where there was nothing to measure.

    table: `summary` (the figures that peers are judged by, with their 95 % intervals), `sets` (rank-1 by
    set), `identification` (DIR), `verification` (over all pairs), `turned` or `unsearched` (turned pages),
    `trained` (the summary beside what training took), or `lead` (how far those that have one are ahead in
    the figures of the summary; where its interval does not hold zero, other types would hardly turn the
    order). Raises InvalidSetting for another.
    """
    heads, rows = table_cells(results, table)
    shown = [
        [
            f"{cell.text} ({cell.bounds})" if cell.bounds and table in _SHOWN_WITH_BOUNDS else cell.text
            for cell in row
        ]
        for row in rows
    ]
    for row in shown:
        row[0] = f"`{row[0]}`"
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *shown]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table_cells(results: Sequence[PeerResult], table: str) -> tuple[list[str], list[list[Cell]]]:
    """Heads and rows of a table of `markdown_table`, every figure with its interval.

    Raises InvalidSetting for an unknown table.
    """
    if table not in get_args(TableName):
        raise InvalidSetting(f"No table {table}: choose from {', '.join(get_args(TableName))}.")
    rows = [{"recogniser": Cell(result.peer), **row} for result, row in _rows(results, table)]
    heads = list(dict.fromkeys(head for row in rows for head in row)) or ["recogniser"]
    return heads, [[row.get(head, Cell("–")) for head in heads] for row in rows]


def _rows(results: Sequence[PeerResult], table: str) -> Iterator[tuple[PeerResult, dict[str, Cell]]]:
    if table != "lead":
        yield from ((result, _ROWS[table](result)) for result in results)
        return
    by_name = {result.peer: result for result in results}
    for result in results:
        # The difference needs both figures: of a lead over a peer that is not here nothing can be told.
        if result.lead is not None and result.lead.over in by_name:
            yield result, _lead(result, result.lead, by_name[result.lead.over])


def standing_table(ours: Sequence[PeerResult], others: Sequence[PeerResult]) -> str:
    """A table in Markdown: how each of ours stands to the best of the others in each figure of the summary.

    `ahead, apart`: the 95 % interval touches that of none of the others; `behind, apart`: not the best one's.
    `ahead` and `behind` alone: they touch, or one is not known. `level`: the same figure. A dash where there
    is nothing to compare.
    """
    heads = list(dict.fromkeys(head for result in ours for head in _figures(result)))
    rows = []
    for result in ours:
        figures = _figures(result)
        against = [[_figures(other).get(head) for other in others] for head in heads]
        rows.append([f"`{result.peer}`", *map(_standing, map(figures.get, heads), against)])
    lines = [["recogniser", *heads], ["---"] * (len(heads) + 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class _Figure(NamedTuple):
    """A share, and its interval where it is known."""

    rate: float | None
    bounds: Interval | None = None


def _standing(one: _Figure | None, others: Sequence[_Figure | None]) -> str:
    known = [other for other in others if other is not None and other.rate is not None]
    if one is None or one.rate is None or not known:
        return "–"
    best = max(known, key=lambda other: other.rate or 0.0)
    if one.rate == best.rate:
        return "level"
    ahead = one.rate > (best.rate or 0.0)
    bounds = [figure.bounds for figure in (known if ahead else [best])]
    # Ahead of the best is not yet ahead of one behind it of which less is known.
    apart = one.bounds is not None and all(
        other is not None and (one.bounds[0] > other[1] if ahead else one.bounds[1] < other[0])
        for other in bounds
    )
    return f"{'ahead' if ahead else 'behind'}{', apart' if apart else ''}"


def _lead(result: PeerResult, lead: Lead, other: PeerResult) -> dict[str, Cell]:
    ours = _figures(msgspec.structs.replace(result, intervals=lead.intervals))
    theirs = _figures(other)
    differences = {head: _difference(figure, theirs.get(head)) for head, figure in ours.items()}
    return {"over": Cell(lead.over), **differences}


def _difference(one: _Figure, other: _Figure | None) -> Cell:
    if other is None or one.rate is None or other.rate is None:
        return Cell("–")
    bounds = f"{one.bounds[0]:+.3f} to {one.bounds[1]:+.3f}" if one.bounds else ""
    return Cell(f"{one.rate - other.rate:+.3f}", bounds)


def _trained(result: PeerResult) -> dict[str, Cell]:
    cost = result.cost
    return {
        "minutes": Cell(f"{cost.minutes:.1f}" if cost else "–"),
        "CPU minutes": Cell(f"{cost.cpu_minutes:.1f}" if cost else "–"),
        "images": Cell(f"{cost.images:,}" if cost else "–"),
        **_summary(result),
    }


def _summary(result: PeerResult) -> dict[str, Cell]:
    return {head: _share(*figure) for head, figure in _figures(result).items()}


def _figures(result: PeerResult) -> dict[str, _Figure]:
    """What peers are judged by."""
    bounds = result.intervals
    dir_bounds = bounds.dir["stress"] if bounds else {}
    return {
        **{
            f"rank-1 {capture}": _Figure(rates["mean"], bounds.rank1[capture].get("mean") if bounds else None)
            for capture, rates in result.rank1.items()
        },
        "DIR at FPIR 0.1, stress": _Figure(result.dir["stress"]["0.1"], dir_bounds.get("0.1")),
        "TPR at per-pair FPR 1e-4, flat": _tpr(result, "flat", "1e-4"),
        "TPR at per-pair FPR 1e-3, stress": _tpr(result, "stress", "1e-3"),
        **{
            f"OSCR area, {capture}": _Figure(area, bounds.oscr[capture] if bounds else None)
            for capture, area in result.oscr.items()
        },
    }


def _tpr(result: PeerResult, capture: Capture, target: str) -> _Figure:
    return _Figure(result.pairs[capture]["all"].tpr[target], _tpr_bounds(result, capture).get(target))


def _tpr_bounds(result: PeerResult, capture: Capture) -> Bounds:
    # A benchmark of too many pairs has no intervals of them, nor has a peer without vectors.
    by_set = result.intervals.pairs.get(capture) if result.intervals else None
    return by_set["all"].tpr if by_set else {}


def _sets(result: PeerResult) -> dict[str, Cell]:
    flat, stress = result.rank1["flat"], result.rank1["stress"]
    bounds = result.intervals.rank1 if result.intervals else {}
    row = {}
    for name in flat | stress:
        cells = [_share(rates.get(name), bounds.get(of, {}).get(name)) for of, rates in result.rank1.items()]
        joined = " · ".join(cell.bounds or "–" for cell in cells) if any(c.bounds for c in cells) else ""
        row[name] = Cell(" ".join(cell.text for cell in cells), joined)
    return row


def _identification(result: PeerResult) -> dict[str, Cell]:
    # A rate per probe means nothing without the size of the gallery: it grows with it.
    bounds = result.intervals.dir if result.intervals else {}
    return {
        "types": Cell(str(result.types)),
        "strangers": Cell(str(result.strangers)),
        **{
            f"FPIR {target}, {capture}": _share(rate, bounds.get(capture, {}).get(target))
            for capture, rates in result.dir.items()
            for target, rate in rates.items()
        },
    }


def _verification(result: PeerResult) -> dict[str, Cell]:
    row = {}
    for capture, by_set in result.pairs.items():
        pairs, bounds = by_set["all"], _tpr_bounds(result, capture)
        for target, rate in pairs.tpr.items():
            row[f"TPR at {target}, {capture}"] = _share(rate, bounds.get(target))
        auroc = result.intervals.pairs[capture]["all"].auroc if result.intervals and bounds else None
        row[f"AUROC, {capture}"] = _share(pairs.auroc, auroc)
    return row


def _turned(result: PeerResult) -> dict[str, Cell]:
    turned, bounds = result.turned, result.intervals.turned if result.intervals else None
    return {
        "rank-1": _share(turned.rank1["mean"], bounds.rank1.get("mean") if bounds else None),
        **{
            f"DIR at FPIR {target}": _share(rate, bounds.dir.get(target) if bounds else None)
            for target, rate in turned.dir.items()
        },
        **{
            f"FPIR {target} becomes": _share(rate)
            for target, rate in turned.fpir_at_upright_threshold.items()
        },
    }


def _unsearched(result: PeerResult) -> dict[str, Cell]:
    return {
        f"{degrees}°, {capture}": _share(rate)
        for degrees, rates in result.unsearched.items()
        for capture, rate in rates.items()
    }


def _share(rate: float | None, bounds: Interval | None = None) -> Cell:
    if rate is None:
        return Cell("–")
    return Cell(f"{rate:.3f}", f"{bounds[0]:.3f}–{bounds[1]:.3f}" if bounds else "")


_ROWS: dict[str, Callable[[PeerResult], dict[str, Cell]]] = {
    "summary": _summary,
    "sets": _sets,
    "identification": _identification,
    "verification": _verification,
    "turned": _turned,
    "unsearched": _unsearched,
    "trained": _trained,
}
