from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import cv2
import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from dying import killed_after_saves

from docdex.errors import TrainingError
from docdex.training import checkpoint
from docdex.training.ablation import rows
from docdex.training.ablation.effects import FIGURES
from docdex.training.ablation.plan import read_ablation
from docdex.training.ablation.record import Failure, Record, Run, read_record
from docdex.training.ablation.rows import ablate, folder_name
from docdex.training.config import TrainConfig
from docdex.training.loop import Progress
from docdex.training.templates import draw

PLAN = """
base = "tiny.toml"
steps = 2

[[groups]]
name = "margin"
question = "Which margin?"
rows = [
    { name = "cosface" },
    { name = "no such weights", changes = { model = { weights = "gone.pth" } } },
    { name = "softmax", changes = { loss = { kind = "softmax" } } },
]
"""

Ablate = Callable[..., Record]


@pytest.fixture
def plan(tiny_run: Path) -> Path:
    """A plan of three rows, of which the second cannot start, and a benchmark of two types and a stranger."""
    dev = tiny_run.parent / "data" / "dev"
    pages = [
        (f"{capture}/cards/{kind}/{instance}", 50 + kind, instance)
        for capture in ("flat", "stress")
        for kind in range(2)
        for instance in range(2)
    ]
    pages += [(f"strangers/{capture}/cards/stranger", 60, 0) for capture in ("flat", "stress")]
    for name, template, filled in pages:
        path = dev / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), draw(template, np.random.default_rng(filled)))
    path = tiny_run.with_name("plan.toml")
    path.write_text(PLAN, encoding="utf-8")
    return path


@pytest.fixture
def run(plan: Path) -> Ablate:
    """Runs the plan, into one folder."""

    def _run(say: Callable[[str], None] = lambda _: None) -> Record:
        return ablate(read_ablation(plan), plan.parent / "runs", plan.parent / "found.json", say)

    return _run


class Quick:
    """Stands for a trainer: it takes its two steps at once, and never where weights are gone."""

    made: ClassVar[list[Quick]] = []

    def __init__(self, config: TrainConfig, run: Path, *, resume: bool, say: Callable[[str], None]) -> None:
        if config.model.weights != "package":
            raise TrainingError(f"{config.model.weights}: no such weights.")
        self.config, self.run, self.resume = config, run, resume
        self.table, self.progress, self.averaged = range(44), Progress(), torch.nn.Identity()
        self.validation: Quick | None = self
        self.made.append(self)

    def train(self) -> None:
        assert self.validation is None, "a run that can look at the benchmark can choose by it"
        self.progress = Progress(step=2, seconds=4.0, cpu=7.0)

    def measure(self, network: torch.nn.Module) -> dict[str, float]:
        assert self.progress.step == 2
        assert network is self.averaged
        assert not network.training
        return {"rank1_flat": 0.5, "dir_flat@0.1": float("nan")}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Quick]:
    """The trainers that were made in place of real ones."""
    monkeypatch.setattr(Quick, "made", [])
    monkeypatch.setattr(rows, "Trainer", Quick)
    return Quick.made


def test_a_row_that_fails_is_reported_and_the_others_go_on(
    run: Ablate, plan: Path, quick: list[Quick]
) -> None:
    told: list[str] = []
    record = run(told.append)
    assert read_record(plan.parent / "found.json") == record
    assert record.failures == (Failure({"model": {"weights": "gone.pth"}}, 1, "gone.pth: no such weights."),)
    assert "failed: gone.pth: no such weights." in told
    assert [found.changes for found in record.runs] == [{}, {"loss": {"kind": "softmax"}}]
    assert [trainer.config.loss.kind for trainer in quick] == ["cosface", "softmax"]
    assert record.runs[0] == Run({}, 1, 44, 2, 16, 4.0, 7.0, {"rank1_flat": 0.5, "dir_flat@0.1": None})


def test_finished_runs_are_not_made_again_and_failed_ones_are(
    run: Ablate, quick: list[Quick], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run()
    tried: list[str] = []

    def fail(config: TrainConfig, *_: object, **__: object) -> None:
        tried.append(config.name)
        raise ValueError("something of a library")

    monkeypatch.setattr(rows, "Trainer", fail)
    after = run()
    assert tried == ["tiny, margin: no such weights, seed 1"]
    assert after.runs == before.runs
    assert [failure.error for failure in after.failures] == ["ValueError: something of a library"]


def test_what_is_known_of_files_is_shared_by_all_rows_unless_the_base_has_a_place_for_it(
    run: Ablate, plan: Path, quick: list[Quick]
) -> None:
    run()
    assert {trainer.config.data.cache for trainer in quick} == {str(plan.parent / "runs" / "scans")}
    (plan.parent / "found.json").unlink()
    plan.write_text(PLAN.replace("steps = 2", 'steps = 2\nevery = { data = { cache = "kept" } }'))
    run()
    assert quick[-1].config.data.cache == "kept"


def test_killed_in_a_run_an_ablation_keeps_what_was_finished_and_goes_on_in_that_run(
    run: Ablate, plan: Path
) -> None:
    lines = [line for line in PLAN.splitlines() if "no such" not in line]
    plan.write_text("\n".join(lines).replace("steps = 2", "steps = 3"), encoding="utf-8")
    # Each run saves before its first step, after it, after its second, and in the end.
    with killed_after_saves(7):
        run()
    assert [found.changes for found in read_record(plan.parent / "found.json").runs] == [{}]
    folder = plan.parent / "runs" / folder_name(read_ablation(plan).variants[1])
    assert checkpoint.load(folder / "last.pt")["step"] == 1
    record = run()
    assert [(found.changes, found.steps) for found in record.runs] == [
        ({}, 3),
        ({"loss": {"kind": "softmax"}}, 3),
    ]
    for found in record.runs:
        assert (found.classes, found.images) == (44, 24)
        assert min(found.seconds, found.cpu_seconds) > 0
        assert set(found.figures) >= {*FIGURES.values()}
        assert found.figures["rank1_flat"] is not None


def test_another_config_has_another_folder(plan: Path) -> None:
    variants = read_ablation(plan).variants
    names = [folder_name(variant) for variant in variants]
    assert [name.rpartition("-")[0] for name in names] == [
        "margin-cosface-1",
        "margin-no-such-weights-1",
        "margin-softmax-1",
    ]
    config = msgspec.structs.replace(variants[0].config, threads=2)
    assert folder_name(msgspec.structs.replace(variants[0], config=config)) != names[0]


def test_without_a_benchmark_nothing_is_trained(
    run: Ablate, quick: list[Quick], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCDEX_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(TrainingError, match="dev"):
        run()
    assert quick == []
