"""Write the parts of the docs that code or results already say, so that nobody types them a second time.

    python docs/generate.py            rewrite what is out of date
    python docs/generate.py --check    only name the pages that are out of date; exit code 1 if there are any

A part lies in a page between `<!-- generated: NAME ... -->` and `<!-- end generated -->`. NAME is a key of
`PARTS`; words that follow it are given to that function.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from click.testing import CliRunner

from docdex import errors, models
from docdex.calibration import pages_needed

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also for whoever loads this file by its path
import text_tables

if TYPE_CHECKING:
    from docdex.evaluation import PeerResult

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "benchmark.json"
CONFIGS = ROOT / "configs"

_MARKED = re.compile(r"(<!-- generated: ([^\n]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)


def find_pages() -> list[Path]:
    """The pages that may hold generated parts."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def generate(text: str) -> str:
    """A page with all its generated parts written anew."""
    return _MARKED.sub(lambda found: f"{found[1]}{_write(found[2])}\n{found[3]}", text)


def _write(marker: str) -> str:
    name, *words = marker.split()
    return PARTS[name](*words)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows))


def write_errors() -> str:
    """The error tree: for each base its errors with code, meaning and what to do."""
    children = errors.DocdexError.__subclasses__()
    sections = []
    for base in (kind for kind in children if kind.__subclasses__()):
        meaning, *remedy = _paragraphs(base)
        # Without a remedy of its own a base is never raised itself.
        kinds = [*([base] if remedy else []), *base.__subclasses__()]
        sections.append(f"## {base.__name__}\n\n`{base.code}`: {meaning}\n\n{_error_table(kinds)}")
    rest = _error_table([kind for kind in children if not kind.__subclasses__()])
    return "\n\n".join([*sections, f"## Others\n\n{rest}"])


def _error_table(kinds: Sequence[type[errors.DocdexError]]) -> str:
    rows = [(f"`{kind.code}`", f"`{kind.__name__}`", *_paragraphs(kind)) for kind in kinds]
    return table(("code", "class", "meaning", "what to do"), rows)


def _paragraphs(kind: type) -> list[str]:
    return [" ".join(part.split()) for part in cleandoc(kind.__doc__ or "").split("\n\n")]


def write_help(*words: str) -> str:
    """What a command says about itself."""
    from docdex.cli import main

    said = CliRunner().invoke(main, [*words, "--help"], prog_name="docdex", terminal_width=96)
    if said.exit_code:
        raise SystemExit(f"docdex {' '.join(words)} --help failed: {said.output}")
    return f"```text\n{said.output.rstrip()}\n```"


def write_pages_needed() -> str:
    """How many pages of other types a target needs at least."""
    targets = (0.1, 0.05, 0.03, 0.01, 0.003, 0.001)
    rows = [(f"{100 * target:g} %", f"{pages_needed(target):,}") for target in targets]
    return table(("strangers that may get a label", "pages needed, if none of them gets one"), rows)


def write_growth() -> str:
    """What share of strangers a gallery accepts at a per-pair FPR, were its pairs independent."""
    sizes, rates = (1, 10, 50, 100, 1000), (1e-2, 1e-3, 1e-4)
    rows = [(f"{size:,}", *(f"{100 * (1 - (1 - rate) ** size):.3g} %" for rate in rates)) for size in sizes]
    return table(("types", *(f"{100 * rate:g} % per pair" for rate in rates)), rows)


def write_results(name: str = "summary") -> str:
    """A table of what was measured, ours beside the baselines."""
    if not RESULTS.exists():
        return "*Not measured yet: `docdex evaluate` writes `results/benchmark.json`.*"
    from docdex.evaluation import markdown_table, read_results

    return markdown_table(read_results(RESULTS), name)


_PUBLISHED = "docdex:published_"
"""What the names of the published recipe's generations begin with, as the configs are called."""


def write_published() -> str:
    """The published recipe's generations beside models of ours, and whether those are ahead of the best."""
    missing = "*Not measured yet: `docdex evaluate` with these models writes `results/benchmark.json`.*"
    if not RESULTS.exists():
        return missing
    from docdex.evaluation import markdown_table, read_results, standing_table

    results = [result for result in read_results(RESULTS) if result.peer.startswith("docdex:")]
    published = [result for result in results if result.peer.startswith(_PUBLISHED)]
    ours = [result for result in results if result not in published]
    if not published or not ours:
        return missing
    return f"""{markdown_table([*ours, *published], "trained")}

Against the best of the published generations in each figure; *apart* where the 95 % intervals do not touch:

{standing_table(ours, published)}"""


