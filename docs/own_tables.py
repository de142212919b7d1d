"""Write what training on a user's own folder gave, from `results/own_pages.json`, for `generate.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from tables import RESULTS, table

if TYPE_CHECKING:
    from docdex.evaluation import PeerResult


def write_own(part: str) -> str:
    """What training on a user's folder gave: the `table` by seed, or in words the `change`."""
    path = RESULTS / "own_pages.json"
    if not path.exists():
        return "*Not measured yet: `benchmarks/own_pages.py` writes `results/own_pages.json`.*"
    from docdex.evaluation import PeerResult

    found = json.loads(path.read_text(encoding="utf-8"))
    if part == "change":
        return _own_change(found["runs"])
    rows = []
    for run in found["runs"]:
        shown = [*((told, "") for told in run["before"]), (run["after"], f", {run['minutes']:g} min")]
        rows += [(str(run["seed"]), *_own(msgspec.convert(told, PeerResult), more)) for told, more in shown]
    for told in found["unlike"]:
        rows.append(("–", *_own(msgspec.convert(told, PeerResult), ", types that do not look alike")))
    return table(("seed", "model", "types", "strangers", *_OWN), rows)


_OWN: dict[str, Callable[[Any], tuple[float, Any]]] = {
    "rank-1": lambda told: (told.rank1["flat"]["mean"], told.intervals.rank1["flat"]["mean"]),
    "DIR at FPIR 0.1": lambda told: (told.dir["flat"]["0.1"], told.intervals.dir["flat"]["0.1"]),
    "TPR at per-pair FPR 1e-3": lambda told: (
        told.pairs["flat"]["all"].tpr["1e-3"],
        told.intervals.pairs["flat"]["all"].tpr["1e-3"],
    ),
    "OSCR area": lambda told: (told.oscr["flat"], told.intervals.oscr["flat"]),
}
"""Figures of a folder without copies under stress, each with its interval."""


def _own(told: PeerResult, more: str) -> list[str]:
    figures = [figure(told) for figure in _OWN.values()]
    shown = [f"{rate:.3f} ({bounds[0]:.3f}–{bounds[1]:.3f})" for rate, bounds in figures]
    return [f"`{told.peer}`{more}", str(told.types), str(told.strangers), *shown]


def _own_change(runs: Sequence[dict[str, Any]]) -> str:
    """The change of each figure against each packaged model: the mean over seeds, least and largest."""
    from docdex.evaluation import PeerResult

    lines = []
    for before in zip(*(run["before"] for run in runs), strict=True):
        parts = []
        for name, figure in _OWN.items():
            changes = [
                figure(msgspec.convert(run["after"], PeerResult))[0]
                - figure(msgspec.convert(told, PeerResult))[0]
                for run, told in zip(runs, before, strict=True)
            ]
            spread = f" ({min(changes):+.3f} to {max(changes):+.3f})" if len(changes) > 1 else ""
            parts.append(f"{name} {sum(changes) / len(changes):+.3f}{spread}")
        lines.append(f"- against `{before[0]['peer']}`: {', '.join(parts)}")
    seeds = f", the mean of {len(runs)} seeds, the least and the largest" if len(runs) > 1 else ""
    return "\n".join([f"The trained model's change{seeds}:", "", *lines])
