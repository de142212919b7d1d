from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from docdex import models
from docdex.embedder import ROTATIONS
from docdex.errors import DamagedSource, EmptySource, InvalidSetting
from docdex.evaluation import TrainingCost, evaluate
from docdex.evaluation.comparison import compare, embed_benchmark, match_benchmark, measure_peers
from docdex.evaluation.measurement import measure_vectors
from docdex.evaluation.peers import Matcher, open_peer, unit_length
from docdex.evaluation.protocol import (
    CAPTURES,
    DRAWS,
    Benchmark,
    dir_table,
    identify,
    pair_table,
    rank1_table,
    search_cost_table,
)
from docdex.evaluation.replicates import Resampling


@pytest.fixture
def copy(benchmark_root: Path, tmp_path: Path) -> Path:
    """The benchmark, to be spoilt."""
    return Path(shutil.copytree(benchmark_root, tmp_path / "dev"))


def test_search_takes_the_best_orientation_of_the_probe_and_samples_stay_upright() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((5, 4, 6)).astype(np.float32)
    upright, searched = compare(vectors)
    for probe in range(5):
        for sample in range(5):
            each = [float(vectors[probe, r] @ vectors[sample, 0]) for r in range(4)]
            assert upright[probe, sample] == pytest.approx(each[0], abs=1e-5)
            assert searched[probe, sample] == pytest.approx(max(each), abs=1e-5)


def test_only_what_was_turned_is_searched(benchmark_root: Path) -> None:
    benchmark = Benchmark.scan(benchmark_root)
    # Vectors at random: every figure differs between captures, and with search from without.
    vectors = unit_length(np.random.default_rng(1).standard_normal((23, 4, 3)).astype(np.float32))
    result = measure_vectors(Resampling(benchmark), "random", vectors).result
    upright, searched = compare(vectors)
    plain, turned = ([identify(benchmark, n, matrix) for n in range(DRAWS)] for matrix in (upright, searched))
    for capture in CAPTURES:
        assert result.rank1[capture] == pytest.approx(rank1_table(benchmark, plain, capture), abs=1e-6)
        assert result.dir[capture] == pytest.approx(dir_table(benchmark, plain, capture), abs=1e-6)
        assert result.pairs[capture]["all"].auroc == pytest.approx(
            pair_table(benchmark, upright, capture)["all"].auroc, abs=1e-6
        )
    assert result.turned.rank1 == pytest.approx(rank1_table(benchmark, turned, "stress"), abs=1e-6)
    assert result.turned.dir == pytest.approx(dir_table(benchmark, turned, "stress"), abs=1e-6)
    for turn, degrees in enumerate(ROTATIONS):
        matrix = vectors[:, turn] @ vectors[:, 0].T
        draws = [identify(benchmark, n, matrix) for n in range(DRAWS)]
        for capture in CAPTURES:
            expected = rank1_table(benchmark, draws, capture)["mean"]
            assert result.unsearched[str(degrees)][capture] == pytest.approx(expected, abs=1e-6)
    cost = search_cost_table(plain, turned)
    assert result.turned.fpir_at_upright_threshold == pytest.approx(cost, abs=1e-6)
    assert cost["0.1"] > 0.1


def test_the_cost_of_a_model_stands_in_its_result_and_in_no_others(
    benchmark_root: Path, tiny: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copy(tiny, tmp_path / "model.onnx"))
    passport = models.read_passport(tiny)
    training = {"config": {"name": "one"}, "minutes": 10.0, "cpu_minutes": 19.5, "images": 61_056}
    models.write_passport(msgspec.structs.replace(passport, name="published_1", training=training), model)
    ours, phash = evaluate(benchmark_root, [f"docdex:{model}", "phash"])
    assert ours.peer == "docdex:published_1"
    assert ours.cost == TrainingCost(10.0, 19.5, 61_056)
    assert phash.cost is None


def test_every_peer_is_measured_in_the_order_asked(benchmark_root: Path, tiny: Path) -> None:
    results = evaluate(benchmark_root, ["thumbnail", f"docdex:{tiny}", "phash"])
    assert [result.peer for result in results] == ["thumbnail", "docdex:tiny", "phash"]
    for result in results:
        assert (result.types, result.strangers) == (3, 9)
        assert list(result.rank1) == list(result.dir) == list(result.pairs) == ["flat", "stress"]
        for capture in ("flat", "stress"):
            assert list(result.rank1[capture]) == ["cards", "letters", "mean"]
            assert list(result.dir[capture]) == ["0.1", "0.03", "0.01"]
            assert list(result.pairs[capture]) == ["cards", "letters", "all"]
        assert list(result.turned.rank1) == ["cards", "letters", "mean"]
        assert (
            list(result.turned.dir)
            == list(result.turned.fpir_at_upright_threshold)
            == ["0.1", "0.03", "0.01"]
        )


