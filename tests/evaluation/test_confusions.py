from __future__ import annotations

from pathlib import Path

import pytest

from docdex.evaluation.confusions import Confusion, near_strangers, wrong_types
from docdex.evaluation.protocol import Benchmark, identify
from told import similarities


@pytest.fixture
def benchmark(benchmark_root: Path) -> Benchmark:
    return Benchmark.scan(benchmark_root)


def kinds_of(benchmark: Benchmark, confusion: Confusion) -> tuple[str | None, str | None]:
    return benchmark.instances[confusion.probe].kind, benchmark.instances[confusion.sample].kind


def test_types_are_shown_by_how_often_they_are_mistaken(benchmark: Benchmark) -> None:
    matrix = similarities(benchmark, red__blue=1.5, acme__red=1.2)
    draws = [identify(benchmark, number, matrix) for number in range(2)]
    red, acme = wrong_types(benchmark, draws, most=9)
    assert kinds_of(benchmark, red) == ("cards/red", "cards/blue")
    assert kinds_of(benchmark, acme) == ("letters/acme", "cards/red")
    # Two of three instances are asked about in each draw, flat and stress; of acme one of two.
    assert (red.times, acme.times) == (8, 4)
    assert (red.similarity, acme.similarity) == pytest.approx((1.5, 1.2))
    assert wrong_types(benchmark, draws, most=1) == [red]


def test_the_nearest_of_a_confusion_is_shown(benchmark: Benchmark) -> None:
    matrix = similarities(benchmark, red__blue=1.5)
    outcome = identify(benchmark, 0, matrix)
    nearest = int(outcome.probes[~outcome.correct][1])
    matrix[nearest] *= 1.1
    (found,) = wrong_types(benchmark, [identify(benchmark, 0, matrix)], most=9)
    assert found.probe == nearest


def test_a_page_of_a_stranger_is_shown_once_for_a_type(benchmark: Benchmark) -> None:
    matrix = similarities(benchmark, p1__red=0.9, p2__blue=0.8)
    draws = [identify(benchmark, number, matrix) for number in range(3)]
    found = near_strangers(benchmark, draws, most=2)
    assert [benchmark.instances[c.probe].name.split("-")[0] for c in found] == ["p1", "p2"]
    assert [kinds_of(benchmark, c)[1] for c in found] == ["cards/red", "cards/blue"]
    assert len(near_strangers(benchmark, draws, most=99)) == 3


def test_who_makes_no_mistakes_has_no_confusions(benchmark: Benchmark) -> None:
    assert wrong_types(benchmark, [identify(benchmark, 0, similarities(benchmark))], most=9) == []
