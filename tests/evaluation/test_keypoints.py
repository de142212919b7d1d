from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.evaluation import keypoints
from docdex.evaluation.keypoints import Keypoints, SiftPeer


@pytest.fixture(scope="module")
def sift() -> SiftPeer:
    return SiftPeer("sift")


def page(seed: int) -> NDArray[np.uint8]:
    """A page of words that are none, in a hundred places."""
    rng = np.random.default_rng(seed)
    drawn = np.full((480, 360, 3), 240, dtype=np.uint8)
    for _ in range(100):
        word = "".join(chr(letter) for letter in rng.integers(65, 90, 5))
        x, y = (int(n) for n in rng.integers([0, 20], [300, 470]))
        cv2.putText(drawn, word, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1)
    return drawn


def photo(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The page askew and from the side."""
    height, width = drawn.shape[:2]
    before = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    after = np.array([[40, 20], [330, 0], [350, 470], [0, 440]], dtype=np.float32)
    seen = cv2.warpPerspective(drawn, cv2.getPerspectiveTransform(before, after), (width, height))
    return np.asarray(seen, dtype=np.uint8)


def test_the_sample_on_the_photo_has_the_highest_score(sift: SiftPeer) -> None:
    samples = [sift.describe(page(seed)) for seed in range(4)]
    scores = sift.compare(sift.describe(photo(page(2))), samples)
    assert scores.dtype == np.float32
    assert scores.argmax() == 2
    assert scores[2] > 30
    assert np.delete(scores, 2).max() < 15


def test_descriptors_are_roots_of_unit_length(sift: SiftPeer) -> None:
    found = sift.describe(page(0))
    assert 100 < len(found.points) <= 410
    assert np.linalg.norm(found.descriptors, axis=1) == pytest.approx(np.ones(len(found.points)), abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (50, 40, 3), (2000, 30, 3)])
def test_a_page_without_points_agrees_with_nothing(sift: SiftPeer, shape: tuple[int, ...]) -> None:
    blank = sift.describe(np.full(shape, 255, dtype=np.uint8))
    other = sift.describe(page(1))
    assert sift.compare(blank, [other, blank]).tolist() == [0, 0]
    assert sift.compare(other, [blank]).tolist() == [0]


def test_many_points_on_one_count_once() -> None:
    rng = np.random.default_rng(0)
    descriptors = np.abs(rng.standard_normal((20, 128))).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    points = rng.random((20, 2)).astype(np.float32) * 300
    sample = Keypoints(points, descriptors)
    sift = SiftPeer("sift")
    assert sift.compare(sample, [sample]) == 20
    # All of a probe's points look like the sample's first: whatever the homography, that is one point.
    collapsed = Keypoints(points, np.repeat(descriptors[:1], 20, axis=0))
    assert sift.compare(collapsed, [sample]) == 0


def test_a_sample_scores_the_same_among_any_others(sift: SiftPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keypoints, "_SAMPLES_AT_ONCE", 3)
    probe = sift.describe(photo(page(3)))
    blank = sift.describe(np.full((50, 40, 3), 255, dtype=np.uint8))
    samples = [
        sift.describe(page(1)),
        blank,
        *(sift.describe(page(seed)) for seed in (2, 3, 4)),
        blank,
        blank,
    ]
    together = sift.compare(probe, samples)
    assert together.argmax() == 3
    assert together.tolist() == [float(sift.compare(probe, [sample])[0]) for sample in samples]
    assert sift.compare(probe, []).shape == (0,)


def test_a_page_is_compared_alike_each_time(sift: SiftPeer) -> None:
    probe, sample = sift.describe(photo(page(5))), sift.describe(page(5))
    first = sift.compare(probe, [sample, sample])
    np.testing.assert_array_equal(first, sift.compare(probe, [sample, sample]))
    assert first[0] == first[1]
