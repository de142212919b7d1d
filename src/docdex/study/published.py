"""What the published study reported, typed in once, so that our tables stand beside its."""

from __future__ import annotations

from typing import NamedTuple


class Cohesion(NamedTuple):
    """The published cohesion of one side, over classes. by_class: in its own order, where it gave each."""

    mean: float
    by_class: dict[str, float] | None = None
    std: float | None = None
    low: float | None = None
    quartiles: tuple[float, float, float] | None = None
    high: float | None = None


class Published(NamedTuple):
    """One of its data sets. train, test, classes: how large it was. classifier, metric: its two sides."""

    train: int
    test: int
    classes: int
    classifier: Cohesion
    metric: Cohesion


_AG_NEWS = ("World", "Sports", "Business", "Sci/Tech")
"""The data set's own order, in which the study gives its four figures."""

PUBLISHED = {
    "ag_news": Published(
        120_000,
        7_600,
        4,
        Cohesion(0.41, dict(zip(_AG_NEWS, (0.44, 0.52, 0.38, 0.28), strict=True))),
        Cohesion(0.64, dict(zip(_AG_NEWS, (0.61, 0.72, 0.58, 0.65), strict=True))),
    ),
    "dbpedia_classes": Published(
        240_942,
        60_794,
        219,
        Cohesion(0.79, std=0.07, low=0.48, quartiles=(0.74, 0.79, 0.84), high=0.94),
        Cohesion(0.71, std=0.09, low=0.38, quartiles=(0.66, 0.73, 0.78), high=0.89),
    ),
}
