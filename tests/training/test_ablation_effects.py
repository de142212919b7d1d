from __future__ import annotations

import pytest

from docdex.training.ablation.effects import FIGURES, PUBLISHED, agreement, effects, noise
from docdex.training.ablation.plan import Group, Row
from docdex.training.ablation.record import Failure, Record, Run
from docdex.training.ablation.report import budget_section, groups_section, order_section
from docdex.training.config import DataConfig, OptimConfig, SourceConfig, TrainConfig

BASE = TrainConfig(
    name="base", data=DataConfig(sources=(SourceConfig("pages"),)), optim=OptimConfig(minutes=1.5)
)
SOFTMAX, AVERAGE, LAYER, BATCH = {"a": 1}, {"b": 1}, {"c": 1}, {"d": 1}
GROUPS = (
    Group("margin", "Which margin?", (Row("cosface", {}, 0.784), Row("softmax", SOFTMAX, 0.663)), "A note."),
    Group("head", "Which head?", (Row("squeeze", {}, 0.772), Row("average", AVERAGE, 0.48))),
    Group(
        "norm",
        "Which norm?",
        (Row("layer", LAYER, 0.784), Row("batch", BATCH), Row("both", {}, 0.912, 0.859)),
    ),
)


def run(changes: dict[str, int], seed: int, tpr: float | None, other: float = 0.5) -> Run:
    figures = {**dict.fromkeys(FIGURES.values(), other), PUBLISHED: tpr}
    return Run(changes, seed, 40, 10, 1000 * seed, 90.0, 1800.0, figures)


RECORD = Record(
    BASE,
    GROUPS,
    (
        run({}, 1, 0.6),
        run({}, 2, 0.62),
        run(SOFTMAX, 1, 0.3),
        run(SOFTMAX, 2, 0.34),
        run(SOFTMAX, 3, 0.35),  # of a seed that the first of its group has not
        run(AVERAGE, 1, 0.5, 0.4),
        run(LAYER, 1, 0.58),
        run(BATCH, 1, None),
    ),
    (Failure(BATCH, 2, "the disk\nis full"), Failure({"gone": 1}, 1, "was asked before")),
)


def test_an_effect_is_the_mean_difference_to_the_first_row_over_the_seeds_that_both_have() -> None:
    found = {effect.name: effect for effect in effects(RECORD)}
    assert list(found) == ["margin: softmax", "head: average", "norm: both"]
    assert found["margin: softmax"].ours == pytest.approx(((0.3 - 0.6) + (0.34 - 0.62)) / 2)
    assert found["margin: softmax"].five == pytest.approx(found["margin: softmax"].ours / 5)
    assert found["head: average"].ours == pytest.approx(-0.1)
    assert found["head: average"].five == pytest.approx(-0.1)
    assert found["norm: both"].against == "layer"


def test_a_published_effect_is_taken_within_one_series() -> None:
    found = {effect.name: effect.published for effect in effects(RECORD)}
    assert found["margin: softmax"] == pytest.approx(-0.121)
    assert found["norm: both"] == pytest.approx(0.053)


def test_what_seeds_do_alone_is_the_noise() -> None:
    assert noise(RECORD) == pytest.approx(0.05)
    within = {effect.name: effect.within_noise for effect in effects(RECORD)}
    assert within == {"margin: softmax": False, "head: average": False, "norm: both": True}
    assert noise(Record(BASE, GROUPS, (run({}, 1, 0.6),))) is None


def test_orders_agree_by_the_pairs_that_stand_alike_in_both() -> None:
    # Ours: softmax, average, both. Published: average, softmax, both.
    assert agreement(effects(RECORD)) == pytest.approx(1 / 3)
    assert agreement(effects(RECORD)[:1]) is None


def test_the_order_names_where_ours_is_another_than_the_published() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in order_section(RECORD).splitlines()[2:5]
    ]
    assert [(row[0], row[2], row[5], row[6], row[7]) for row in rows] == [
        ("margin: softmax", "-0.290", "1", "2", "1 place higher here"),
        ("head: average", "-0.100", "2", "1", "1 place lower here"),
        ("norm: both", "+0.020", "3", "3", "no larger than what seeds do"),
    ]
    assert "tau of +0.33" in order_section(RECORD)
    assert "up to 0.050" in order_section(RECORD)


def test_an_effect_the_other_way_round_is_named() -> None:
    told = order_section(Record(BASE, GROUPS, (run({}, 1, 0.6), run(AVERAGE, 1, 0.7))))
    assert "helps here, harms there" in told
    assert "harms here, helps there" in order_section(
        Record(BASE, GROUPS, (run(LAYER, 1, 0.6), run({}, 1, 0.4), run(AVERAGE, 1, 0.3)))
    )


def test_groups_show_the_spread_of_seeds_and_a_dash_for_what_is_not_there() -> None:
    told = groups_section(RECORD)
    assert "### Which margin?" in told
    assert "A note." in told
    assert "| softmax | 3 | 40 | 2,000 | 0.330 (0.300–0.350) |" in told
    assert "| batch | 1 | 40 | 1,000 | – | 0.500 |" in told
    unmeasured = groups_section(Record(BASE, GROUPS))
    assert "| softmax | 0 | – | – | – |" in unmeasured


def test_nothing_is_ordered_before_two_rows_of_a_group_are_measured() -> None:
    assert order_section(Record(BASE, GROUPS, (run({}, 1, 0.6),))) == (
        "*No two rows of a group are measured yet.*"
    )


def test_the_budget_and_what_failed_are_told() -> None:
    told = budget_section(RECORD)
    assert "8 runs of 1.5 minutes each, 4.0 CPU-hours" in told
    assert "*norm: batch*, seed 2, failed: the disk is full" in told
    assert "asked before" not in told