def test_an_easy_benchmark_is_solved(benchmark_root: Path) -> None:
    (result,) = evaluate(benchmark_root, ["thumbnail"])
    assert set(result.rank1["flat"].values()) == {1.0}
    assert set(result.dir["flat"].values()) == {1.0}
    assert result.pairs["flat"]["all"].auroc == 1.0


def test_a_set_of_one_type_has_no_pairs_to_tell_apart(benchmark_root: Path) -> None:
    (result,) = evaluate(benchmark_root, ["phash"])
    letters = result.pairs["flat"]["letters"]
    assert letters.auroc is None
    assert set(letters.tpr.values()) == {None}


def test_peers_asked_together_answer_as_alone(benchmark_root: Path) -> None:
    together = evaluate(benchmark_root, ["phash", "thumbnail"])
    assert together == [*evaluate(benchmark_root, ["phash"]), *evaluate(benchmark_root, ["thumbnail"])]


def test_others_are_compared_with_the_one_that_was_named(benchmark_root: Path) -> None:
    phash, thumbnail = evaluate(benchmark_root, ["phash", "thumbnail"], against="thumbnail")
    assert thumbnail.lead is None
    assert phash.lead is not None
    assert phash.lead.over == "thumbnail"
    assert phash.intervals is not None
    assert phash.lead.intervals.rank1["flat"].keys() == phash.intervals.rank1["flat"].keys()
    alone = [msgspec.structs.replace(phash, lead=None), thumbnail]
    assert alone == evaluate(benchmark_root, ["phash", "thumbnail"])


def test_a_lead_over_one_of_two_of_a_name_is_refused(
    benchmark_root: Path, tiny: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copy(tiny, tmp_path / "other.onnx"))
    shutil.copy(tiny.with_suffix(".json"), other.with_suffix(".json"))
    peers = [f"docdex:{tiny}", f"docdex:{other}", "phash"]
    seen: list[int] = []
    with pytest.raises(InvalidSetting, match="Two of these are called docdex:tiny"):
        evaluate(benchmark_root, peers, against=peers[0], progress=lambda done, _: seen.append(done))
    assert seen == []
    ahead, _, _ = evaluate(benchmark_root, peers, against="phash")
    assert ahead.lead is not None


def test_who_was_asked_other_questions_has_no_lead(benchmark_root: Path) -> None:
    phash, sift = evaluate(benchmark_root, ["phash", "sift"], against="phash")
    assert (phash.draws, sift.draws) == (3, 1)
    assert phash.lead is sift.lead is None


def test_a_peer_that_is_not_measured_cannot_be_compared_with(benchmark_root: Path) -> None:
    with pytest.raises(
        InvalidSetting, match="Cannot compare with sift, which is not measured; what is: phash"
    ):
        evaluate(benchmark_root, ["phash"], against="sift")


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_figures_are_those_of_pages_really_turned(
    benchmark_root: Path, copy: Path, turns: int
) -> None:
    (expected,) = evaluate(benchmark_root, ["phash"])
    for path in [*(copy / "stress").rglob("*.jpg"), *(copy / "strangers").rglob("*.jpg")]:
        # As PNG inside, which is lossless: what is read decides, not the name.
        turned = np.ascontiguousarray(np.rot90(cv2.imread(str(path)), turns))
        path.write_bytes(cv2.imencode(".png", turned)[1].tobytes())
    (found,) = evaluate(copy, ["phash"])
    assert found.turned.rank1 == expected.turned.rank1
    assert found.turned.dir == expected.turned.dir
    assert found.rank1["flat"] == expected.rank1["flat"]
    assert found.rank1["stress"] != expected.rank1["stress"]


def test_without_strangers_no_detection_rate_is_claimed(copy: Path) -> None:
    shutil.rmtree(copy / "strangers")
    (result,) = evaluate(copy, ["phash"])
    assert result.strangers == 0
    assert set(result.dir["flat"].values()) == {None}
    assert set(result.turned.fpir_at_upright_threshold.values()) == {None}
    assert result.rank1["flat"]["mean"] is not None


def test_without_stress_only_flat_is_measured(copy: Path) -> None:
    shutil.rmtree(copy / "stress")
    (result,) = evaluate(copy, ["phash"])
    assert result.rank1["stress"] == {"mean": None}
    assert set(result.dir["stress"].values()) == {None}
    assert result.pairs["stress"]["all"].auroc is None
    assert result.rank1["flat"]["mean"] is not None


def test_a_picture_that_cannot_be_read_is_named(copy: Path) -> None:
    path = copy / "stress" / "cards" / "red" / "01.jpg"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DamagedSource, match=r"01\.jpg"):
        evaluate(copy, ["phash"])


