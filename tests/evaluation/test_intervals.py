from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from docdex.evaluation import replicates
from docdex.evaluation.intervals import bounds_of as intervals_of
from docdex.evaluation.intervals import differences
from docdex.evaluation.measurement import Measurement, measure_vectors
from docdex.evaluation.peers import unit_length
from docdex.evaluation.protocol import CAPTURES, Benchmark, Identification, Instance
from docdex.evaluation.replicates import Resampling, measure_replicates
from docdex.evaluation.results import Intervals, PeerResult


def benchmark_of(types: dict[str, int], pages: int = 4, strangers: int = 30) -> Benchmark:
    """A benchmark without files: so many types in each set, pages of each, flat and stress."""
    found = []
    for capture in CAPTURES:
        for name, count in types.items():
            for kind in range(count):
                found += [
                    Instance(Path("x"), name, f"{name}/{kind}", capture, f"{number:02}")
                    for number in range(pages)
                ]
        for number in range(strangers):
            for copy in ("",) if capture == "flat" else ("-0", "-1"):
                found.append(Instance(Path("x"), "far", None, capture, f"{number}{copy}"))
    return Benchmark(tuple(found))


def measured(benchmark: Benchmark, seed: int = 0, noise: float = 0.35) -> PeerResult:
    return measurement(benchmark, seed, noise).result


def measurement(benchmark: Benchmark, seed: int = 0, noise: float = 0.35, lost: float = 0.0) -> Measurement:
    """Of vectors that lie about their type's, some types wider than others; orientations alike.

    lost: share of flat pages of which each gets another type's vector, the same pages for the same seed.
    """
    rng = np.random.default_rng(seed)
    kinds, codes = np.unique(benchmark.types(), return_inverse=True)
    centres = rng.standard_normal((len(kinds), 8))
    widths = rng.random(len(kinds)) * 2 * noise * 3
    spread = rng.standard_normal((len(codes), 8)) * widths[codes, None]
    spread[benchmark.types() == ""] *= 4
    flat = np.array([instance.capture == "flat" for instance in benchmark.instances])
    astray = flat & (rng.random(len(codes)) < lost)
    shown = np.where(astray, (codes + 1) % len(kinds), codes)
    vectors = unit_length((centres[shown] + spread).astype(np.float32))
    turned = np.repeat(vectors[:, None], 4, axis=1)
    return measure_vectors(Resampling(benchmark), "made", turned)


def bounds_of(result: PeerResult) -> Intervals:
    assert result.intervals is not None
    return result.intervals


def test_every_figure_lies_in_its_interval() -> None:
    result = measured(benchmark_of({"a": 9, "b": 7}))
    bounds = bounds_of(result)
    told = 0
    for capture in CAPTURES:
        pairs, pair_bounds = result.pairs[capture], bounds.pairs[capture]
        for figures, intervals_of_them in (
            (result.rank1[capture], bounds.rank1[capture]),
            (result.dir[capture], bounds.dir[capture]),
            ({"area": result.oscr[capture]}, {"area": bounds.oscr[capture]}),
            (result.turned.rank1, bounds.turned.rank1),
            (result.turned.dir, bounds.turned.dir),
            *((pairs[name].tpr, pair_bounds[name].tpr) for name in pairs),
            ({name: pairs[name].auroc for name in pairs}, {name: pair_bounds[name].auroc for name in pairs}),
        ):
            assert list(figures) == list(intervals_of_them)
            for name, figure in figures.items():
                found = intervals_of_them[name]
                assert figure is not None
                assert found is not None
                assert 0 <= found[0] <= figure <= found[1] <= 1
                told += found[0] < found[1]
    assert told > 50


def test_more_types_narrow_an_interval_and_more_pages_of_them_hardly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Pairs are not what this is about.
    monkeypatch.setattr(replicates, "MOST_PAIRS", 0)

    def width(types: int, pages: int) -> float:
        widths = []
        for seed in range(3):
            found = bounds_of(measured(benchmark_of({"a": types}, pages), seed)).rank1["flat"]["mean"]
            assert found is not None
            widths.append(found[1] - found[0])
        return float(np.mean(widths))

    few = width(types=8, pages=4)
    assert width(types=32, pages=4) < 0.75 * few
    assert width(types=8, pages=16) > 0.75 * few


def test_a_set_of_one_type_has_no_interval_but_a_part_in_the_mean() -> None:
    result = measured(benchmark_of({"a": 8, "lonely": 1}))
    bounds = bounds_of(result).rank1["stress"]
    assert bounds["lonely"] is None
    low, high = bounds["mean"] or (0, 0)
    only_a = bounds["a"] or (0, 0)
    # Half as wide if the lonely type were certain; it is missing in more than a third of the replicates.
    assert high - low > (only_a[1] - only_a[0]) / 2


