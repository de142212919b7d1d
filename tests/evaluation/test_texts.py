from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.evaluation.texts import TextDraw, identify_texts, measure_draws

EYE = np.eye(4, dtype=np.float32)
LABELS = np.array([0, 0, 1, 1])


def draw(best: list[float], correct: list[bool], strangers: list[float]) -> TextDraw:
    return TextDraw(
        LABELS, np.array(best, np.float32), np.array(correct), np.array(strangers, dtype=np.float32)
    )


def test_a_label_scores_by_its_best_sample() -> None:
    probes = np.array([[0.8, 0.6, 0, 0], [0.0, 0.6, 0.8, 0]], dtype=np.float32)
    found = identify_texts(probes, np.array([0, 1]), EYE[:3], np.array([0, 0, 1]), EYE[3:])
    np.testing.assert_allclose(found.best, [0.8, 0.8])
    assert found.correct.tolist() == [True, True]
    assert found.strangers.tolist() == [0]


def test_sparse_vectors_are_compared_as_plain_ones() -> None:
    sparse = pytest.importorskip("scipy.sparse", reason="scipy comes with the extra `report`")
    rng = np.random.default_rng(0)
    probes, samples, strangers = (rng.random((5, 4)).astype(np.float32) for _ in range(3))
    of = np.arange(5)

    def ask(form: type | None) -> TextDraw:
        given = (part if form is None else form(part) for part in (probes, samples, strangers))
        asked, registered, others = given
        return identify_texts(asked, of, registered, of, others)

    plain, compressed = ask(None), ask(sparse.csr_matrix)
    np.testing.assert_allclose(compressed.best, plain.best, rtol=1e-6)
    assert compressed.correct.tolist() == plain.correct.tolist()


def test_figures_are_means_over_draws() -> None:
    draws = [
        draw([0.9, 0.8, 0.7, 0.6], [True, True, True, False], [0.1] * 10),
        draw([0.9, 0.8, 0.7, 0.6], [True, False, True, False], [0.1] * 9 + [0.85]),
    ]
    found = measure_draws(draws, {"new": np.array([False, True])}).figures()
    assert found["rank1"].value == 0.625
    assert found["rank1_new"].value == 0.5
    assert found["dir@0.1"].value == 0.625  # one stranger of ten may pass
    assert found["dir@0.01"].value == 0.5  # none may: three right and above .1, one right and above .85
    assert found["rank1"].low <= 0.625 <= found["rank1"].high


def test_a_recogniser_is_not_ahead_of_itself() -> None:
    found = measure_draws([draw([0.9, 0.8, 0.7, 0.6], [True, False, True, True], [0.5] * 5)], {})
    for figure in found.ahead_of(found).values():
        assert (figure.value, figure.low, figure.high) == (0, 0, 0)


def test_a_difference_is_surer_than_the_two_figures_are() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 20)
    easy = rng.random(40)[labels] > rng.random(len(labels))  # labels differ a lot in how hard they are

    def outcome(right: NDArray[np.bool_]) -> TextDraw:
        near = np.full(len(labels), 0.5, dtype=np.float32)
        return TextDraw(labels, near, right, np.zeros(50, dtype=np.float32))

    worse = measure_draws([outcome(easy)], {})
    better = measure_draws([outcome(easy | (rng.random(len(labels)) < 0.1))], {})
    gain, alone = better.ahead_of(worse)["rank1"], better.figures()["rank1"]
    assert gain.low > 0
    assert gain.high - gain.low < 0.5 * (alone.high - alone.low)
