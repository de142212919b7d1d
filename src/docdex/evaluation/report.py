"""Turn results into the tables of the docs, so that nobody types a number into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from docdex.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from docdex.evaluation.protocol import Capture
    from docdex.evaluation.results import PeerResult

TableName = Literal["summary", "sets", "identification", "verification", "turned"]


def markdown_table(results: Sequence[PeerResult], table: str = "summary") -> str:
    """A table in Markdown, one row a peer: shares from 0 to 1, a dash where there was nothing to measure.

    table: `summary` (the five figures that peers are judged by), `sets` (rank-1 by set), `identification`
    (DIR), `verification` (over all pairs) or `turned`. Raises InvalidSetting for another.
    """
    if table not in _ROWS:
        raise InvalidSetting(f"No table {table}: choose from {', '.join(get_args(TableName))}.")
    rows = [{"recogniser": f"`{result.peer}`", **_ROWS[table](result)} for result in results]
    heads = list(dict.fromkeys(head for row in rows for head in row)) or ["recogniser"]
    lines = [
        heads,
        ["---", *["---:"] * (len(heads) - 1)],
        *([row.get(head, "–") for head in heads] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _summary(result: PeerResult) -> dict[str, str]:
    return {
        "rank-1 flat": _share(result.rank1["flat"]["mean"]),
        "rank-1 stress": _share(result.rank1["stress"]["mean"]),
        "DIR at FPIR 0.1, stress": _share(result.dir["stress"]["0.1"]),
        "TPR at per-pair FPR 1e-4, flat": _share(result.pairs["flat"]["all"].tpr["1e-4"]),
        "TPR at per-pair FPR 1e-3, stress": _share(result.pairs["stress"]["all"].tpr["1e-3"]),
    }


def _sets(result: PeerResult) -> dict[str, str]:
    flat, stress = result.rank1["flat"], result.rank1["stress"]
    return {name: f"{_share(flat.get(name))} {_share(stress.get(name))}" for name in flat | stress}


def _identification(result: PeerResult) -> dict[str, str]:
    # A rate per probe means nothing without the size of the gallery: it grows with it.
    return {
        "types": str(result.types),
        "strangers": str(result.strangers),
        **{
            f"FPIR {target}, {capture}": _share(rate)
            for capture, rates in result.dir.items()
            for target, rate in rates.items()
        },
    }


def _verification(result: PeerResult) -> dict[str, str]:
    def row(capture: Capture) -> dict[str, str]:
        pairs = result.pairs[capture]["all"]
        return {
            **{f"TPR at {target}, {capture}": _share(rate) for target, rate in pairs.tpr.items()},
            f"AUROC, {capture}": _share(pairs.auroc),
        }

    return {**row("flat"), **row("stress")}


def _turned(result: PeerResult) -> dict[str, str]:
    turned = result.turned
    return {
        "rank-1": _share(turned.rank1["mean"]),
        **{f"DIR at FPIR {target}": _share(rate) for target, rate in turned.dir.items()},
        **{
            f"FPIR {target} becomes": _share(rate)
            for target, rate in turned.fpir_at_upright_threshold.items()
        },
    }


def _share(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.3f}"


_ROWS: dict[str, Callable[[PeerResult], dict[str, str]]] = {
    "summary": _summary,
    "sets": _sets,
    "identification": _identification,
    "verification": _verification,
    "turned": _turned,
}