def test_a_lead_that_rests_on_the_only_type_of_a_set_is_not_certain() -> None:
    benchmark = benchmark_of({"a": 20, "lonely": 1})
    one = measurement(benchmark)
    lonely = np.array([instance.set == "lonely" for instance in benchmark.instances])

    def of(draw: Identification, right: bool) -> Identification:
        return dataclasses.replace(draw, correct=np.where(lonely[draw.probes], right, draw.correct))

    right, wrong = (
        measure_replicates(Resampling(benchmark), [of(draw, outcome) for draw in one.draws], (), None)
        for outcome in (True, False)
    )
    lead = intervals_of(differences(right, wrong)).rank1["flat"]["mean"]
    assert lead == (0, 0.5)


def test_one_type_alone_has_no_intervals_at_all() -> None:
    bounds = bounds_of(measured(benchmark_of({"a": 1})))
    assert set(bounds.rank1["flat"].values()) == set(bounds.dir["flat"].values()) == {None}
    assert bounds.oscr == {"flat": None, "stress": None}
    assert bounds.pairs["flat"]["all"].auroc is None


def test_without_strangers_no_interval_of_detection_is_claimed() -> None:
    bounds = bounds_of(measured(benchmark_of({"a": 6}, strangers=0)))
    assert set(bounds.dir["flat"].values()) == {None}
    assert bounds.oscr["flat"] is None
    assert bounds.rank1["flat"]["mean"] is not None


def test_copies_of_a_stranger_are_resampled_with_their_page() -> None:
    benchmark = benchmark_of({"a": 2}, strangers=5)
    strangers = benchmark.indices(strangers=True)
    weights = Resampling(benchmark).of_strangers(strangers)
    pages = np.array([benchmark.instances[n].name.partition("-")[0] for n in strangers])
    for page in np.unique(pages):
        of_page = weights[:, pages == page]
        assert of_page.shape[1] == 3
        assert (of_page == of_page[:, :1]).all()
    assert (weights.sum(axis=1) == 15).all()


def test_a_name_with_a_hyphen_is_no_copy_unless_that_page_is_there() -> None:
    names = [("flat", "a-1"), ("flat", "b"), ("stress", "a-1-0"), ("stress", "b-7"), ("stress", "c-2")]
    strangers = [Instance(Path("x"), "far", None, capture, name) for capture, name in names]  # type: ignore[arg-type]
    assert Benchmark(tuple(strangers)).stranger_pages().tolist() == [
        "far/a-1",
        "far/b",
        "far/a-1",
        "far/b",
        "far/c-2",
    ]


def test_two_runs_have_the_same_intervals() -> None:
    benchmark = benchmark_of({"a": 5})
    assert measured(benchmark).intervals == measured(benchmark).intervals


def test_too_many_pairs_have_figures_but_no_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicates, "MOST_PAIRS", 10)
    result = measured(benchmark_of({"a": 5}))
    assert bounds_of(result).pairs == {}
    assert result.pairs["flat"]["all"].auroc is not None
    assert bounds_of(result).rank1["flat"]["mean"] is not None


def test_a_peer_is_not_ahead_of_itself() -> None:
    one = measurement(benchmark_of({"a": 6, "lonely": 1}))
    bounds = intervals_of(differences(one.replicates, one.replicates))
    mine = bounds_of(one.result)
    assert bounds.rank1["flat"] == {"a": (0, 0), "lonely": None, "mean": (0, 0)}
    assert set(bounds.dir["stress"].values()) == set(bounds.oscr.values()) == {(0, 0)}
    assert bounds.pairs["flat"].keys() == mine.pairs["flat"].keys()
    assert bounds.pairs["flat"]["lonely"].auroc is None
    assert bounds.pairs["flat"]["all"].auroc == (0, 0)


def test_a_small_lead_on_the_same_types_is_certain_where_intervals_touch() -> None:
    benchmark = benchmark_of({"a": 30})
    best, worse = measurement(benchmark, noise=0.2), measurement(benchmark, noise=0.2, lost=0.1)
    one, other = (bounds_of(of.result).rank1["flat"]["mean"] or (0, 0) for of in (best, worse))
    lead = intervals_of(differences(best.replicates, worse.replicates)).rank1["flat"]["mean"] or (0, 0)
    assert one[0] < other[1]
    assert 0 < lead[0] < lead[1] < other[1] - other[0]
    behind = intervals_of(differences(worse.replicates, best.replicates)).rank1["flat"]["mean"]
    assert behind == pytest.approx((-lead[1], -lead[0]), abs=2e-6)


def test_a_difference_is_told_only_of_what_both_have(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = benchmark_of({"a": 5})
    whole = measurement(benchmark)
    monkeypatch.setattr(replicates, "MOST_PAIRS", 10)
    without_pairs = measurement(benchmark)
    bounds = intervals_of(differences(whole.replicates, without_pairs.replicates))
    assert bounds.pairs == {}
    assert bounds.rank1["flat"]["mean"] == (0, 0)
