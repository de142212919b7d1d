from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")

from docdex.study import StudyConfig, read_config
from docdex.study.cells import Cell, Rates, cells, choose_rates, rate_cells

Tiny = Callable[..., Path]
EVERYTHING = """
counts = [2, 3, 9]
[imbalance]
shares = [0.5, 0.1]
[unseen]
[transfer]
target = { train = ["train.csv"], test = ["test.csv"] }
[[variants]]
name = "sgd"
changes = { optim = { optimiser = "sgd", rates = [1.0, 2.0] } }
[[variants]]
name = "wide margin"
changes = { settings = { triplet = { margin = 0.5 } } }
"""
LABELS = ("a b", "a/b", "c", "d")


@pytest.fixture
def config(tiny_study: Tiny) -> StudyConfig:
    path = tiny_study()
    text = path.read_text(encoding="utf-8")
    top, tables = EVERYTHING.split("[imbalance]")
    path.write_text(f"{top}{text}\n[imbalance]{tables}".replace("[0.3]", "[0.1, 0.3]"), encoding="utf-8")
    return read_config(path)


@pytest.fixture
def rates(config: StudyConfig) -> Rates:
    return choose_rates(config, {})


def test_no_two_cells_share_a_name(config: StudyConfig, rates: Rates) -> None:
    names = [cell.name for cell in (*rate_cells(config), *cells(config, LABELS, rates))]
    assert len(names) == len(set(names))


def test_every_question_is_asked_of_both_sides_with_every_seed(config: StudyConfig, rates: Rates) -> None:
    asked: dict[tuple[str, str], set[tuple[str, int]]] = {}
    for cell in cells(config, LABELS, rates):
        asked.setdefault((cell.part, cell.of), set()).add((cell.loss, cell.seed))
    both = {(loss, seed) for loss in config.sides for seed in config.seeds}
    assert all(both <= found for what, found in asked.items() if what != ("variants", "wide margin"))
    assert asked["variants", "wide margin"] == {("triplet", 1), ("triplet", 2)}
    assert {of for part, of in asked if part == "counts"} == {"2", "3"}
    assert len({of for part, of in asked if part == "imbalance"}) == 8
    assert ("untrained", 1) in asked["transfer", ""]


def test_a_study_that_is_stopped_has_something_of_everything(config: StudyConfig, rates: Rates) -> None:
    found = cells(config, LABELS, rates)
    seeds = [cell.seed for cell in found]
    assert seeds == sorted(seeds)
    assert {cell.part for cell in found if cell.seed == 1} == {cell.part for cell in found}


def test_word_counts_are_measured_once_as_nothing_in_them_is_drawn(config: StudyConfig, rates: Rates) -> None:
    assert [cell.seed for cell in cells(config, LABELS, rates) if cell.loss == "tf-idf"] == [1]


def test_each_loss_gets_the_rate_that_serves_it_best(config: StudyConfig) -> None:
    found: dict[Cell, float | None] = dict.fromkeys(rate_cells(config), 0.5)
    found[Cell("rates", "triplet", 1, 0.3)] = 0.6
    found[Cell("rates", "cross-entropy", 1, 0.1)] = None
    found[Cell("rates", "triplet", 1, 2.0, variant="sgd")] = 0.7
    chosen = choose_rates(config, found)
    assert chosen[None, "triplet"] == 0.3
    assert chosen[None, "cross-entropy"] == 0.3
    assert chosen["sgd", "triplet"] == 2.0
    assert chosen["sgd", "cross-entropy"] == 1.0
    by_cell = {(c.part, c.of, c.loss): c.rate for c in cells(config, LABELS, chosen)}
    assert by_cell["variants", "sgd", "triplet"] == 2.0
    assert by_cell["variants", "wide margin", "triplet"] == 0.3
    assert by_cell["base", "", "untrained"] == 0


def test_a_single_rate_needs_no_choice(tiny_study: Tiny) -> None:
    config = read_config(tiny_study())
    assert rate_cells(config) == []
    assert choose_rates(config, {}) == {(None, "cross-entropy"): 0.3, (None, "triplet"): 0.3}
