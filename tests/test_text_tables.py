"""The tables about words say what the results say, and no more."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FIGURE = {"value": 0.5, "low": 0.4, "high": 0.6}


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The writer of tables, with results of its own."""
    path = Path(__file__).resolve().parent.parent / "docs" / "text_tables.py"
    spec = importlib.util.spec_from_file_location("text_tables", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def write(tables: ModuleType, name: str, found: dict[str, Any]) -> None:
    (tables.RESULTS / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")


@pytest.mark.parametrize("part", ["ahead", "cost", "intents unseen", "receipts ocr"])
def test_what_was_not_measured_is_said_to_be_missing(part: str, tables: ModuleType) -> None:
    assert tables.write(*part.split()).startswith("*Not measured yet")


def test_receipts_read_by_ocr_are_missing_until_they_are_read(tables: ModuleType) -> None:
    rates = {"probes": 9, "rank1": {"looks": FIGURE}}
    write(tables, "text_receipts", {"types": 42, "transcripts": {"flat": rates, "stress": rates}})
    lines = tables.write("receipts", "transcripts").splitlines()
    assert lines[0] == "42 types; probes: 9 flat, 9 stress."
    assert lines[-1] == "| looks | 0.500 (0.400–0.600) | 0.500 (0.400–0.600) |"
    assert tables.write("receipts", "ocr").startswith("*Not measured yet")


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.01, 0.2, "ahead"), (-0.1, 0.2, "not apart"), (-0.2, -0.01, "behind")]
)
def test_ahead_is_what_the_whole_interval_says(
    low: float, high: float, said: str, tables: ModuleType
) -> None:
    result = {
        "gallery": "unseen",
        "samples": 1,
        "labels": 50,
        "strangers": 1000,
        "peer": "docdex text",
        "figures": {"rank1": FIGURE},
        "ahead": {"rank1": {"of": "TF-IDF", "value": (low + high) / 2, "low": low, "high": high}},
    }
    write(tables, "text_benchmark", {"draws": 5, "results": [result]})
    assert tables.write("ahead").splitlines()[-1].endswith(f"| {said} |")
    assert "| 1 | docdex text | 0.500 (0.400–0.600) |" in tables.write("intents", "unseen")


def test_every_packaged_model_of_texts_has_its_column(tables: ModuleType) -> None:
    assert tables.write("passports").splitlines()[0] == "| passport | `text` | `minilm` |"
    assert tables.write("thresholds").startswith("| FPR per probe |")
