from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.errors import EmptySource, InvalidSetting
from docdex.evaluation.metrics import auroc, threshold_at_fpr, tpr_at_fpr
from docdex.evaluation.protocol import (
    CAPTURES,
    DRAWS,
    FPIR_TARGETS,
    Benchmark,
    Capture,
    Instance,
    dir_table,
    identify,
    pair_table,
    rank1_table,
    search_cost_table,
)


def made(kinds: dict[str, int], strangers: int = 4) -> Benchmark:
    """A benchmark without files: instances by type, each flat and stress; strangers of both captures."""
    found = []
    for capture in CAPTURES:
        for kind, count in kinds.items():
            for number in range(count):
                name = f"{number:02}"
                found.append(Instance(Path(name), kind.split("/")[0], kind, capture, name))
        found += [Instance(Path(f"s{n}"), "far", None, capture, f"s{n}") for n in range(strangers)]
    return Benchmark(tuple(found))


KINDS = {"a/one": 3, "a/two": 2, "b/one": 4, "c/lonely": 1}


def random_similarities(benchmark: Benchmark, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    count = len(benchmark.instances)
    # A coarse scale, so that ties occur.
    half = rng.integers(0, 30, (count, count)).astype(np.float32) / 32
    return np.maximum(half, half.T)


def test_a_folder_is_scanned_in_a_fixed_order(benchmark_root: Path) -> None:
    found = Benchmark.scan(benchmark_root).instances
    assert [(i.capture, i.kind, i.name) for i in found[:11]] == [
        ("flat", "cards/blue", "00"),
        ("flat", "cards/blue", "01"),
        ("flat", "cards/red", "00"),
        ("flat", "cards/red", "01"),
        ("flat", "cards/red", "02"),
        ("flat", "letters/acme", "00"),
        ("flat", "letters/acme", "01"),
        ("flat", None, "p0"),
        ("flat", None, "p1"),
        ("flat", None, "p2"),
        ("stress", "cards/blue", "00"),
    ]
    assert len(found) == 23
    assert {i.set for i in found} == {"cards", "letters", "posters"}


@pytest.mark.parametrize("content", ["stress/set/type/01.jpg", "strangers/flat/set/01.jpg", "01.jpg", None])
def test_a_folder_without_flat_types_is_no_benchmark(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / content).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / content).touch()
    with pytest.raises(EmptySource, match=r"holds no benchmark: expected flat/<set>"):
        Benchmark.scan(tmp_path)


def test_indices_part_the_pictures() -> None:
    benchmark = made(KINDS)
    parts = [benchmark.indices(c, strangers=s) for c in CAPTURES for s in (False, True)]
    assert [len(part) for part in parts] == [10, 4, 10, 4]
    assert sorted(np.concatenate(parts)) == list(range(28))
    assert len(benchmark.indices()) == 20


@pytest.mark.parametrize("number", range(DRAWS))
def test_a_draw_registers_one_flat_instance_of_every_type(number: int) -> None:
    benchmark = made(KINDS)
    gallery, _ = benchmark.draw(number)
    chosen = {benchmark.instances[n].kind: benchmark.instances[n] for n in gallery}
    assert len(gallery) == len(chosen) == 4
    for kind, count in KINDS.items():
        assert chosen[kind].capture == "flat"
        assert chosen[kind].name == f"{number % count:02}"


@pytest.mark.parametrize("number", range(DRAWS))
def test_probes_are_all_others_but_copies_of_the_registered(number: int) -> None:
    benchmark = made(KINDS)
    gallery, probes = benchmark.draw(number)
    registered = {(benchmark.instances[n].kind, benchmark.instances[n].name) for n in gallery}
    expected = [
        n
        for n, i in enumerate(benchmark.instances)
        if i.kind is not None and (i.kind, i.name) not in registered
    ]
    assert probes.tolist() == expected
    assert len(probes) == 2 * (10 - 4)


def test_a_type_that_only_exists_under_stress_is_neither_registered_nor_asked_about() -> None:
    benchmark = made({"a/one": 2, "a/two": 2})
    late = Instance(Path("x"), "a", "a/three", "stress", "00")
    gallery, probes = Benchmark((*benchmark.instances, late)).draw(0)
    assert len(benchmark.instances) not in {*gallery, *probes}


def naive_rank1(
    benchmark: Benchmark, similarities: NDArray[np.float32], capture: Capture
) -> dict[str, float]:
    """The protocol's text, word by word, in loops."""
    by_set: dict[str, list[float]] = {}
    for draw in range(DRAWS):
        gallery, probes = benchmark.draw(draw)
        answers: dict[str, list[bool]] = {}
        for probe in probes:
            instance = benchmark.instances[probe]
            if instance.capture == capture:
                nearest = max(gallery, key=lambda sample: similarities[probe, sample])
                answers.setdefault(instance.set, []).append(
                    benchmark.instances[nearest].kind == instance.kind
                )
        for name, right in answers.items():
            by_set.setdefault(name, []).append(sum(right) / len(right))
    means = {name: sum(rates) / len(rates) for name, rates in by_set.items()}
    return {**means, "mean": sum(means.values()) / len(means)}


