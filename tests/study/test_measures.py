from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.errors import InvalidSetting
from docdex.evaluation import metrics
from docdex.study import measures
from docdex.study.measures import (
    centroid_similarity,
    cohesion,
    map_at_r,
    one_shot_identification,
    out_of_scope_detection,
    recall_at_1,
    separation,
    tpr_at_fpr,
)

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]


def unit(rows: object) -> Vectors:
    array = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    return (array / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def clusters(
    seed: int, sizes: tuple[int, ...] = (5, 2, 7, 1, 4), spread: float = 0.7
) -> tuple[Vectors, Labels]:
    """Overlapping classes of several sizes, in no order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = rng.standard_normal((len(sizes), 6))
    return unit(centres[labels] + spread * rng.standard_normal((len(labels), 6))), labels


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Vectors, Labels]:
    """Vectors of few directions, so that equal cosines are common, and zeros; classes may lack vectors."""
    rows = draw(st.lists(st.tuples(*[st.integers(-1, 1)] * 3), min_size=1, max_size=9))
    labels = draw(st.lists(st.integers(0, 4), min_size=len(rows), max_size=len(rows)))
    return unit(rows), np.array(labels, dtype=np.int64)


@pytest.fixture(params=[1, 40, 1 << 24], ids=lambda at_once: f"{at_once} at once")
def streamed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few similarities are held at a time, figures are the same."""
    monkeypatch.setattr(measures, "_AT_ONCE", request.param)
    monkeypatch.setattr(measures, "_ROWS_AT_ONCE", request.param)


def cosine(one: Vectors, other: Vectors) -> float:
    """To six decimals, by plain sums."""
    return round(sum(float(a) * float(b) for a, b in zip(one, other, strict=True)), 6)


def slow_cohesion(vectors: Vectors, labels: Labels) -> list[float]:
    means = []
    for number in range(max(labels) + 1):
        inside = [vector for vector, label in zip(vectors, labels, strict=True) if label == number]
        pairs = [cosine(one, other) for one, other in combinations(inside, 2)]
        means.append(np.mean(pairs) if pairs else math.nan)
    return means


def slow_separation(vectors: Vectors, labels: Labels) -> list[float]:
    leads = []
    for number, within in enumerate(slow_cohesion(vectors, labels)):
        between = [
            cosine(one, other)
            for one, label in zip(vectors, labels, strict=True)
            for other, label_of_other in zip(vectors, labels, strict=True)
            if label == number != label_of_other
        ]
        leads.append(within - np.mean(between) if between else math.nan)
    return leads


def slow_neighbours(vectors: Vectors, labels: Labels, place: int) -> list[bool]:
    """Whether each neighbour of a vector has its class: nearest first, of equally near ones the wrong."""
    others = [other for other in range(len(labels)) if other != place]
    others.sort(key=lambda other: (-cosine(vectors[place], vectors[other]), labels[other] == labels[place]))
    return [bool(labels[other] == labels[place]) for other in others]


def asked(vectors: Vectors, labels: Labels) -> list[list[bool]]:
    found = [slow_neighbours(vectors, labels, place) for place in range(len(labels))]
    return [neighbours for neighbours in found if any(neighbours)]


def slow_recall(vectors: Vectors, labels: Labels) -> float:
    hits = [neighbours[0] for neighbours in asked(vectors, labels)]
    return float(np.mean(hits)) if hits else math.nan


def slow_map_at_r(vectors: Vectors, labels: Labels) -> float:
    values = []
    for neighbours in asked(vectors, labels):
        relevant = sum(neighbours)
        precisions = [
            sum(neighbours[: place + 1]) / (place + 1) * neighbours[place] for place in range(relevant)
        ]
        values.append(sum(precisions) / relevant)
    return float(np.mean(values)) if values else math.nan


@pytest.mark.usefixtures("streamed")
@pytest.mark.parametrize("seed", range(3))
def test_cohesion_is_the_mean_over_all_pairs_of_a_class(seed: int) -> None:
    given = clusters(seed)
    assert cohesion(*given) == pytest.approx(slow_cohesion(*given), abs=1e-5, nan_ok=True)


@pytest.mark.usefixtures("streamed")
@pytest.mark.parametrize("seed", range(3))
def test_separation_is_how_far_cohesion_is_ahead_of_the_mean_to_other_classes(seed: int) -> None:
    given = clusters(seed)
    assert separation(*given) == pytest.approx(slow_separation(*given), abs=1e-5, nan_ok=True)


@given(drawn())
@settings(max_examples=40, deadline=None)
def test_both_are_exact_for_zeros_and_classes_without_vectors_too(case: tuple[Vectors, Labels]) -> None:
    assert cohesion(*case) == pytest.approx(slow_cohesion(*case), abs=1e-5, nan_ok=True)
    assert separation(*case) == pytest.approx(slow_separation(*case), abs=1e-5, nan_ok=True)


def test_collapse_has_perfect_cohesion_and_no_separation_and_finds_nothing() -> None:
    """Why cohesion is never shown alone."""
    vectors, labels = unit(np.full((12, 7), 0.3)), np.arange(12) % 3
    assert cohesion(vectors, labels) == pytest.approx(1)
    assert separation(vectors, labels) == pytest.approx(0, abs=1e-6)
    assert recall_at_1(vectors, labels) == 0
    assert map_at_r(vectors, labels) == 0
    assert tpr_at_fpr(vectors, labels, [0.1])[0] == 0
    assert one_shot_identification(vectors, labels, 1, 2, 0).tolist() == [0, 0]


def test_classes_apart_have_both_and_find_everything() -> None:
    vectors, labels = unit(np.repeat(np.eye(3), 4, axis=0)), np.repeat(np.arange(3), 4)
    assert cohesion(vectors, labels) == pytest.approx(1)
    assert separation(vectors, labels) == pytest.approx(1)
    assert recall_at_1(vectors, labels) == 1
    assert map_at_r(vectors, labels) == 1
    assert tpr_at_fpr(vectors, labels, [0.0])[0] == 1
    assert one_shot_identification(vectors, labels, 1, 2, 0).tolist() == [1, 1]


def slow_centroid_similarity(
    vectors: Vectors, labels: Labels, group: list[int], others: list[int]
) -> list[float]:
    centroids = {
        int(number): unit([np.mean(vectors[labels == number], axis=0, dtype=np.float64)])[0]
        for number in set(labels)
    }
    return [
        float(np.mean(found)) if found else math.nan
        for number in group
        for found in [
            [
                cosine(centroids[number], centroids[other])
                for other in others
                if other != number and other in centroids and number in centroids
            ]
        ]
    ]


@pytest.mark.parametrize(
    ("group", "others"),
    [([0, 2], [1, 3, 4]), ([0, 2, 4], [0, 2, 4]), ([1], [1]), ([6, 0], [7, 1, 2])],
    ids=["to the others", "among themselves", "alone", "of classes without vectors"],
)
def test_centroids_are_compared_with_those_of_other_classes(group: list[int], others: list[int]) -> None:
    vectors, labels = clusters(4)
    found = centroid_similarity(vectors, labels, np.array(group), np.array(others))
    assert found == pytest.approx(
        slow_centroid_similarity(vectors, labels, group, others), abs=1e-5, nan_ok=True
    )


def test_a_class_whose_vectors_cancel_out_is_like_no_other() -> None:
    vectors, labels = unit([[1, 0], [-1, 0], [0, 1]]), np.array([0, 0, 1])
    assert centroid_similarity(vectors, labels, np.array([0, 1]), np.array([0, 1])).tolist() == [0, 0]


@pytest.mark.usefixtures("streamed")
@pytest.mark.parametrize("seed", range(3))
def test_recall_and_map_at_r_are_those_of_sorted_neighbours(seed: int) -> None:
    given = clusters(seed)
    assert recall_at_1(*given) == pytest.approx(slow_recall(*given))
    assert map_at_r(*given) == pytest.approx(slow_map_at_r(*given))


@given(drawn())
@settings(max_examples=40, deadline=None)
def test_of_equally_near_neighbours_the_wrong_one_comes_first(case: tuple[Vectors, Labels]) -> None:
    assert recall_at_1(*case) == pytest.approx(slow_recall(*case), nan_ok=True)
    assert map_at_r(*case) == pytest.approx(slow_map_at_r(*case), nan_ok=True)


def test_map_at_r_sees_a_class_broken_up_where_recall_does_not() -> None:
    """Each vector has one of its class beside it, and the other two far away behind another class."""
    angles = np.radians([0, 1, 90, 91, 45, 46, 135, 136])
    vectors = unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert recall_at_1(vectors, labels) == 1
    assert map_at_r(vectors, labels) < 0.5


@pytest.mark.usefixtures("streamed")
@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_judged_as_the_benchmark_judges_them(seed: int) -> None:
    vectors, labels = clusters(seed, sizes=(9, 4, 7, 1, 6))
    similarities = np.array([[cosine(one, other) for other in vectors] for one in vectors])
    positives, negatives = metrics.pair_scores(similarities.astype(np.float32), labels)
    targets = [0.0, 1e-3, 0.02, 0.1, 0.5, 1.0]
    assert tpr_at_fpr(vectors, labels, targets).tolist() == [
        metrics.tpr_at_fpr(positives, negatives, target) for target in targets
    ]


@given(drawn(), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_so_they_are_where_many_are_equally_near(case: tuple[Vectors, Labels], target: float) -> None:
    vectors, labels = case
    similarities = np.array([[cosine(one, other) for other in vectors] for one in vectors], dtype=np.float32)
    told = metrics.tpr_at_fpr(*metrics.pair_scores(similarities, labels), target)
    assert tpr_at_fpr(vectors, labels, [target])[0] == pytest.approx(told, nan_ok=True)


def test_identification_over_all_galleries_is_its_mean_over_many_draws() -> None:
    vectors, labels = clusters(2, sizes=(3, 2, 3))
    members = [np.flatnonzero(labels == number).tolist() for number in range(3)]
    rates = []
    for gallery in [(a, b, c) for a in members[0] for b in members[1] for c in members[2]]:
        probes = [place for place in range(len(labels)) if place not in gallery]
        hits = [
            labels[max(gallery, key=lambda sample: cosine(vectors[probe], vectors[sample]))] == labels[probe]
            for probe in probes
        ]
        rates.append(np.mean(hits))
    found = one_shot_identification(vectors, labels, 1, 3000, 0)
    assert np.unique(found) == pytest.approx(np.unique(rates))
    assert found.mean() == pytest.approx(np.mean(rates), abs=0.01)


def test_a_class_is_as_near_as_its_nearest_sample() -> None:
    """Two looks of one class: what resembles either is found once both are registered."""
    angles = np.radians([0, 2, 120, 122, 60, 61, 62])
    vectors = unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    assert one_shot_identification(vectors, labels, 1, 30, 0).max() < 1
    assert one_shot_identification(vectors, labels, 2, 30, 0).max() == 1


def test_a_class_without_a_vector_to_spare_stands_in_the_way_and_asks_nothing() -> None:
    vectors = unit([[1, 0], [1, 0.1], [1, 0.05]])
    alone = np.array([0, 0, 1])
    assert one_shot_identification(vectors, alone, 1, 3, 0).tolist() == [0, 0, 0]
    assert one_shot_identification(vectors[:2], alone[:2], 1, 3, 0).tolist() == [1, 1, 1]
    assert np.isnan(one_shot_identification(vectors, alone, 2, 3, 0)).all()


def test_a_draw_registers_as_many_of_each_class_by_the_seed() -> None:
    labels = np.array([0] * 5 + [1] * 2 + [2] * 9)
    registered = [measures._draw(labels, 3, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert [np.bincount(labels[chosen]).tolist() for chosen in registered] == [[3, 2, 3]] * 3
    assert np.array_equal(registered[0], registered[1])
    assert not np.array_equal(registered[0], registered[2])


@pytest.mark.usefixtures("streamed")
def test_those_out_of_scope_are_told_by_how_near_their_nearest_sample_is() -> None:
    vectors, labels = clusters(5, sizes=(6, 6, 6), spread=1.0)
    strangers, _ = clusters(6, sizes=(9,), spread=2.0)
    samples, probes = slice(0, 9), slice(9, None)
    found = out_of_scope_detection(
        (vectors[samples], labels[samples]), (vectors[probes], labels[probes]), strangers, (0.2, 0.01)
    )
    best, right = [], []
    for vector, label in zip(vectors[probes], labels[probes], strict=True):
        near = [cosine(vector, sample) for sample in vectors[samples]]
        best.append(max(near))
        right.append(labels[samples][int(np.argmax(near))] == label)
    strange = np.array([max(cosine(one, sample) for sample in vectors[samples]) for one in strangers])
    given = np.array(best), np.array(right), strange
    assert found.identified == pytest.approx(np.mean(right))
    assert found.auroc == pytest.approx(metrics.auroc(given[0], strange))
    assert found.dir == {
        name: pytest.approx(metrics.detection_and_identification_rate(*given, target))
        for name, target in {"0.2": 0.2, "0.01": 0.01}.items()
    }
    assert 0.5 < found.auroc < 1


def test_the_order_of_rows_changes_nothing() -> None:
    vectors, labels = clusters(7, sizes=(3, 2, 2))
    figures = set()
    for order in map(list, list(permutations(range(7)))[::197]):
        given = vectors[order], labels[order]
        by_class = np.round(separation(*given), 6).tolist()
        figures.add((recall_at_1(*given), map_at_r(*given), *tpr_at_fpr(*given, [0.1, 0.3]), *by_class))
    assert len(figures) == 1


def test_what_cannot_be_measured_is_not_a_number() -> None:
    nothing, none = np.empty((0, 3), dtype=np.float32), np.empty(0, dtype=np.int64)
    singles, own = unit(np.eye(3)), np.arange(3)
    one_class = np.zeros(3, dtype=np.int64)
    assert cohesion(nothing, none).shape == (0,)
    for vectors, labels in ((nothing, none), (singles, own)):
        assert math.isnan(recall_at_1(vectors, labels))
        assert math.isnan(map_at_r(vectors, labels))
        assert np.isnan(tpr_at_fpr(vectors, labels, [0.1])).all()
        assert np.isnan(one_shot_identification(vectors, labels, 1, 2, 0)).all()
    assert np.isnan(tpr_at_fpr(singles, one_class, [0.1])).all()
    assert np.isnan(separation(singles, one_class)).all()
    silent = out_of_scope_detection((singles, own), (nothing, none), nothing)
    assert math.isnan(silent.identified)
    assert math.isnan(silent.auroc)
    assert np.isnan([*silent.dir.values()]).all()


@pytest.mark.parametrize(
    ("vectors", "labels", "told"),
    [
        (unit(np.eye(3)), np.arange(2), r"shape \(3, 3\) with labels of shape \(2,\)"),
        (np.ones(3, dtype=np.float32), np.arange(3), r"shape \(3,\)"),
        (np.full((2, 4), 1.0, dtype=np.float32), np.arange(2), r"Vector 0 has a length of 2: 1 is asked"),
        (np.array([[1, 0], [np.nan, 0]], dtype=np.float32), np.arange(2), r"Vector 1 has a length of nan"),
        (unit(np.eye(2)), np.array([0, -1]), r"Label -1"),
    ],
)
def test_what_is_no_vectors_with_labels_is_refused(vectors: Vectors, labels: Labels, told: str) -> None:
    for measure in (cohesion, separation, recall_at_1, map_at_r):
        with pytest.raises(InvalidSetting, match=told):
            measure(vectors, labels)
    with pytest.raises(InvalidSetting, match=told):
        tpr_at_fpr(vectors, labels, [0.1])
    with pytest.raises(InvalidSetting, match=told):
        one_shot_identification(vectors, labels, 1, 1, 0)


def test_settings_out_of_range_are_refused() -> None:
    vectors, labels = clusters(0)
    with pytest.raises(InvalidSetting, match="0 samples and 3 draws"):
        one_shot_identification(vectors, labels, 0, 3, 0)
    with pytest.raises(InvalidSetting, match=r"rate of 1.5"):
        tpr_at_fpr(vectors, labels, [1.5])
    with pytest.raises(InvalidSetting, match="without samples"):
        out_of_scope_detection((vectors[:0], labels[:0]), (vectors, labels), vectors)
