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
    path = tmp_path / "new" / "first.json"
    write_results(results, path)
    assert read_results(path) == results
    assert list(path.parent.iterdir()) == [path]


def test_the_file_has_the_form_that_was_agreed(results: list[PeerResult], tmp_path: Path) -> None:
    write_results(results, tmp_path / "first.json")
    (record, _) = json.loads((tmp_path / "first.json").read_text(encoding="utf-8"))
    assert list(record) == ["peer", "types", "strangers", "rank1", "dir", "pairs", "turned"]
    assert record["peer"] == "phash"
    assert isinstance(record["rank1"]["flat"]["mean"], float)
    assert isinstance(record["rank1"]["stress"]["cards"], float)
    assert isinstance(record["dir"]["stress"]["0.01"], float)
    assert isinstance(record["pairs"]["flat"]["all"]["tpr"]["1e-4"], float)
    assert isinstance(record["pairs"]["stress"]["cards"]["auroc"], float)
    assert record["pairs"]["flat"]["letters"] == {
        "tpr": {"1e-4": None, "1e-3": None, "1e-2": None},
        "auroc": None,
    }
    assert set(record["turned"]) == {"rank1", "dir", "fpir_at_upright_threshold"}


def test_writing_again_replaces_the_file(results: list[PeerResult], tmp_path: Path) -> None:
    path = tmp_path / "first.json"
    write_results(results, path)
    write_results(results[:1], path)
    assert read_results(path) == results[:1]


def test_missing_results_say_what_writes_them(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="`docdex evaluate` writes them"):
        read_results(tmp_path / "first.json")


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b'[{"peer": "phash"}]', b"\xff"])
def test_another_file_is_not_taken_for_results(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "first.json"
    path.write_bytes(content)
    with pytest.raises(InvalidSetting, match="holds no results"):
        read_results(path)


def test_results_cannot_be_changed(results: list[PeerResult]) -> None:
    with pytest.raises(AttributeError):
        results[0].peer = "better"  # type: ignore[misc]
    assert msgspec.structs.replace(results[0], peer="x").peer == "x"
