"""Draw what was measured as pictures that a page holds inside itself: the same bytes for the same figures.

Every picture is given as a data URI.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from docdex.errors import InvalidSetting
from docdex.evaluation.metrics import oscr_curve
from docdex.evaluation.protocol import of_capture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from docdex.evaluation.measurement import Measurement
    from docdex.evaluation.protocol import Benchmark, Capture

STYLE: dict[Any, Any] = {
    # Names inside an SVG are random, and words curves, unless told otherwise.
    "svg.hashsalt": "docdex",
    "svg.fonttype": "none",
    # A dollar in the name of a folder is no formula.
    "text.parse_math": False,
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_SIZE = (5.2, 4.2)
_DOTS_PER_INCH = 120
_LOWEST_FPR = 1e-5
_LOWEST_FPIR = _LOWEST_FNIR = 1e-3
_HISTOGRAM_BINS = 128
_MOST_POINTS = 2000
"""Pages in a map of vectors: more would neither be told apart nor be laid out in a minute."""

_SEED = 0


def draw_roc(measurements: Sequence[Measurement], capture: Capture) -> str:
    """ROC over all pairs as SVG: TPR by per-pair FPR, from 1e-5 on."""

    def draw(axes: Axes) -> None:
        grid = np.geomspace(_LOWEST_FPR, 1, 301)
        for number, measured in enumerate(measurements):
            fpr, tpr = measured.pairs[capture].curve() if measured.pairs else (np.empty(0), np.empty(0))
            if len(fpr):
                _plot(axes, grid, _at(fpr, tpr, grid), number, measured)
        axes.set(xscale="log", xlim=(_LOWEST_FPR, 1), ylim=(0, 1.02))
        axes.set(xlabel="per-pair FPR", ylabel="TPR", title=f"ROC over all pairs, {capture}")

    return _svg(draw)


def draw_oscr(benchmark: Benchmark, measurements: Sequence[Measurement], capture: Capture) -> str:
    """OSCR as SVG: DIR by FPIR per probe, mean over the draws."""

    def draw(axes: Axes) -> None:
        for number, measured in enumerate(measurements):
            grid, rates = identification_curve(benchmark, measured, capture)
            _plot(axes, grid, rates, number, measured)
        axes.set(xscale="log", xlim=(_LOWEST_FPIR, 1), ylim=(0, 1.02))
        axes.set(xlabel="FPIR", ylabel="DIR", title=f"OSCR: strangers let in, types found, {capture}")

    return _svg(draw)


def draw_det(benchmark: Benchmark, measurements: Sequence[Measurement], capture: Capture) -> str:
    """DET as SVG: FNIR by FPIR per probe, both logarithmic, mean over the draws."""

    def draw(axes: Axes) -> None:
        for number, measured in enumerate(measurements):
            grid, rates = identification_curve(benchmark, measured, capture)
            # Zero has no place on such a scale: what misses nothing runs along its lower edge.
            _plot(axes, grid, np.maximum(1 - rates, _LOWEST_FNIR), number, measured)
        axes.set(xscale="log", yscale="log", xlim=(_LOWEST_FPIR, 1), ylim=(_LOWEST_FNIR, 1.05))
        axes.set(xlabel="FPIR", ylabel="FNIR", title=f"DET of identification, {capture}")

    return _svg(draw)


def identification_curve(
    benchmark: Benchmark, measured: Measurement, capture: Capture
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """FPIR (K,), from that of one stranger to 1, and DIR (K,), mean over draws; empty if unknown."""
    if not measured.result.strangers:
        return np.empty(0), np.empty(0)
    grid = np.geomspace(1 / measured.result.strangers, 1, 201)
    rates = []
    for outcome in measured.draws:
        mask = of_capture(benchmark, outcome.probes, capture)
        fpir, found = oscr_curve(outcome.best[mask], outcome.correct[mask], outcome.strangers)
        if not len(fpir):
            return np.empty(0), np.empty(0)
        rates.append(_at(fpir, found, grid))
    return grid, np.mean(rates, axis=0)


def _plot(
    axes: Axes, grid: NDArray[np.float64], rates: NDArray[np.float64], number: int, measured: Measurement
) -> None:
    # By number: a peer has the same colour in all plots, those included in which another has no curve.
    axes.plot(grid, rates, drawstyle="steps-post", color=f"C{number % 10}", label=measured.result.peer)


def _at(
    rates: NDArray[np.float64], found: NDArray[np.float64], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What is found at the largest rate that does not exceed each of the grid: the exact rule."""
    return found[np.searchsorted(rates, grid * (1 + 1e-9), side="right") - 1]


