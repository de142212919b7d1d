from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import cv2
import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from click.testing import CliRunner

from docdex.cli import main
from docdex.errors import TrainingError
from docdex.study.images import rows as rows_module
from docdex.study.images.config import ImagesStudy, RowConfig, read_images_study
from docdex.study.images.objectives import SimCLR, ToCentres, build_objective
from docdex.study.images.record import START, ImagesRecord, Run, read_images_record
from docdex.study.images.report import (
    FIGURES,
    budget_section,
    costs_table,
    differences_table,
    figures_table,
)
from docdex.study.images.rows import Contest, GroupedBatches, study_images
from docdex.training import initial
from docdex.training.network import EmbeddingNetwork
from docdex.training.templates import draw

BASE = """
name = "tiny"
seed = 3

[model]
side = 64
squeeze = 8
dimension = 32

[data]
templates = 0
photo_side = 80
page_side = 96

[[data.sources]]
folder = "$DOCDEX_DATA/train"
classes = "one"

[optim]
batch = 8
steps = 6
warmup = 2
"""

PLAN = """
kind = "images"
base = "tiny.toml"
cpu_seconds = 3
seeds = [1, 2]

[[rows]]
name = "CosFace"
loss = "cosface"
views = 1
settings = { scale = 16.0 }

[[rows]]
name = "SimCLR"
loss = "simclr"

[[rows]]
name = "cross-entropy"
loss = "cross-entropy"
rate = 0.5
"""


def paint(path: Path, template: int, filled: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), draw(template, np.random.default_rng(filled)))


