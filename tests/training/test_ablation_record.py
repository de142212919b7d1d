from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from docdex.errors import TrainingError
from docdex.preprocess import VERSION
from docdex.training.ablation.plan import Ablation, Group, Row, Variant
from docdex.training.ablation.record import Failure, Record, Run, open_record, read_record, write_record
from docdex.training.config import DataConfig, OptimConfig, SourceConfig, TrainConfig

BASE = TrainConfig(
    name="base", data=DataConfig(sources=(SourceConfig("pages"),)), optim=OptimConfig(minutes=1.5)
)
SOFTMAX = {"loss": {"kind": "softmax"}}
GROUPS = (Group("margin", "Which?", (Row("cosface"), Row("softmax", SOFTMAX))),)


def run(changes: dict[str, object], seed: int) -> Run:
    figures = {"tpr_flat@1e-4": 0.5, "dir_flat@0.1": None}
    return Run(changes, seed, 40, 10, 960, 90.0, 170.0, figures)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = Record(BASE, GROUPS, (run({}, 1),), (Failure(SOFTMAX, 1, "no teacher"),))
    write_record(record, tmp_path / "new" / "ablation.json")
    assert read_record(tmp_path / "new" / "ablation.json") == record
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["ablation.json"]


def test_a_run_is_found_by_what_it_changed_and_its_seed() -> None:
    record = Record(BASE, GROUPS, (run({}, 1), run(SOFTMAX, 1), run(SOFTMAX, 2)))
    assert record.run(SOFTMAX, 2) == run(SOFTMAX, 2)
    assert record.run({}, 2) is None
    assert list(record.runs_of(SOFTMAX)) == [1, 2]


def test_a_failure_gives_way_to_its_run_and_to_a_newer_failure() -> None:
    record = (
        Record(BASE, GROUPS).with_failure(Failure(SOFTMAX, 1, "once")).with_failure(Failure({}, 1, "also"))
    )
    record = record.with_failure(Failure(SOFTMAX, 1, "twice"))
    assert [failure.error for failure in record.failures] == ["also", "twice"]
    record = record.with_run(run(SOFTMAX, 1))
    assert [failure.error for failure in record.failures] == ["also"]
    assert record.runs == (run(SOFTMAX, 1),)


def test_a_failure_that_nothing_will_try_again_is_forgotten(tmp_path: Path) -> None:
    failures = tuple(Failure(SOFTMAX, seed, "no such weights") for seed in (1, 2))
    write_record(Record(BASE, GROUPS, (), failures, VERSION), tmp_path / "ablation.json")
    asked = (Variant("margin: softmax", SOFTMAX, 1, BASE),)
    assert open_record(tmp_path / "ablation.json", Ablation(BASE, GROUPS, asked)).failures == failures[:1]


def test_runs_of_another_preprocess_are_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "ablation.json"
    for version in (0, VERSION - 1):
        write_record(Record(BASE, GROUPS, (run({}, 1),), preprocess=version), path)
        with pytest.raises(TrainingError, match="another base: preprocess"):
            open_record(path, Ablation(BASE, GROUPS, ()))
    path.unlink()
    assert open_record(path, Ablation(BASE, GROUPS, ())).preprocess == VERSION


def test_a_record_goes_on_with_new_questions_but_not_with_another_base_or_budget(tmp_path: Path) -> None:
    path = tmp_path / "ablation.json"
    write_record(Record(BASE, GROUPS, (run({}, 1),), preprocess=VERSION), path)
    asked = (Group("margin", "What else?", (Row("cosface"), Row("none", SOFTMAX))),)
    workers = msgspec.structs.replace(BASE, workers=7)
    record = open_record(path, Ablation(workers, asked, ()))
    assert record.groups == asked
    assert record.runs == (run({}, 1),)
    longer = msgspec.structs.replace(BASE, optim=OptimConfig(minutes=2.0))
    for other, named in (
        (msgspec.structs.replace(BASE, start_from="first"), "start_from"),
        (longer, "minutes"),
    ):
        with pytest.raises(TrainingError, match=named):
            open_record(path, Ablation(other, GROUPS, ()))
    assert open_record(tmp_path / "none.json", Ablation(longer, GROUPS, ())) == Record(
        longer, GROUPS, preprocess=VERSION
    )


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"\xff", b""])
def test_a_file_that_is_no_record_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ablation.json"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"ablation\.json: no record"):
        read_record(path)


def test_a_record_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot be written"):
        write_record(Record(BASE, GROUPS), tmp_path / "file" / "ablation.json")