def draw_histogram(measured: Measurement, capture: Capture) -> str:
    """Similarities as SVG: of pairs of one type, of two, and of strangers with their nearest sample."""
    counts = measured.pairs[capture]
    edges = np.linspace(-1, 1, _HISTOGRAM_BINS + 1)
    strangers = np.concatenate([outcome.strangers for outcome in measured.draws])
    shares = {
        "pairs of one type": counts.same.reshape(_HISTOGRAM_BINS, -1).sum(axis=1),
        "pairs of two types": counts.different.reshape(_HISTOGRAM_BINS, -1).sum(axis=1),
        "strangers, nearest sample": np.histogram(np.clip(strangers, -1, 1), edges)[0],
    }

    def draw(axes: Axes) -> None:
        for label, numbers in shares.items():
            if numbers.sum():
                axes.stairs(numbers / numbers.sum(), edges, fill=True, alpha=0.45, label=label)
        axes.set(xlim=(-0.5, 1), xlabel="similarity", ylabel="share")
        axes.set(title=f"{measured.result.peer}: similarities, {capture}")

    return _svg(draw)


def draw_maps(benchmark: Benchmark, measured: Measurement) -> str:
    """Two maps of the upright pages' vectors, as PNG: PCA, and t-SNE (van der Maaten and Hinton, 2008).

    Of more than 2,000 pages an even share is drawn. Raises InvalidSetting if the peer has no vectors.
    """
    vectors = measured.vectors
    if vectors is None:
        raise InvalidSetting(f"{measured.result.peer} has no vectors to draw.")
    shown = np.unique(np.linspace(0, len(vectors) - 1, min(len(vectors), _MOST_POINTS)).astype(np.intp))
    groups = np.array([_group(benchmark, n) for n in shown])
    with rc_context(STYLE):
        figure = Figure(figsize=(10.4, 4.6), dpi=_DOTS_PER_INCH, layout="constrained")
        both = figure.subplots(1, 2)
        for axes, title, points in zip(
            both, ("PCA", "t-SNE"), (project(vectors[shown]), lay_out(vectors[shown])), strict=True
        ):
            for name in sorted(set(groups)):
                chosen = points[groups == name]
                colour = {"color": "0.85", "zorder": 0} if name == _STRANGERS else {}
                axes.scatter(chosen[:, 0], chosen[:, 1], s=6, linewidths=0, label=name, **colour)
            axes.set(title=f"{measured.result.peer}: {title} of its vectors", xticks=[], yticks=[])
        figure.legend(*both[0].get_legend_handles_labels(), loc="outside right center", markerscale=2)
        png = io.BytesIO()
        figure.savefig(png, format="png", metadata={"Software": None})
    return data_uri("png", png.getvalue())


_STRANGERS = "strangers"


def _group(benchmark: Benchmark, position: int) -> str:
    instance = benchmark.instances[position]
    return instance.set if instance.kind else _STRANGERS


def project(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Vectors (N, D) on their two strongest directions: (N, 2); signs are fixed by the largest component."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    largest = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    points = centred @ (directions * np.sign(largest)[:, None]).T
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))


def lay_out(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Vectors (N, D) so that near ones lie near each other: (N, 2), by t-SNE started from PCA."""
    from sklearn.manifold import TSNE

    if len(vectors) < 4:
        return project(vectors)
    start = project(vectors)
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
    layout = TSNE(perplexity=min(30.0, (len(vectors) - 1) / 3), init=start, random_state=_SEED, n_jobs=1)
    return np.asarray(layout.fit_transform(vectors), dtype=np.float64)


def _svg(draw: Callable[[Axes], None]) -> str:
    """One plot as SVG in a data URI: inside a page, the names in one SVG would be those of the next."""
    with rc_context(STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        if axes.get_legend_handles_labels()[0]:
            # Not where there is room: looking for it takes long, and says so.
            figure.legend(loc="outside lower center", ncols=3, fontsize=8)
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return data_uri("svg+xml", svg.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """A picture as an address that holds it. kind: `png`, `svg+xml`."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
