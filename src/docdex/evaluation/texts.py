"""Measure open-set recognition of texts: few registered samples a label, strangers among the probes.

A label scores by its best sample, as everywhere. Intervals are by bootstrap over labels and over strangers,
as in `docdex.evaluation.bootstrap`, with the same votes for whatever is measured, so that differences of two
recognisers have intervals too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from docdex.evaluation.bootstrap import detection_rates, interval, resample, shares
from docdex.evaluation.metrics import detection_and_identification_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from docdex.evaluation.bootstrap import Weights

FPIR_TARGETS = (0.1, 0.01)
_DECIMALS = 4


class Figure(msgspec.Struct, frozen=True):
    """A share, the mean over draws, with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class TextDraw:
    """Outcome of one draw. labels: (P,) numbers of the probes' labels; best: (P,) similarity of the nearest
    sample; correct: (P,) whether it has the probe's label; strangers: (S,) similarity of theirs.
    """

    labels: NDArray[np.int64]
    best: NDArray[np.float32]
    correct: NDArray[np.bool_]
    strangers: NDArray[np.float32]


def identify_texts(
    probes: Any, labels: NDArray[np.int64], samples: Any, sample_labels: NDArray[np.int64], strangers: Any
) -> TextDraw:
    """Ask about probes and strangers; of samples equally near, the first counts.

    probes, samples, strangers: (N, D) vectors of unit length, numpy arrays or sparse matrices of scipy.
    labels: of the probes, sample_labels: of the samples, numbers from 0.
    """
    near = _cosines(probes, samples)
    nearest = near.argmax(axis=1)
    return TextDraw(
        labels=labels,
        best=near.max(axis=1),
        correct=sample_labels[nearest] == labels,
        strangers=_cosines(strangers, samples).max(axis=1),
    )


def _cosines(one: Any, other: Any) -> NDArray[np.float32]:
    product = one @ other.T
    return np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Replicates:
    """Figures of one recogniser by name: values, the mean over draws, and (R,) of each replicate."""

    values: dict[str, float]
    replicates: dict[str, NDArray[np.float64]]

    def figures(self) -> dict[str, Figure]:
        """Each with its interval."""
        return {name: _figure(value, self.replicates[name]) for name, value in self.values.items()}

    def ahead_of(self, other: Replicates) -> dict[str, Figure]:
        """How much higher each figure is than another recogniser's, by the same votes."""
        return {
            name: _figure(value - other.values[name], self.replicates[name] - other.replicates[name])
            for name, value in self.values.items()
        }


def measure_draws(
    draws: Sequence[TextDraw], groups: Mapping[str, NDArray[np.bool_]], seed: int = 0
) -> Replicates:
    """Rank-1, overall as `rank1` and of groups of labels, and DIR at each FPIR target as `dir@TARGET`.

    draws: of the same labels and strangers, each with a gallery of its own. groups: (L,) whether a label
    belongs, by a name that becomes `rank1_NAME`.
    """
    count = 1 + max(int(draw.labels.max()) for draw in draws)
    votes = resample(np.full(count, "labels"), seed)
    stranger_votes = resample(np.full(len(draws[0].strangers), "strangers"), seed + 1)
    everyone = {"rank1": np.ones(count, dtype=np.bool_)}
    everyone |= {f"rank1_{name}": members for name, members in groups.items()}
    values: dict[str, list[float]] = {}
    replicates: dict[str, list[NDArray[np.float64]]] = {}
    for draw in draws:
        weights: Weights = np.take(votes, draw.labels, axis=1)
        for name, members in everyone.items():
            mask = members[draw.labels]
            values.setdefault(name, []).append(float(draw.correct[mask].mean()))
            replicates.setdefault(name, []).append(shares(draw.correct[mask], weights[:, mask]))
        rates = detection_rates(
            draw.best, draw.correct, weights, draw.strangers, stranger_votes, targets=FPIR_TARGETS
        )
        for target, rate in zip(FPIR_TARGETS, rates.T, strict=True):
            found = detection_and_identification_rate(draw.best, draw.correct, draw.strangers, target)
            values.setdefault(f"dir@{target:g}", []).append(found)
            replicates.setdefault(f"dir@{target:g}", []).append(rate)
    return Replicates(
        {name: float(np.mean(found)) for name, found in values.items()},
        {name: np.mean(found, axis=0) for name, found in replicates.items()},
    )


def _figure(value: float, replicates: NDArray[np.float64]) -> Figure:
    low, high = interval(replicates) or (float("nan"), float("nan"))
    return Figure(*(round(number, _DECIMALS) for number in (value, low, high)))
