from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from docdex.evaluation.mistakes import (
    ProbeMistakes,
    StrangerMistakes,
    alike_types,
    missed_types,
    probe_mistakes,
    stranger_mistakes,
)
from docdex.evaluation.protocol import Benchmark, identify
from fakes import TINY
from told import similarities

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def benchmark(benchmark_root: Path) -> Benchmark:
    return Benchmark.scan(benchmark_root)


def test_each_probe_is_right_or_wrong_or_unknown(benchmark: Benchmark) -> None:
    # Red is taken for blue, its own set; acme's one probe is nearest to red, but not near; blue is right.
    matrix = similarities(benchmark, red__blue=0.95, acme__acme=0.2, acme__red=0.3)
    draws = [identify(benchmark, number, matrix) for number in range(2)]
    counted = probe_mistakes(benchmark, draws, 0.5)
    assert counted == [
        ProbeMistakes("cards", "flat", asked=6, wrong=4, same_set=4, unknown=0, astray=0),
        ProbeMistakes("letters", "flat", asked=2, wrong=0, same_set=0, unknown=2, astray=2),
        ProbeMistakes("cards", "stress", asked=6, wrong=4, same_set=4, unknown=0, astray=0),
        ProbeMistakes("letters", "stress", asked=2, wrong=0, same_set=0, unknown=2, astray=2),
    ]


def test_a_wrong_answer_from_another_set_is_told_apart(benchmark: Benchmark) -> None:
    draws = [identify(benchmark, 0, similarities(benchmark, acme__red=0.95))]
    letters = [of for of in probe_mistakes(benchmark, draws, 0.5) if of.set == "letters"]
    assert [(of.wrong, of.same_set) for of in letters] == [(1, 0), (1, 0)]


def test_what_is_exactly_at_the_threshold_gets_its_label(benchmark: Benchmark) -> None:
    matrix = similarities(benchmark, p1__red=0.5)
    draws = [identify(benchmark, 0, matrix)]
    # One page of three, flat and as two copies.
    assert stranger_mistakes(benchmark, draws, 0.5) == [StrangerMistakes("posters", asked=9, labelled=3)]
    above = float(np.nextafter(np.float32(0.5), np.float32(1)))
    assert stranger_mistakes(benchmark, draws, above)[0].labelled == 0
    at = probe_mistakes(benchmark, draws, float(np.float32(0.9)))
    assert sum(of.unknown for of in at) == 0


def test_a_missed_type_is_shown_once_by_its_farthest_probe(benchmark: Benchmark) -> None:
    matrix = similarities(benchmark, red__red=0.4, blue__blue=0.45)
    outcome = identify(benchmark, 0, matrix)
    farthest = int(outcome.probes[benchmark.types()[outcome.probes] == "cards/red"][-1])
    matrix[farthest] -= 0.05
    red, blue = missed_types(benchmark, [identify(benchmark, 0, matrix)], 0.5)
    assert (red.probe, red.times) == (farthest, 4)
    assert red.similarity == pytest.approx(0.35)
    assert (benchmark.types()[blue.probe], blue.times) == ("cards/blue", 2)


def test_a_mistaken_probe_is_not_called_missed(benchmark: Benchmark) -> None:
    draws = [identify(benchmark, 0, similarities(benchmark, red__red=0.2, red__blue=0.3))]
    assert missed_types(benchmark, draws, 0.5) == []


def test_types_that_would_be_taken_for_each_other_are_found_by_their_nearest_pages(
    benchmark: Benchmark,
) -> None:
    angles = {"cards/red": 0.0, "cards/blue": 0.6, "letters/acme": 2.0}
    turns = np.array([angles.get(kind, 4.0) for kind in benchmark.types()])
    turns[benchmark.indices("stress")] = 0.0  # stress copies must not count
    flat_red = [n for n in benchmark.indices("flat") if benchmark.types()[n] == "cards/red"]
    turns[flat_red[1]] = 0.2
    vectors = np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
    (alike,) = alike_types(benchmark, vectors, threshold=0.8)
    assert {benchmark.types()[alike.probe], benchmark.types()[alike.sample]} == {"cards/red", "cards/blue"}
    assert flat_red[1] in (alike.probe, alike.sample)
    assert alike.similarity == pytest.approx(np.cos(0.4), abs=1e-6)
    assert alike.times == 6  # three pages with two
    assert alike_types(benchmark, vectors, threshold=0.95) == []


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mistakes", ROOT / "benchmarks" / "mistakes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_pages_that_may_be_passed_on_are_drawn(
    script: ModuleType,
    benchmark_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    picture = tmp_path / "mistakes.jpg"
    said = []
    # Nothing reaches a similarity of 2: every probe is missed, or led astray.
    monkeypatch.setattr(script.OnnxEmbedder, "threshold_for", lambda *_: 2.0)
    for allowed in ({}, {"cards/red": "Us, CC0"}):
        monkeypatch.setattr(script, "SHOWN", allowed)
        monkeypatch.setattr(
            sys, "argv", ["mistakes", str(benchmark_root), str(picture), "--model", str(TINY)]
        )
        script.main()
        said.append((json.loads(capsys.readouterr().out), cv2.imread(str(picture)).shape[0]))
    (nothing, empty), (something, taller) = said
    assert (nothing["shown"], nothing["credits"]) == (0, [])
    assert (something["shown"], something["credits"]) == (1, ["Us, CC0"])
    assert taller > empty
    assert something["model"] == "tiny"
    assert {of["set"] for of in something["probes"]} == {"cards", "letters"}
