"""Write what the default model gets wrong, from `results/mistakes.json`, for `generate.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from model_tables import default_passport
from tables import RESULTS, table


def write_mistakes(part: str) -> str:
    """Mistakes of the default model: `sets`, `strangers`, types `mistaken` or `alike`, or the `picture`."""
    path, passport = RESULTS / "mistakes.json", default_passport()
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if found is None or passport is None or found["digest"] != passport.digest:
        return "*Not measured yet: `make evaluate` writes `results/mistakes.json`.*"
    return _MISTAKES[part](found)


def _mistakes_by_set(found: dict[str, Any]) -> str:
    heads = ("set", "capture", "asked", "right", "another type", "of the same set", "unknown", "led astray")
    rows = [
        [of["set"], of["capture"]]
        + [
            f"{count:,}"
            for count in (
                of["asked"],
                of["asked"] - of["wrong"] - of["unknown"],
                *(of[name] for name in ("wrong", "same_set", "unknown", "astray")),
            )
        ]
        for of in found["probes"]
    ]
    asked, wrong, same_set, unknown, astray = (
        sum(of[name] for of in found["probes"])
        for name in ("asked", "wrong", "same_set", "unknown", "astray")
    )
    answers = (
        f"Of {asked:,} answers {asked - wrong - unknown:,} are right. {wrong:,} name another type, "
        f"{same_set:,} of them one of the same set. {unknown:,} are unknown, and in {astray:,} of these "
        "another type was nearest."
    )
    return f"""{found["types"]} types, {found["draws"]} draws, threshold {found["threshold"]:.4f}. {answers}

{table(heads, rows)}"""


def _mistakes_about_strangers(found: dict[str, Any]) -> str:
    rows = [(of["set"], f"{of['asked']:,}", f"{of['labelled']:,}") for of in found["strangers"]]
    return table(("strangers", "asked", "given a label"), rows)


def _types_mistaken(found: dict[str, Any]) -> str:
    rows = [
        (f"`{pair['probe']}`", f"`{pair['sample']}`", str(pair["times"]), f"{pair['similarity']:.3f}")
        for pair in found["mistaken"]
    ]
    return f"""The first {len(rows)} of {found["pairs_mistaken"]}:

{table(("asked about", "nearest", "times", "highest similarity"), rows)}"""


def _types_alike(found: dict[str, Any]) -> str:
    rows = [
        (f"`{pair['probe']}`", f"`{pair['sample']}`", f"{pair['similarity']:.3f}", str(pair["times"]))
        for pair in found["alike"]
    ]
    return f"""The first {len(rows)} of {found["pairs_alike"]}:

{table(("type", "type", "similarity of their nearest pages", "pairs of pages above"), rows)}"""


def _picture_of_mistakes(found: dict[str, Any]) -> str:
    if not found["shown"]:
        return "*None of its mistakes is on pages that may be shown.*"
    shown = "![Pages beside the type that they resemble, and pages not recognised](docs/mistakes.jpg)"
    sources = f"{'; '.join(found['credits'])}. Stress copies are altered by a program."
    return f"{shown}\n\n*Pictures: {sources} [LICENSING.md](LICENSING.md) has their terms.*"


_MISTAKES: dict[str, Callable[[dict[str, Any]], str]] = {
    "alike": _types_alike,
    "mistaken": _types_mistaken,
    "picture": _picture_of_mistakes,
    "sets": _mistakes_by_set,
    "strangers": _mistakes_about_strangers,
}
