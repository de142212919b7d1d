"""Compare pages point by point, because on flat paper nothing global is as hard to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_POINTS = 400
_LONG_SIDE = 480
_RATIO = 0.8
_FEWEST = 6
"""Four matches fit a homography whatever they are: below six, agreement says nothing."""

_PIXELS_OFF = 5.0
_SAMPLES_AT_ONCE = 32
"""Some 20 MB of cosines."""


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Points (K, 2) float32 in pixels of the shrunk page, and their descriptors (K, 128) of unit length."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]


class SiftPeer:
    """RootSIFT (Lowe, 2004; Arandjelović and Zisserman, 2012), matched by ratio, then by one homography.

    A score is the number of sample points that agree with the homography, found by MAGSAC (arXiv 1803.07469).
    Every probe is compared with every sample: some tenths of a second a probe in a gallery of hundred types.
    """

    every = 1

    def __init__(self, name: str) -> None:
        self.name = name
        self._detector = cv2.SIFT.create(_POINTS)

    def describe(self, page: NDArray[np.uint8]) -> Keypoints:
        """The strongest 400 points of a page (H, W, 3) uint8 RGB whose long side is shrunk to 480 pixels."""
        grey = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, _LONG_SIDE / max(grey.shape))
        size = [max(1, round(side * scale)) for side in grey.shape[::-1]]
        found, descriptors = self._detector.detectAndCompute(
            cv2.resize(grey, size, interpolation=cv2.INTER_AREA), None
        )
        if not found:
            return Keypoints(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
        lengths = np.maximum(descriptors.sum(axis=1, keepdims=True), np.float32(1e-6))
        points = np.array([point.pt for point in found], dtype=np.float32)
        return Keypoints(points, np.sqrt(descriptors / lengths, dtype=np.float32))

    def compare(self, probe: Keypoints, samples: Sequence[Keypoints]) -> NDArray[np.float32]:
        """Points of each sample that a probe has in the same arrangement: (S,), from 0 to some 400."""
        scores = np.zeros(len(samples), dtype=np.float32)
        for start in range(0, len(samples), _SAMPLES_AT_ONCE):
            some = samples[start : start + _SAMPLES_AT_ONCE]
            # One large product: after each, numpy's threads wait for one another without letting go of their
            # cores, and beside other work many small ones are little else than waiting.
            cosines = probe.descriptors @ np.concatenate([sample.descriptors for sample in some]).T
            ends = np.cumsum([len(sample.points) for sample in some])
            parts = np.split(cosines, ends[:-1], axis=1)
            for place, (sample, part) in enumerate(zip(some, parts, strict=True), start):
                scores[place] = count_agreeing(probe, sample, part)
        return scores


def count_agreeing(probe: Keypoints, sample: Keypoints, cosines: NDArray[np.float32]) -> int:
    """How many points of the sample are found in the probe where one homography puts them; 0 below six.

    cosines: (K, L) of the K descriptors of the probe with the L of the sample; changed.
    """
    if len(probe.points) < _FEWEST or len(sample.points) < _FEWEST:
        return 0
    rows = np.arange(len(cosines))
    nearest = cosines.argmax(axis=1)
    first = cosines[rows, nearest]
    cosines[rows, nearest] = -1
    second = cosines.max(axis=1)
    # The distance of unit vectors is the root of 2 - 2 cosine.
    matched = np.flatnonzero(1 - first < _RATIO**2 * (1 - second))
    if len(matched) < _FEWEST:
        return 0
    found: Any = cv2.findHomography(
        probe.points[matched], sample.points[nearest[matched]], cv2.USAC_MAGSAC, _PIXELS_OFF, maxIters=1000
    )
    homography, inliers = found
    if homography is None:
        return 0
    # Many points of a probe may lie on one of the sample, as a collapsed homography wants it: it counts once.
    agreeing = len(np.unique(nearest[matched][inliers.ravel() > 0]))
    return agreeing if agreeing >= _FEWEST else 0
