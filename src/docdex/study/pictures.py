"""Draw what a study found: maps of test texts by t-SNE, sizes of classes, and how figures fall with a class.

Every picture is a PNG, the same bytes for the same figures.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.figure import Figure

from docdex.evaluation.plots import STYLE, lay_out
from docdex.study.intervals import pool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from docdex.study.record import Study

_DOTS_PER_INCH = 80
_MANY = 10
"""Classes that a legend can tell apart."""


def draw_maps(
    maps: Mapping[str, NDArray[np.float32]], labels: NDArray[np.int64], names: tuple[str, ...], columns: int
) -> bytes:
    """Maps of vectors by t-SNE (van der Maaten and Hinton, 2008), by title, so many in a row.

    vectors: (N, D) each; labels: (N,), the same for all maps. names: of the classes.
    """
    rows = -(-len(maps) // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(3.4 * columns, 3.2 * rows + 0.4), dpi=_DOTS_PER_INCH, layout="constrained")
        all_axes = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes, (title, vectors) in zip(all_axes, maps.items(), strict=False):
            points = lay_out(vectors)
            for label, name in enumerate(names):
                own = points[labels == label]
                axes.scatter(own[:, 0], own[:, 1], s=3, linewidths=0, color=_colour(label), label=name)
            axes.set(xticks=[], yticks=[])
            axes.set_title(title, fontsize=9)
        for axes in all_axes[len(maps) :]:
            axes.set_axis_off()
        if len(names) <= _MANY:
            handles = all_axes[0].get_legend_handles_labels()
            figure.legend(*handles, loc="outside lower center", ncols=len(names), markerscale=3)
        return _png(figure)


def draw_sizes(study: Study) -> bytes:
    """How many classes have how many texts to train, and to test."""
    with rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.2), dpi=_DOTS_PER_INCH, layout="constrained")
        axes = figure.subplots()
        sizes = np.array(list(study.sizes.values()))
        axes.hist(sizes, bins=30, label=["to train", "to test"])
        axes.set(xlabel="texts of a class", ylabel="classes")
        axes.legend()
        return _png(figure)


def draw_imbalance(study: Study) -> bytes:
    """Separation and recognition of the class that is cut, by the share it is cut to, mean over classes."""
    assert study.config.imbalance is not None
    shares = sorted(study.config.imbalance.shares)
    with rc_context(STYLE):
        figure = Figure(figsize=(8, 3.2), dpi=_DOTS_PER_INCH, layout="constrained")
        both = {"group separation": "separation", "group centroid": "nearest centroid right"}
        for axes, (name, title) in zip(figure.subplots(1, 2), both.items(), strict=True):
            for number, loss in enumerate(study.config.sides):
                found = [
                    pool(
                        [r for r in study.rows if r.loss == loss and r.of.endswith(f" at {100 * s:g} %")], ""
                    )
                    for s in shares
                ]
                figures = [row.figures[name] for row in found]
                means, lows, highs = (
                    np.array([getattr(each, of) for each in figures], dtype=np.float64)
                    for of in ("mean", "low", "high")
                )
                axes.plot(shares, means, marker="o", markersize=3, color=f"C{number}", label=loss)
                axes.fill_between(shares, lows, highs, color=f"C{number}", alpha=0.2, linewidth=0)
            axes.set(xscale="log", xlabel="share of its texts that the class keeps", title=title)
            axes.legend()
        return _png(figure)


def _colour(label: int) -> tuple[float, float, float, float]:
    return colormaps["tab10" if label < _MANY else "tab20"](label % 20)


def _png(figure: Figure) -> bytes:
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