def set_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three rows, twelve pictures, a benchmark of two types; each look at the clock takes a second."""
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra study")
    data = folder / "data"
    for number in range(12):
        paint(data / "train" / "pages" / f"{number:02}.png", 1000 + number, number)
    for capture in ("flat", "stress"):
        for kind in range(2):
            for instance in range(2):
                paint(data / f"dev/{capture}/cards/{kind}/{instance}.jpg", 50 + kind, instance)
        paint(data / f"dev/strangers/{capture}/cards/stranger.jpg", 60, 0)
    monkeypatch.setenv("DOCDEX_DATA", str(data))
    monkeypatch.setattr(initial, "_PCA_BATCHES", 2)
    seconds = itertools.count()
    monkeypatch.setattr(rows_module.time, "process_time", lambda: float(next(seconds)))
    (folder / "tiny.toml").write_text(BASE, encoding="utf-8")
    path = folder / "plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return set_up(tmp_path, monkeypatch)


def made_up(row: str, seed: int, share: float) -> Run:
    """A run all of whose figures are the same, but for one that could not be measured."""
    figures: dict[str, float | None] = dict.fromkeys(FIGURES.values(), share)
    figures["tpr_stress@1e-4"] = None
    return Run(row, seed, 12, 5, 40, 1.5, 3.0, 4.0, 0.25, figures)


def silent(_: str) -> None:
    pass


def run(plan: Path, say: Callable[[str], None] = silent) -> ImagesRecord:
    return study_images(read_images_study(plan), plan.parent / "runs", plan.with_name("results.json"), say)


@pytest.fixture
def contest(plan: Path) -> Contest:
    return Contest.prepare(read_images_study(plan), plan.parent / "runs", silent)


def test_every_row_is_trained_for_its_budget_and_measured_once(plan: Path) -> None:
    plan.write_text(PLAN.replace("seeds = [1, 2]", "seeds = [4]"), encoding="utf-8")
    said: list[str] = []
    record = run(plan, said.append)
    assert [(found.row, found.seed) for found in record.runs] == [
        (name, 4) for name in (START, "CosFace", "SimCLR", "cross-entropy")
    ]
    for found in record.runs:
        assert found.classes == 12
        assert set(FIGURES.values()) <= set(found.figures)
        if found.row != START:
            # One look at the clock for what was prepared, then one before each step: 2, and 3 is too late.
            assert found.steps == 1
            assert found.views == 8
            assert found.prepared_cpu_seconds == 1
    assert any("seed 4, SimCLR: 1 steps" in line for line in said)


class CheapContest:
    """Trains nothing: to see what is asked for, and when."""

    asked: ClassVar[list[tuple[str, int]]] = []
    dies_at = 0

    @classmethod
    def prepare(cls, *_: object) -> CheapContest:
        return cls()

    def start(self, seed: int) -> int:
        return seed

    def measure_start(self, start: int, seed: int) -> Run:
        return self.note(START, start)

    def train(self, row: RowConfig, start: int, seed: int) -> Run:
        return self.note(row.name, start)

    def note(self, row: str, seed: int) -> Run:
        if len(self.asked) == self.dies_at:
            raise KeyboardInterrupt
        self.asked.append((row, seed))
        return made_up(row, seed, share=0.5)


def test_rows_take_turns_seed_by_seed_and_a_study_that_was_stopped_goes_on(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [(name, seed) for seed in (1, 2) for name in (START, "CosFace", "SimCLR", "cross-entropy")]
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(rows_module, "Contest", CheapContest)
    monkeypatch.setattr(CheapContest, "asked", asked)
    for stopped_after in (2, 5):
        monkeypatch.setattr(CheapContest, "dies_at", stopped_after)
        with pytest.raises(KeyboardInterrupt):
            run(plan)
        kept = read_images_record(plan.with_name("results.json"))
        assert [(found.row, found.seed) for found in kept.runs] == everything[:stopped_after]
    monkeypatch.setattr(CheapContest, "dies_at", -1)
    record = run(plan)
    assert asked == everything  # each once
    monkeypatch.setattr(CheapContest, "prepare", None)
    assert run(plan) == record  # finished: nothing is even read


def test_the_command_knows_a_study_of_images_by_its_kind(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "Contest", CheapContest)
    monkeypatch.setattr(CheapContest, "dies_at", -1)
    results = plan.with_name("found.json")
    said = CliRunner().invoke(
        main, ["study", str(plan), "-o", str(results), "--run", str(plan.parent / "runs")]
    )
    assert said.exit_code == 0, said.output
    assert "seed 2, cross-entropy: 5 steps, 3 CPU seconds, rank1_flat 0.500" in said.output
    assert len(read_images_record(results).runs) == 8


def test_all_rows_of_a_seed_see_the_same_views_of_the_same_pictures(contest: Contest) -> None:
    simclr, cross_entropy = (contest.study.config(row, 1) for row in contest.study.rows[1:])
    one, other = (
        GroupedBatches(config, contest.table, contest.lower, 2)[3] for config in (simclr, cross_entropy)
    )
    assert torch.equal(one.maps, other.maps)
    pictures = one.labels.tolist()
    assert pictures[::2] == pictures[1::2]
    assert len(set(pictures)) == 4
    assert not torch.equal(one.maps[0], one.maps[1])  # two views, not one twice


def test_with_one_view_a_picture_batches_are_those_of_training(contest: Contest) -> None:
    from docdex.training.views import Batches

    config = contest.study.config(contest.study.rows[0], 1)
    one, other = (
        kind(config, contest.table, contest.lower, *each)[2]
        for kind, each in ((Batches, ()), (GroupedBatches, (1,)))
    )
    assert torch.equal(one.maps, other.maps)
    assert torch.equal(one.labels, other.labels)


def test_rows_leave_the_start_as_it_is(contest: Contest) -> None:
    start = contest.start(1)
    before = {name: value.clone() for name, value in start.state_dict().items()}
    contest.train(contest.study.rows[0], start, 1)
    assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in contest.start(1).state_dict().items())


def test_a_row_learns(contest: Contest) -> None:
    """What the loss owns, too."""
    row, start = contest.study.rows[2], contest.start(1)
    config = contest.study.config(row, 1)
    objective = build_objective(row, config, contest.table, start, scratch=contest.runs, say=silent)
    network, averaged = EmbeddingNetwork.build(config.model), EmbeddingNetwork.build(config.model)
    learner = rows_module._Learner(config, network, averaged, objective)
    batch = GroupedBatches(config, contest.table, contest.lower, row.views)[0]
    layer = objective.loss.linear.weight.clone()
    losses = [learner.step(batch.maps.float(), batch.labels, 0.0, step) for step in range(5)]
    assert losses[-1] < losses[0]
    assert not torch.equal(objective.loss.linear.weight, layer)
    assert averaged.head.first.weight.allclose(network.head.first.weight, atol=0.05)


def test_centres_start_where_the_network_puts_clean_pages_and_learn(contest: Contest) -> None:
    row, start = contest.study.rows[0], contest.start(1)
    config = contest.study.config(row, 1)
    objective = build_objective(row, config, contest.table, start, scratch=contest.runs, say=silent)
    assert isinstance(objective, ToCentres)
    assert objective.layer.margin.scale == 16
    assert objective.layer.centres.norm(dim=1) == pytest.approx(1, abs=1e-4)
    assert objective.megabytes == pytest.approx(12 * 32 * 4 / 1e6)  # plain descent remembers nothing
    before = objective.layer.centres.clone()
    vectors = torch.nn.functional.normalize(torch.randn(4, 32)).requires_grad_(True)
    objective(vectors, torch.arange(4), np.random.default_rng(0)).backward()
    objective.step(0.1)
    assert not torch.equal(objective.layer.centres, before)


def test_self_supervision_looks_at_no_label() -> None:
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra study")
    torch.manual_seed(0)
    objective, rng = SimCLR(16, views=2), np.random.default_rng(0)
    vectors = torch.randn(8, 16)
    one, other = (
        objective(vectors, labels, rng) for labels in (torch.arange(8), torch.zeros(8, dtype=torch.int64))
    )
    assert torch.equal(one, other)
    pairs = vectors.clone()
    pairs[1::2] = pairs[::2]
    assert objective(pairs, torch.zeros(8, dtype=torch.int64), rng) < one
    assert objective.megabytes == pytest.approx((16 * 16 + 2 * 16 + 16 * 16) * 4 / 1e6)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('loss = "simclr"', 'loss = "byol"', r"SimCLR: there is no loss 'byol': give one of .*, simclr"),
        ('loss = "simclr"', 'loss = "triplet"\nviews = 1', r"SimCLR: triplet compares views"),
        ('loss = "simclr"', 'loss = "simclr"\nviews = 3', r"8 views are no whole number of pictures with 3"),
        ('loss = "simclr"', 'loss = "simclr"\nsettings = { depth = 2 }', r"no settings but its temperature"),
        (
            'loss = "simclr"',
            'loss = "triplet"\nsettings = { margin = -1.0 }',
            r"SimCLR: loss triplet: .*margin",
        ),
        ("scale = 16.0", "scle = 16.0", r"CosFace: .*scle"),
        ('name = "SimCLR"', 'name = "CosFace"', r"rows of the same name: CosFace"),
        ("seeds = [1, 2]", "sedes = [1]", r"sedes"),
        ("cpu_seconds = 3", "cpu_seconds = 0", r"cpu_seconds"),
        ("tiny.toml", "gone.toml", r"gone\.toml"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused_by_what_is_wrong(
    plan: Path, old: str, new: str, told: str
) -> None:
    plan.write_text(PLAN.replace(old, new), encoding="utf-8")
    with pytest.raises(TrainingError, match=told):
        read_images_study(plan)


def test_results_of_another_study_are_not_gone_on_with(plan: Path) -> None:
    plan.with_name("results.json").write_bytes(msgspec.json.encode(record_of(read_images_study(plan))))
    for old, new, told in (
        ("cpu_seconds = 3", "cpu_seconds = 4", "base or budget"),
        ("rate = 0.5", "rate = 0.6", "its rows cross-entropy are other ones"),
    ):
        plan.write_text(PLAN.replace(old, new), encoding="utf-8")
        with pytest.raises(TrainingError, match=told):
            run(plan)
    plan.with_name("results.json").write_text("{}", encoding="utf-8")
    with pytest.raises(TrainingError, match="no record of a study of images"):
        run(plan)


def test_without_a_benchmark_there_is_nothing_to_measure_on(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCDEX_DATA", str(plan.parent))
    with pytest.raises(TrainingError, match="folder dev"):
        run(plan)


def test_a_loss_that_is_no_number_ends_the_row_with_its_name(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module._Learner, "step", lambda *_: float("nan"))
    with pytest.raises(TrainingError, match="SimCLR, seed 1: the loss is nan at step 0: lower its rate"):
        contest.train(contest.study.rows[1], contest.start(1), 1)


def record_of(study: ImagesStudy) -> ImagesRecord:
    """Made-up figures: CosFace .5 and .7, SimCLR .4 and .5, cross-entropy not yet."""
    record = ImagesRecord(study.base, study.cpu_seconds, study.rows)
    for name, seed, share in (
        ("CosFace", 1, 0.5),
        ("CosFace", 2, 0.7),
        ("SimCLR", 1, 0.4),
        ("SimCLR", 2, 0.5),
    ):
        record = record.with_run(made_up(name, seed, share))
    return record


def test_tables_show_means_ranges_and_what_is_missing(plan: Path) -> None:
    record = record_of(read_images_study(plan))
    figures = figures_table(record).splitlines()
    assert figures[0].startswith("| row | seeds | TPR at 1e-3, flat |")
    assert figures[2].startswith("| start | 0 | – |")
    assert figures[3].startswith("| CosFace | 2 | 0.600 (0.500–0.700) |")
    assert "| – |" in figures[3]  # not measured is not zero
    differences = differences_table(record).splitlines()
    # Of two seeds Student's t says next to nothing, though they agree.
    assert differences[2].startswith("| SimCLR | -0.150 (-0.785 to +0.485) |")
    assert differences[3].startswith("| cross-entropy | – |")
    assert "| SimCLR | 1.5 | 5 | 40 | 3.33 | 0.25 |" in costs_table(record)
    assert "| cross-entropy | – |" in costs_table(record)
    assert "3 rows of 3 CPU seconds each, 0.0 CPU-hours in all; 12 pictures" in budget_section(record)
