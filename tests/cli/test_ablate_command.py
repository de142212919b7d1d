from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from running import Run

from docdex.training.ablation.plan import Ablation

PLAN = """
base = "base.toml"
steps = 2
[[groups]]
name = "margin"
question = "Which margin?"
rows = [{ name = "cosface" }, { name = "softmax", changes = { loss = { kind = "softmax" } } }]
"""
BASE = 'name = "base"\ndata = { sources = [{ folder = "pages" }] }\noptim = { steps = 1 }\n'


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Path, Path]]:
    """What was to be trained: how many runs, their folder, the results. Nothing is, so no torch is loaded."""
    done: list[tuple[int, Path, Path]] = []

    def ablate(ablation: Ablation, runs: Path, results: Path, say: Callable[[str], None]) -> SimpleNamespace:
        done.append((len(ablation.variants), runs, results))
        say("1 of 2")
        return SimpleNamespace(runs=[1], failures=[1] if runs.name == "failing" else [])

    rows = ModuleType("docdex.training.ablation.rows")
    vars(rows)["ablate"] = ablate
    monkeypatch.setitem(sys.modules, "docdex.training.ablation.rows", rows)
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    (tmp_path / "base.toml").write_text(BASE, encoding="utf-8")
    return done


def test_an_ablation_goes_to_the_folder_of_its_plan_unless_told_otherwise(
    run: Run, asked: list[tuple[int, Path, Path]]
) -> None:
    said = run("ablate plan.toml").stdout
    assert said == f"1 of 2\n{Path('results/ablation.json')}: 1 run, 0 failures\n"
    run("ablate plan.toml --run elsewhere -o found.json")
    assert asked == [
        (2, Path("runs/plan"), Path("results/ablation.json")),
        (2, Path("elsewhere"), Path("found.json")),
    ]


def test_a_failed_run_makes_the_exit_code_one(run: Run, asked: list[tuple[int, Path, Path]]) -> None:
    assert "1 run, 1 failure" in run("ablate plan.toml --run failing", code=1).stdout


def test_a_plan_with_a_misspelt_key_is_one_error(
    run: Run, asked: list[tuple[int, Path, Path]], tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text(PLAN.replace("kind", "kinds"), encoding="utf-8")
    said = run("ablate plan.toml", code=1).stderr
    assert "margin: softmax" in said
    assert "kinds" in said
    assert len(said.splitlines()) == 1
    assert asked == []


def test_without_the_extra_training_names_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docdex.training.ablation.rows", None)
    said = run("ablate plan.toml", code=1).stderr
    assert "docdex[train]" in said
    assert "(missing-extra)" in said
