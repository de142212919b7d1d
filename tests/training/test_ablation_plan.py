from __future__ import annotations

import re
from pathlib import Path

import pytest

from docdex.errors import TrainingError
from docdex.training.ablation.plan import Ablation, describe, identify, read_ablation
from docdex.training.config import differences

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"

BASE = """
name = "base"
[[data.sources]]
folder = "one"
[[data.sources]]
folder = "two"
[optim]
minutes = 92
"""
PLAN = """
base = "base.toml"
steps = 7
seeds = [5]

[every]
data.templates = 20

[[groups]]
name = "margin"
question = "Which margin?"
seeds = [5, 6]
rows = [
    { name = "cosface" },
    { name = "softmax", changes = { loss = { kind = "softmax" } } },
]

[[groups]]
name = "classes"
question = "Which classes?"
rows = [
    { name = "turned" },
    { name = "24", changes = { data = { sources = { classes = "24" } } } },
    { name = "copies", changes = { distil = { clean = 4 } } },
]
"""


def read(tmp_path: Path, plan: str = PLAN) -> Ablation:
    (tmp_path / "base.toml").write_text(BASE, encoding="utf-8")
    path = tmp_path / "plan.toml"
    path.write_text(plan, encoding="utf-8")
    return read_ablation(path)


def test_each_row_is_the_base_with_its_changes_and_nothing_else(tmp_path: Path) -> None:
    ablation = read(tmp_path)
    changed = {
        (variant.row, variant.seed): set(differences(ablation.base, variant.config)) - {"name", "seed"}
        for variant in ablation.variants
    }
    assert changed == {
        ("margin: cosface", 5): set(),
        ("margin: softmax", 5): {"loss.kind"},
        ("classes: 24", 5): {"data.sources"},
        # A table that the base lacks comes with all of its keys.
        ("classes: copies", 5): changed["classes: copies", 5],
        ("margin: cosface", 6): set(),
        ("margin: softmax", 6): {"loss.kind"},
    }
    assert "distil.clean" in changed["classes: copies", 5]
    for variant in ablation.variants:
        optim = variant.config.optim
        assert (optim.steps, optim.minutes) == (7, None)
        assert variant.config.data.templates == 20
        assert variant.config.seed == variant.seed


def test_seeds_are_interleaved_and_the_base_is_trained_once_for_all_groups(tmp_path: Path) -> None:
    assert [(variant.row, variant.seed) for variant in read(tmp_path).variants] == [
        ("margin: cosface", 5),
        ("margin: softmax", 5),
        ("classes: 24", 5),
        ("classes: copies", 5),
        ("margin: cosface", 6),
        ("margin: softmax", 6),
    ]


def test_a_key_of_the_sources_is_meant_for_each_of_them(tmp_path: Path) -> None:
    config = next(variant.config for variant in read(tmp_path).variants if variant.row == "classes: 24")
    assert [(source.folder, source.classes) for source in config.data.sources] == [
        ("one", "24"),
        ("two", "24"),
    ]


def test_changes_are_the_same_in_whatever_order_they_are_written() -> None:
    one = {"loss": {"kind": "softmax", "scale": 2}, "seed": 1}
    other = {"seed": 1, "loss": {"scale": 2, "kind": "softmax"}}
    assert identify(one) == identify(other) != identify({**one, "distil": {}})
    assert describe(one) == "loss.kind = softmax, loss.scale = 2, seed = 1"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"base.toml"', '"gone.toml"', r"gone\.toml"),
        ("steps = 7", "", "either minutes or steps"),
        ("steps = 7", "steps = 7\nminutes = 1.0", "either minutes or steps"),
        ('name = "24"', 'name = "turned"', "same name: classes: turned"),
        ('kind = "softmax"', 'kind = "triplet"', r"margin: softmax.*loss\.kind"),
        ('kind = "softmax"', 'kinds = "softmax"', "margin: softmax.*kinds"),
        ('kind = "softmax"', "sampled = 1.5", "margin: softmax.*loss.sampled"),
        ("clean = 4", 'loss = "cosine"', r"classes: copies.*needs a distil\.teacher"),
        ("data.templates", "data.template", "every.*template"),
        ('name = "cosface"', 'name = "a | b"', "name"),
        ("seeds = [5, 6]", "seeds = []", "seeds"),
        ('question = "Which margin?"', "", "question"),
        ("[every]", "[each]", "each"),
        ("base =", "base = =", "line 2"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused_with_what_is_wrong(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    assert old in PLAN
    with pytest.raises(TrainingError, match=named):
        read(tmp_path, PLAN.replace(old, new, 1))


def test_a_missing_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"gone\.toml: no plan that can be read"):
        read_ablation(tmp_path / "gone.toml")


def test_the_committed_plan_asks_what_was_published_and_trains_its_base_once_a_seed() -> None:
    ablation = read_ablation(CONFIGS / "ablation.toml")
    base = [variant.seed for variant in ablation.variants if not variant.changes]
    assert base == [1, 2, 3]
    published = {row.published for group in ablation.groups for row in group.rows} - {None}
    # The rows of the published tables: margins, classes, norms, start, heads, size, trunk, data, teacher.
    assert published >= {
        0.663,
        0.754,
        0.784,
        0.615,
        0.666,
        0.721,
        0.141,
        0.480,
        0.772,
        0.713,
        0.682,
        0.813,
        0.859,
    }
    first_turn = [variant.seed for variant in ablation.variants if variant.seed == 1]
    assert [variant.seed for variant in ablation.variants][: len(first_turn)] == first_turn


def test_the_plan_in_the_docs_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "ablation.md").read_text(encoding="utf-8")
    (plan,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "plan.toml").write_text(plan.replace('base = "', f'base = "{CONFIGS}/'))
    assert len(read_ablation(tmp_path / "plan.toml").variants) == 6