def _passport() -> models.Passport | None:
    path = models.WEIGHTS / f"{models.DEFAULT}.onnx"
    return models.read_passport(path) if path.exists() else None


def write_costs() -> str:
    """What the benchmarks measured beside what docdex allows itself."""
    names = ("pipeline", "pipeline_small", "model_cost", "search", "imports")
    found = {name: RESULTS.with_name(f"{name}.json") for name in names}
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
    passport = _passport()
    if passport is None:
        return _NO_MODEL
    return table(("figure", "value"), _flat(passport.measured))


def write_thresholds() -> str:
    """The passport's table of thresholds."""
    passport = _passport()
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


def write_ablation(part: str) -> str:
    """What an ablation found: `budget`, `order` of effects, or `groups` with a table each."""
    path = RESULTS.with_name("ablation.json")
    if not path.exists():
        return "*Not measured yet: `make ablation` writes `results/ablation.json`.*"
    from docdex.training.ablation import report
    from docdex.training.ablation.record import read_record

    sections = {
        "budget": report.budget_section,
        "order": report.order_section,
        "groups": report.groups_section,
    }
    return sections[part](read_record(path))


def write_study_images(part: str) -> str:
    """What the study of losses on images found: `budget`, `figures`, `differences` or `costs`."""
    path = RESULTS.with_name("study_images.json")
    if not path.exists():
        return (
            "*Not measured yet: `docdex study configs/study_images.toml` writes `results/study_images.json`.*"
        )
    from docdex.study.images import report
    from docdex.study.images.record import read_images_record

    sections = {
        "budget": report.budget_section,
        "figures": report.figures_table,
        "differences": report.differences_table,
        "costs": report.costs_table,
    }
    return sections[part](read_images_record(path))


def write_own(part: str) -> str:
    """What training on a user's folder gave: the `table` by seed, or in words the `change`."""
    path = RESULTS.with_name("own_pages.json")
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


def write_mistakes(part: str) -> str:
    """Mistakes of the default model: `sets`, `strangers`, types `mistaken` or `alike`, or the `picture`."""
    path, passport = RESULTS.with_name("mistakes.json"), _passport()
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


def write_study(name: str, part: str) -> str:
    """A table of what a study of texts found, beside what was published where anything was."""
    path = RESULTS.with_name(f"study_{name}.json")
    if not path.exists():
        return f"*Not measured yet: `docdex study configs/study_{name}.toml -o results/study_{name}.json`.*"
    from docdex.study import Study, read_json
    from docdex.study.tables import markdown_table

    return markdown_table(read_json(path, Study), part)


def write_config(name: str) -> str:
    """A committed config as it is."""
    return f"```toml\n{(CONFIGS / f'{name}.toml').read_text(encoding='utf-8').rstrip()}\n```"


PARTS: dict[str, Callable[..., str]] = {
    "ablation": write_ablation,
    "config": write_config,
    "costs": write_costs,
    "errors": write_errors,
    "growth": write_growth,
    "help": write_help,
    "measured": write_measured,
    "mistakes": write_mistakes,
    "model": write_model,
    "own": write_own,
    "pages-needed": write_pages_needed,
    "published": write_published,
    "recipe": write_recipe,
    "results": write_results,
    "study": write_study,
    "study-images": write_study_images,
    "text": text_tables.write,
    "thresholds": write_thresholds,
}


def main(arguments: Sequence[str]) -> int:
    """Rewrite the pages, or check them; the exit code."""
    parser = ArgumentParser(description="Rewrite the generated parts of the docs that are out of date.")
    parser.add_argument("--check", action="store_true", help="only name the pages; exit code 1 if any")
    check = parser.parse_args(arguments).check
    stale = [
        (page, written)
        for page in find_pages()
        if (written := generate(text := page.read_text(encoding="utf-8"))) != text
    ]
    for page, written in stale:
        print(page.relative_to(ROOT))
        if not check:
            page.write_text(written, encoding="utf-8")
    return int(bool(stale) and check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
