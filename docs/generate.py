"""Write the parts of the docs that code or results already say, so that nobody types them a second time.

    python docs/generate.py            rewrite what is out of date
    python docs/generate.py --check    only name the pages that are out of date; exit code 1 if there are any

A part lies in a page between `<!-- generated: NAME ... -->` and `<!-- end generated -->`. NAME is a key of
`PARTS`; words that follow it are given to that function.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from inspect import cleandoc
from pathlib import Path

from click.testing import CliRunner

from docdex import errors
from docdex.calibration import pages_needed

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also for whoever loads this file by its path
import text_tables
from mistake_tables import write_mistakes
from model_tables import (
    write_costs,
    write_measured,
    write_model,
    write_published,
    write_recipe,
    write_results,
    write_thresholds,
)
from own_tables import write_own
from tables import CONFIGS, RESULTS, ROOT, table

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


def write_ablation(part: str) -> str:
    """What an ablation found: `budget`, `order` of effects, or `groups` with a table each."""
    path = RESULTS / "ablation.json"
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
    path = RESULTS / "study_images.json"
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


def write_study(name: str, part: str) -> str:
    """A table of what a study of texts found, beside what was published where anything was."""
    path = RESULTS / f"study_{name}.json"
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
