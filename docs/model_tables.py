"""Write tables about the packaged models and the benchmark, from passports and results, for `generate.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from tables import CONFIGS, RESULTS, table

from docdex import models

BENCHMARK = RESULTS / "benchmark.json"


def write_results(name: str = "summary") -> str:
    """A table of what was measured, ours beside the baselines."""
    if not BENCHMARK.exists():
        return "*Not measured yet: `docdex evaluate` writes `results/benchmark.json`.*"
    from docdex.evaluation import markdown_table, read_results

    return markdown_table(read_results(BENCHMARK), name)


_PUBLISHED = "published"
"""What the names of models by the published recipe hold, as the configs are called."""


def write_published() -> str:
    """The published recipe's generations beside models of ours, and whether those are ahead of the best."""
    missing = "*Not measured yet: `docdex evaluate` with these models writes `results/benchmark.json`.*"
    if not BENCHMARK.exists():
        return missing
    from docdex.evaluation import markdown_table, read_results, standing_table

    results = [result for result in read_results(BENCHMARK) if result.peer.startswith("docdex:")]
    published = [result for result in results if _PUBLISHED in result.peer]
    ours = [result for result in results if result not in published]
    if not published or not ours:
        return missing
    parts = [
        markdown_table([*ours, *published], "trained"),
        "Against the best of the published generations in each figure; *apart* where the 95 % interval "
        "touches that of none of them:",
        standing_table(ours, published),
    ]
    if any(result.lead for result in ours):
        parts += [
            "How far each is ahead, with the interval of the difference, for which the same types are drawn "
            "for both:",
            markdown_table(results, "lead"),
        ]
    return "\n\n".join(parts)


def default_passport() -> models.Passport | None:
    """The passport of the default model, if it is there."""
    path = models.WEIGHTS / f"{models.DEFAULT}.onnx"
    return models.read_passport(path) if path.exists() else None


def write_costs() -> str:
    """What the benchmarks measured beside what docdex allows itself."""
    names = ("pipeline", "pipeline_small", "model_cost", "search", "imports")
    found = {name: RESULTS / f"{name}.json" for name in names}
    if not all(path.exists() for path in found.values()):
        return "*Not measured yet: `make benchmarks` writes the results.*"
    base, small, cost, search, imports = (
        json.loads(path.read_text(encoding="utf-8")) for path in found.values()
    )
    rows = []
    for pipeline in (base, small):
        rows += [
            (
                f"one 12-megapixel photo recognised, four rotations tried, by `{pipeline['model']}`",
                "decoding it at quarter scale",
                f"{pipeline['recognise']['ratio_to_decode_quarter']:.2f}",
                "1.4",
            ),
            (
                f"registering a folder by `{pipeline['model']}`",
                "decoding and embedding its pages",
                f"{pipeline['register']['ratio_to_decode_and_embed']:.2f}",
                "1.5",
            ),
        ]
    for name, most in (("base", "4.5"), ("small", "1.5")):
        size, ratio = cost["megabytes"][name], cost["ratio_to_trunk"][name]
        of = f"the runs of `{name}` ({size:.2f} MB) on a page higher than wide"
        rows.append((of, "one of EfficientNet-Lite0 to stride 16 at 128 px", f"{ratio:.2f}", most))
    for result in search["results"]:
        if result["threads"] == "1":
            for probes, asked in ((1, "one vector"), (4, "4 vectors at once")):
                rows.append(
                    (
                        f"searching {result['samples']:,} samples of {search['dimension']:,} numbers for "
                        f"{asked}, {result['memory_mb']:,} MB",
                        "one numpy product of that size",
                        f"{result[f'probes_{probes}']['ratio']:.2f}",
                        "1.5",
                    )
                )
    costs = table(("what", "against", "ratio", "at most"), rows)
    seconds = {name: f"{value / 1000:.2f} s" for name, value in imports["cpu_ms"].items()}
    return f"""{costs}

`import docdex` takes {seconds["import docdex"]} of CPU time, `docdex --help` {seconds["docdex --help"]}."""


_NO_MODEL = "*The weights are still being trained: this table is made from their passport.*"


def write_model() -> str:
    """What the passports of the packaged models say of the files, the default first, and of the training."""
    names = sorted(models.names(), key=lambda name: (name != models.DEFAULT, name))
    if models.DEFAULT not in names:
        return _NO_MODEL
    columns = [_facts(models.WEIGHTS / f"{name}.onnx") for name in names]
    rows = dict.fromkeys(row for column in columns for row in column)
    return table(
        ("passport", *(f"`{name}`" for name in names)),
        [(row, *(column.get(row, "–") for column in columns)) for row in rows],
    )


def _facts(path: Path) -> dict[str, str]:
    passport = models.read_passport(path)
    # Its config has a table of its own (`recipe`).
    training = {name: value for name, value in passport.training.items() if name != "config"}
    seen = f"float32 (N, 3, {passport.input.side}, {passport.input.side})"
    facts = {
        "file": f"{path.stat().st_size / 1e6:.2f} MB",
        "SHA-256": f"`{passport.digest}`",
        "input": f"`{passport.input.name}`: {seen}",
        "views of a page": ", ".join(passport.input.views),
        "preprocess": f"version {passport.input.preprocess}",
        "output": f"`{passport.output.name}`: float32 (N, {passport.output.dimension}), unit length",
        "numbers of a page": str(passport.contract.dimension),
        "licence": passport.licence,
        "default FPR per probe": "none" if passport.default_fpr is None else f"{passport.default_fpr:g}",
        "default margin": f"{passport.default_margin:g}",
    }
    for name, value in _flat(training):
        # Earlier runs have the same facts: one row for all.
        row = f"training: {name}"
        facts[row] = f"{facts[row]}, {value}" if row in facts else value
    return facts


def write_measured() -> str:
    """What the passport says was measured at the checkpoint that became the model."""
    passport = default_passport()
    if passport is None:
        return _NO_MODEL
    return table(("figure", "value"), _flat(passport.measured))


def write_thresholds() -> str:
    """The passport's table of thresholds."""
    passport = default_passport()
    if passport is None:
        return _NO_MODEL
    rows = [
        (
            f"{row.fpr:g} per {row.per}",
            "upright" if row.rotations == (0,) else "four rotations",
            f"{row.threshold:.4f}",
            "" if row.gallery_labels is None else str(row.gallery_labels),
            "" if row.strangers is None else str(row.strangers),
            row.data,
        )
        for row in passport.thresholds
    ]
    return table(("FPR", "tried", "threshold", "labels in the gallery", "strangers", "measured on"), rows)


def _flat(facts: dict[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Nested facts as (name, value), names of inner ones joined by spaces."""
    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{above}{name} ")
        elif isinstance(value, list):
            for item in value:
                # The config of each network that was joined has a table of its own too.
                rows += _flat({key: fact for key, fact in item.items() if key != "config"}, f"{above}{name} ")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
            rows.append((f"{above}{name}", shown))
    return rows


def write_recipe(name: str) -> str:
    """The settings of a run that a packaged model was made by, as its committed config has them."""
    from docdex.training.config import read_config

    config = read_config(CONFIGS / f"{name}.toml")
    rows: list[tuple[str, str]] = []
    for part in ("model", "loss", "optim", "data"):
        settings = msgspec.to_builtins(getattr(config, part))
        sources = settings.pop("sources", None)
        rows += [(f"{part}.{name}", f"`{value}`") for name, value in settings.items() if value is not None]
        if sources:
            rows.append((f"{part}.sources", f"{len(sources)} folders"))
    return table(("setting", "value"), [*rows, ("seed", f"`{config.seed}`")])
