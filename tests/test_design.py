"""The design holds what it says of the code: every room is in its layout, and arrows point down."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "docdex"
MODULES = sorted(SOURCE.rglob("*.py"))

POINTING_UP = {("evaluation", "training")}
"""The baselines that need torch: imported when somebody asks for them."""


def layout() -> list[str]:
    """The rooms of `docs/design.md` in their order: a module or folder each, without suffix."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    inside = text.partition("    src/docdex/\n")[2].partition("    configs/")[0]
    return re.findall(r"^ {8}([\w]+)(?:\.py|/)\s", inside, re.MULTILINE)


def room_of(module: Path) -> str:
    return module.relative_to(SOURCE).with_suffix("").parts[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Names below `docdex` that a module imports anywhere, but for annotations alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            yield from imports(node)
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("docdex."))


def test_the_layout_names_every_room_and_no_other() -> None:
    there = {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
    }
    assert set(layout()) == there - {"__init__"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_imports_what_stands_below_it(module: Path) -> None:
    order = layout()
    room = room_of(module)
    if room == "__init__":
        pytest.skip("the package's door leads to every room")
    imported = set(imports(ast.parse(module.read_text(encoding="utf-8")))) & set(order)
    below = {name for name in imported if order.index(name) > order.index(room)}
    assert {(room, name) for name in below} - POINTING_UP == set()


def test_only_training_and_the_study_import_torch() -> None:
    importing = {
        room_of(module)
        for module in MODULES
        if re.search(r"^\s*(import|from) torch\b", module.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing <= {"training", "study"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_says_why_it_exists(module: Path) -> None:
    first = (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    assert first.strip()