def test_progress_ends_with_all_pictures(benchmark_root: Path) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(benchmark_root, ["phash"], progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (23, 23)


def test_the_projection_is_fitted_on_the_pictures_beside_the_benchmark(benchmark_root: Path) -> None:
    with pytest.raises(EmptySource, match=r"train holds too few pictures for lite0-cells-pca"):
        evaluate(benchmark_root, ["lite0-cells-pca"])


def test_figures_are_rounded_to_what_a_benchmark_can_tell(benchmark_root: Path) -> None:
    benchmark = Benchmark.scan(benchmark_root)
    peer = open_peer("phash", train=benchmark_root)
    assert not isinstance(peer, Matcher)
    (vectors,) = embed_benchmark(benchmark, [peer])
    assert vectors.shape == (23, len(ROTATIONS), 256)
    result = measure_vectors(Resampling(benchmark), "phash", vectors).result
    for rate in (*result.rank1["stress"].values(), *result.turned.dir.values()):
        assert rate is not None
        assert round(rate, 6) == rate


class TypeMatcher:
    """Scores pages by their mean colour, and says what it was asked to describe."""

    name = "colours"

    def __init__(self, every: int) -> None:
        self.every = every
        self.described = 0

    def describe(self, page: NDArray[np.uint8]) -> NDArray[np.float64]:
        self.described += 1
        return page.mean(axis=(0, 1))

    def compare(
        self, probe: NDArray[np.float64], samples: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float32]:
        return np.array([-np.abs(probe - sample).sum() for sample in samples], dtype=np.float32)


def test_a_costly_peer_is_asked_about_a_share_of_one_draw(benchmark_root: Path) -> None:
    benchmark = Benchmark.scan(benchmark_root)
    gallery, probes = benchmark.draw(0)
    everyone = np.sort(np.concatenate([probes, benchmark.indices(strangers=True)]))
    for every in (1, 3):
        peer = TypeMatcher(every)
        asked, scores = match_benchmark(benchmark, peer)
        assert asked.tolist() == everyone[::every].tolist()
        assert scores.shape == (len(asked), len(gallery))
        assert peer.described == len(asked) + len(gallery)


def test_what_a_costly_peer_was_not_asked_is_not_claimed(benchmark_root: Path) -> None:
    benchmark = Benchmark.scan(benchmark_root)
    (measured,) = measure_peers(benchmark, [TypeMatcher(2)])
    result = measured.result
    assert (result.peer, result.draws, result.every, result.types) == ("colours", 1, 2, 3)
    assert 0 < result.strangers < 9
    assert result.rank1["stress"]["mean"] is not None
    assert set(result.pairs["flat"]["all"].tpr.values()) == {None}
    assert result.pairs["flat"]["all"].auroc is None
    assert set(result.turned.dir.values()) == {None}
    assert result.unsearched == {}


def test_a_costly_peer_asked_about_everything_is_measured_as_its_vectors_would_be(
    benchmark_root: Path,
) -> None:
    thumbnails = open_peer("thumbnail", train=benchmark_root)
    assert not isinstance(thumbnails, Matcher)

    class AsMatcher:
        name, every = "matched", 1

        def describe(self, page: NDArray[np.uint8]) -> NDArray[np.float32]:
            return np.asarray(thumbnails.embed([page])[0, 0])

        def compare(
            self, probe: NDArray[np.float32], samples: Sequence[NDArray[np.float32]]
        ) -> NDArray[np.float32]:
            return np.array([probe @ sample for sample in samples], dtype=np.float32)

    benchmark = Benchmark.scan(benchmark_root)
    matched, embedded = measure_peers(benchmark, [AsMatcher(), thumbnails])
    assert matched.result.peer == "matched"
    assert embedded.result.peer == "thumbnail"
    first, other = matched.draws[0], embedded.draws[0]
    np.testing.assert_array_equal(first.probes, other.probes)
    np.testing.assert_array_equal(first.nearest, other.nearest)
    np.testing.assert_array_equal(first.asked_strangers, other.asked_strangers)
    np.testing.assert_allclose(first.best, other.best, atol=1e-5)
    np.testing.assert_allclose(first.strangers, other.strangers, atol=1e-5)


def test_a_report_is_written_beside_the_results(benchmark_root: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    results = evaluate(benchmark_root, ["phash"], report=path)
    assert "phash" in path.read_text(encoding="utf-8")
    assert results == evaluate(benchmark_root, ["phash"])


def test_only_cheap_peers_are_asked_unless_others_are_named(
    benchmark_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docdex.evaluation.comparison.cheap_peer_names", lambda: ["hog"])
    assert [result.peer for result in evaluate(benchmark_root)] == ["hog"]
