from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from docdex.errors import InvalidSetting, SourceNotFound
from docdex.evaluation import PeerResult, evaluate, read_results, write_results


@pytest.fixture(scope="module")
def results(benchmark_root: Path) -> list[PeerResult]:
    return evaluate(benchmark_root, ["phash", "thumbnail"])


def test_results_are_read_as_they_were_written(results: list[PeerResult], tmp_path: Path) -> None:
    path = tmp_path / "new" / "benchmark.json"
    write_results(results, path)
    assert read_results(path) == results
    assert list(path.parent.iterdir()) == [path]


def test_the_file_has_the_form_that_was_agreed(results: list[PeerResult], tmp_path: Path) -> None:
    write_results(results, tmp_path / "benchmark.json")
    (record, _) = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert list(record) == [
        *("peer", "types", "strangers", "rank1", "dir", "pairs", "turned"),
        *("oscr", "unsearched", "draws", "every", "intervals", "cost", "lead"),
    ]
    assert record["peer"] == "phash"
    assert isinstance(record["rank1"]["flat"]["mean"], float)
    assert isinstance(record["rank1"]["stress"]["cards"], float)
    assert isinstance(record["dir"]["stress"]["0.01"], float)
    assert isinstance(record["pairs"]["flat"]["all"]["tpr"]["1e-4"], float)
    assert isinstance(record["pairs"]["stress"]["cards"]["auroc"], float)
    assert record["pairs"]["flat"]["letters"] == {
        "tpr": {"1e-5": None, "1e-4": None, "1e-3": None, "1e-2": None, "1e-1": None},
        "auroc": None,
    }
    assert set(record["turned"]) == {"rank1", "dir", "fpir_at_upright_threshold"}


def test_writing_again_replaces_the_file(results: list[PeerResult], tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    write_results(results, path)
    write_results(results[:1], path)
    assert read_results(path) == results[:1]


def test_missing_results_say_what_writes_them(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="`docdex evaluate` writes them"):
        read_results(tmp_path / "benchmark.json")


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b'[{"peer": "phash"}]', b"\xff"])
def test_another_file_is_not_taken_for_results(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    path.write_bytes(content)
    with pytest.raises(InvalidSetting, match="holds no results"):
        read_results(path)


def test_results_cannot_be_changed(results: list[PeerResult]) -> None:
    with pytest.raises(AttributeError):
        results[0].peer = "better"  # type: ignore[misc]
    assert msgspec.structs.replace(results[0], peer="x").peer == "x"


def test_an_interval_stands_where_its_figure_stands(results: list[PeerResult], tmp_path: Path) -> None:
    write_results(results, tmp_path / "benchmark.json")
    record = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))[0]
    bounds = record["intervals"]
    assert (bounds["confidence"], bounds["replicates"]) == (0.95, 1000)
    for place in (("rank1", "stress", "mean"), ("dir", "flat", "0.1"), ("pairs", "flat", "all", "auroc")):
        figure, interval = record, bounds
        for key in place:
            figure, interval = figure[key], interval[key]
        assert isinstance(figure, float)
        assert len(interval) == 2
        assert interval[0] <= interval[1]
    assert list(bounds["pairs"]["flat"]["all"]["tpr"]) == list(record["pairs"]["flat"]["all"]["tpr"])
    assert list(bounds["turned"]["dir"]) == list(record["turned"]["dir"])
    assert list(bounds["oscr"]) == list(record["oscr"])


def test_results_of_the_first_form_are_still_read(results: list[PeerResult], tmp_path: Path) -> None:
    write_results(results, tmp_path / "new.json")
    records = json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))
    for record in records:
        for later in ("oscr", "unsearched", "draws", "every", "intervals"):
            del record[later]
    (tmp_path / "old.json").write_text(json.dumps(records), encoding="utf-8")
    for old, new in zip(read_results(tmp_path / "old.json"), results, strict=True):
        assert (old.rank1, old.dir, old.pairs) == (new.rank1, new.dir, new.pairs)
        assert (old.intervals, old.oscr, old.draws) == (None, {}, 3)


def test_what_a_later_version_adds_is_passed_over(results: list[PeerResult], tmp_path: Path) -> None:
    write_results(results, tmp_path / "new.json")
    records = json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))
    for record in records:
        record["seconds"] = 1.5
        record["turned"]["faces"] = {}
    (tmp_path / "later.json").write_text(json.dumps(records), encoding="utf-8")
    assert read_results(tmp_path / "later.json") == results
