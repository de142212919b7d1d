"""Write tables about recognising by words, from `results/` and the passports, for `generate.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tables import RESULTS, table

from docdex import models
from docdex.text import passport

_FIGURES = {
    "rank1": "rank-1",
    "rank1_unseen": "rank-1, unseen",
    "rank1_seen": "rank-1, seen",
    "dir@0.1": "DIR at FPIR 0.1",
    "dir@0.01": "DIR at FPIR 0.01",
}


def _read(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _missing(name: str) -> str:
    return f"*Not measured yet: `benchmarks/{name}.py` writes `results/{name}.json`.*"


def _shown(figure: dict[str, float], sign: str = "") -> str:
    value, low, high = (f"{figure[part]:{sign}.3f}" for part in ("value", "low", "high"))
    return f"{value} ({low}–{high})" if not sign else f"{value} ({low} to {high})"


def write_intents(gallery: str) -> str:
    """Recognition in the gallery of `unseen` labels or of `all`."""
    found = _read("text_benchmark")
    if found is None:
        return _missing("text_benchmark")
    results = [result for result in found["results"] if result["gallery"] == gallery]
    names = [name for name in _FIGURES if name in results[0]["figures"]]
    rows = [
        (str(result["samples"]), result["peer"], *(_shown(result["figures"][name]) for name in names))
        for result in results
    ]
    heads = ("samples a label", "recogniser", *(_FIGURES[name] for name in names))
    told = f"{results[0]['labels']} labels, {results[0]['strangers']:,} strangers, {found['draws']} draws."
    return f"{told}\n\n{table(heads, rows)}"


def write_ahead() -> str:
    """How far the packaged model is ahead of the best TF-IDF of each figure."""
    found = _read("text_benchmark")
    if found is None:
        return _missing("text_benchmark")
    rows = []
    for result in found["results"]:
        for name, figure in result.get("ahead", {}).items():
            apart = "ahead" if figure["low"] > 0 else "behind" if figure["high"] < 0 else "not apart"
            of = (result["gallery"], str(result["samples"]), _FIGURES[name], figure["of"])
            rows.append((*of, _shown(figure, "+"), apart))
    heads = ("gallery", "samples a label", "figure", "best TF-IDF", "difference", "95 % interval says")
    return table(heads, rows)


def write_receipts(words: str) -> str:
    """Receipts by words and looks; words: those of the `transcripts`, or read by `ocr`."""
    found = _read("text_receipts")
    if found is None or words not in found:
        return _missing("text_receipts")
    of = found[words]
    rows = [(name, *(_shown(of[c]["rank1"][name]) for c in of)) for name in next(iter(of.values()))["rank1"]]
    asked = ", ".join(f"{of[capture]['probes']} {capture}" for capture in of)
    return f"{found['types']} types; probes: {asked}.\n\n{table(('right by', *of), rows)}"


def write_cost() -> str:
    """What a text costs."""
    found = _read("text_cost")
    if found is None:
        return _missing("text_cost")
    rows = [
        (name, f"{found['characters'][name.split()[0]]:,}", f"{milliseconds:.2f}")
        for name, milliseconds in found["cpu_ms"].items()
    ]
    return table(("what", "characters", "CPU-ms"), rows)


def write_passports() -> str:
    """What the passports of models of texts say, the default first."""
    names = sorted(passport.names(), key=lambda name: name != passport.DEFAULT)
    read = {name: passport.read(models.WEIGHTS / f"{name}{passport.SUFFIX}") for name in names}
    facts: dict[str, Callable[[str, passport.TextPassport], str]] = {
        "file": lambda name, _: _file(name),
        "SHA-256": lambda _, of: f"`{of.digest[:16]}…`",
        "reads by": lambda _, of: f"{of.input.reader}, version {of.input.version}",
        "numbers of a text": lambda _, of: str(of.output.dimension),
        "licence": lambda _, of: of.licence,
        "minutes of training": lambda _, of: str(of.training.get("minutes", "–")),
        "classes": lambda _, of: str(of.training.get("classes", "–")),
        "default FPR per probe": lambda _, of: "none" if of.default_fpr is None else f"{of.default_fpr:g}",
    }
    rows = [(fact, *(say(name, of) for name, of in read.items())) for fact, say in facts.items()]
    measured = dict.fromkeys(key for of in read.values() for key in of.measured)
    rows += [(key, *(str(of.measured.get(key, "–")) for of in read.values())) for key in measured]
    return table(("passport", *(f"`{name}`" for name in names)), rows)


def _file(name: str) -> str:
    path = models.WEIGHTS / f"{name}{passport.SUFFIX}"
    return f"{path.stat().st_size / 1e6:.2f} MB" if path.exists() else "a package of its own"


def write_thresholds() -> str:
    """The packaged model's table of thresholds."""
    found = passport.read(models.WEIGHTS / f"{passport.DEFAULT}{passport.SUFFIX}")
    rows = [
        (f"{row.fpr:g}", f"{row.threshold:.4f}", str(row.gallery_labels), str(row.strangers), row.data)
        for row in found.thresholds
    ]
    return table(("FPR per probe", "threshold", "labels in the gallery", "strangers", "measured on"), rows)


_PARTS: dict[str, Callable[..., str]] = {
    "ahead": write_ahead,
    "cost": write_cost,
    "intents": write_intents,
    "passports": write_passports,
    "receipts": write_receipts,
    "thresholds": write_thresholds,
}


def write(part: str, *words: str) -> str:
    """A part of a page by its name."""
    return _PARTS[part](*words)
