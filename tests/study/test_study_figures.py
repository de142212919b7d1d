from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.study.figures import (
    centroids,
    describe,
    describe_group,
    known,
    nearest,
    share_right,
    smallest_classes,
)


def unit(*rows: tuple[float, float]) -> NDArray[np.float32]:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


LABELS = np.array([0, 0, 1, 1, 2])
VECTORS = unit((1, 0), (0.8, 0.6), (0, 1), (0, 1), (-1, 0))


def test_a_collapsed_embedding_is_cohesive_and_separates_nothing() -> None:
    found = describe(unit(*[(1, 0)] * 5), LABELS)
    assert found["cohesion"] == pytest.approx(1)
    assert found["separation"] == pytest.approx(0)
    assert found["recall@1"] == 0


def test_cohesion_is_the_mean_over_classes_of_two_texts_or_more() -> None:
    assert describe(VECTORS, LABELS)["cohesion"] == pytest.approx((0.8 + 1.0) / 2)


def test_a_group_is_compared_with_the_classes_outside_and_within_it() -> None:
    found = describe_group(VECTORS, LABELS, np.array([1, 2]), 3)
    centre = unit((1.8, 0.6))[0]
    assert found["group cohesion"] == pytest.approx(1)
    assert found["group to others"] == pytest.approx((centre[1] - centre[0]) / 2, abs=1e-6)
    assert found["group among itself"] == pytest.approx(0)


def test_a_single_class_has_nothing_among_itself() -> None:
    assert known(describe_group(VECTORS, LABELS, np.array([2]), 3)) == {
        "group cohesion": None,
        "group to others": pytest.approx((-unit((1.8, 0.6))[0, 0]) / 2, abs=1e-6),
        "group among itself": None,
    }


def test_centroids_answer_with_the_nearest_and_a_class_without_texts_never() -> None:
    centres = centroids(VECTORS, LABELS, 4)
    assert centres.shape == (4, 2)
    assert not centres[3].any()
    assert nearest(VECTORS, centres).tolist() == LABELS.tolist()


def test_shares_are_of_all_texts_or_of_one_class() -> None:
    answers = np.array([0, 1, 1, 1, 0])
    assert share_right(answers, LABELS) == 0.6
    assert share_right(answers, LABELS, only=0) == 0.5
    assert known({"none": share_right(answers, LABELS, only=7)}) == {"none": None}


def test_the_smallest_classes_are_those_with_the_fewest_texts_and_never_all() -> None:
    labels, test = np.array([0, 0, 0, 1, 2, 2, 3, 4]), np.array([0, 0, 1, 1, 2, 2, 3, 3, 4])
    assert smallest_classes(labels, test, 5, 2).tolist() == [1, 3]
    assert smallest_classes(labels, test, 5, 3).tolist() == [1, 3, 2]
    assert smallest_classes(labels, test, 5, 4).tolist() == []