def naive_dir(
    benchmark: Benchmark, similarities: NDArray[np.float32], capture: Capture, target: float
) -> float:
    rates = []
    for draw in range(DRAWS):
        gallery, probes = benchmark.draw(draw)
        strangers = [n for n, i in enumerate(benchmark.instances) if i.kind is None]
        nearest = sorted((max(similarities[s, g] for g in gallery) for s in strangers), reverse=True)
        first_refused = nearest[math.floor(target * len(strangers) + 1e-9)]
        right = []
        for probe in probes:
            if benchmark.instances[probe].capture == capture:
                best = max(gallery, key=lambda sample: similarities[probe, sample])
                same = benchmark.instances[best].kind == benchmark.instances[probe].kind
                right.append(same and similarities[probe, best] > first_refused)
        rates.append(sum(right) / len(right))
    return sum(rates) / len(rates)


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=5).filter(lambda counts: max(counts) > 1),
    st.integers(1, 40),
    st.integers(0, 10_000),
)
def test_identification_is_what_the_protocol_says(counts: list[int], strangers: int, seed: int) -> None:
    benchmark = made({f"{'ab'[n % 2]}/{n}": count for n, count in enumerate(counts)}, strangers)
    similarities = random_similarities(benchmark, seed)
    draws = [identify(benchmark, number, similarities) for number in range(DRAWS)]
    for capture in CAPTURES:
        assert rank1_table(benchmark, draws, capture) == pytest.approx(
            naive_rank1(benchmark, similarities, capture)
        )
        measured = dir_table(benchmark, draws, capture)
        assert list(measured) == ["0.1", "0.03", "0.01"]
        for target in FPIR_TARGETS:
            assert measured[f"{target:g}"] == pytest.approx(
                naive_dir(benchmark, similarities, capture, target)
            )


def test_the_mean_is_over_sets_not_over_probes() -> None:
    benchmark = made({"a/one": 2, "a/two": 2, "b/one": 4, "b/two": 4})
    kinds = np.array([i.kind or "" for i in benchmark.instances])
    # All of `a` right, all of `b` wrong.
    similarities = (kinds[:, None] == kinds).astype(np.float32)
    of_b = np.array([i.set == "b" for i in benchmark.instances])
    similarities[of_b] = 1 - similarities[of_b]
    draws = [identify(benchmark, number, similarities) for number in range(DRAWS)]
    assert rank1_table(benchmark, draws, "stress") == {"a": 1.0, "b": 0.0, "mean": 0.5}


@pytest.mark.parametrize("name", ["all", "mean"])
def test_a_set_is_not_called_what_results_call_all_sets(tmp_path: Path, name: str) -> None:
    picture = tmp_path / "flat" / name / "kind" / "a.jpg"
    picture.parent.mkdir(parents=True)
    picture.touch()
    with pytest.raises(InvalidSetting, match=f"a set called {name}.*rename"):
        Benchmark.scan(tmp_path)


def test_a_set_of_single_instances_has_no_rank1() -> None:
    benchmark = made(KINDS)
    draws = [identify(benchmark, number, random_similarities(benchmark, 1)) for number in range(DRAWS)]
    assert list(rank1_table(benchmark, draws, "flat")) == ["a", "b", "mean"]


def test_without_probes_or_strangers_nothing_is_claimed() -> None:
    lonely, unguarded = made({"a/one": 1, "a/two": 1}), made({"a/one": 2, "a/two": 2}, strangers=0)
    draws = [identify(lonely, 0, random_similarities(lonely, 2))]
    assert math.isnan(rank1_table(lonely, draws, "flat")["mean"])
    assert all(math.isnan(rate) for rate in dir_table(lonely, draws, "flat").values())
    draws = [identify(unguarded, 0, random_similarities(unguarded, 2))]
    assert all(math.isnan(rate) for rate in dir_table(unguarded, draws, "flat").values())
    assert all(math.isnan(rate) for rate in search_cost_table(draws, draws).values())


def test_search_costs_the_strangers_that_it_lifts_over_the_threshold() -> None:
    benchmark = made({"a/one": 2, "a/two": 2}, strangers=5)
    strangers = benchmark.indices(strangers=True)
    upright = np.zeros((18, 18), dtype=np.float32)
    upright[strangers] = np.linspace(0.1, 0.55, 10)[:, None]
    searched = upright.copy()
    searched[strangers[:3]] = 0.9
    before, after = ([identify(benchmark, 0, matrix)] for matrix in (upright, searched))
    assert search_cost_table(before, before) == {"0.1": 0.1, "0.03": 0.0, "0.01": 0.0}
    assert search_cost_table(before, after) == pytest.approx({"0.1": 0.4, "0.03": 0.3, "0.01": 0.3})
    assert threshold_at_fpr(before[0].strangers, 0.1) > 0.5


@pytest.mark.parametrize("capture", CAPTURES)
def test_verification_is_over_all_pairs_of_a_set_and_of_all_sets(capture: Capture) -> None:
    benchmark = made(KINDS)
    similarities = random_similarities(benchmark, 3)
    table = pair_table(benchmark, similarities, capture)
    assert list(table) == ["a", "b", "c", "all"]
    for name, rates in table.items():
        members = [
            n
            for n, i in enumerate(benchmark.instances)
            if i.capture == capture and i.kind and name in (i.set, "all")
        ]
        scores: dict[bool, list[float]] = {True: [], False: []}
        for position, one in enumerate(members):
            for other in members[:position]:
                same = benchmark.instances[one].kind == benchmark.instances[other].kind
                scores[same].append(float(similarities[one, other]))
        positives, negatives = np.array(scores[True]), np.array(scores[False])
        assert rates.auroc == pytest.approx(auroc(positives, negatives), nan_ok=True)
        assert rates.tpr == pytest.approx(
            {
                target: tpr_at_fpr(positives, negatives, float(target))
                for target in ("1e-5", "1e-4", "1e-3", "1e-2", "1e-1")
            },
            nan_ok=True,
        )


def test_a_set_of_one_type_has_no_verification() -> None:
    benchmark = made({"a/one": 3, "b/one": 3, "b/two": 3})
    rates = pair_table(benchmark, random_similarities(benchmark, 4), "flat")["a"]
    assert math.isnan(rates.auroc)
    assert all(math.isnan(tpr) for tpr in rates.tpr.values())
