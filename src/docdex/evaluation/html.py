"""Write all that was measured as one HTML page that needs no network, no script and no other file."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from docdex.errors import MissingExtra
from docdex.evaluation.confusions import near_strangers, wrong_types
from docdex.evaluation.page import images, write_page
from docdex.evaluation.protocol import CAPTURES
from docdex.evaluation.report import Cell, table_cells
from docdex.images import read_pages
from docdex.thumbnails import make_thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from docdex.evaluation.confusions import Confusion
    from docdex.evaluation.measurement import Measurement
    from docdex.evaluation.protocol import Benchmark
    from docdex.evaluation.results import PeerResult

_CONFUSIONS = 8
_LONG_SIDE = 180

_TABLES = {
    "summary": ("At a glance", ""),
    "lead": (
        "How far ahead",
        "The difference to one of them, and its interval, for which the same types are drawn for both: where "
        "it does not hold zero, other types would hardly turn the order.",
    ),
    "sets": (
        "Rank-1 by set",
        "Flat, then stress: share of probes whose nearest sample has their type; no threshold is involved. "
        "The mean is over sets.",
    ),
    "identification": (
        "Strangers",
        "DIR: share of probes whose nearest sample has their type and is above the threshold that lets at "
        "most this share of strangers through. FNIR is what is missing to 1. Both get worse with every "
        "type that is registered.",
    ),
    "verification": (
        "Pairs",
        "TPR: share of pairs of one type above the threshold that at most this share of pairs of two types "
        "reaches; every pair of pages once.",
    ),
    "turned": (
        "Turned pages",
        "Stress probes, each tried in four orientations; and what becomes of a share of strangers at the "
        "threshold of upright pages when the search is switched on.",
    ),
    "unsearched": (
        "Turned pages without search",
        "Mean rank-1 when only the orientation they have is tried.",
    ),
}


def require_extra() -> None:
    """Raises MissingExtra unless the packages that draw are installed."""
    try:
        import matplotlib  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            "The report has pictures, which need an extra: pip install 'docdex[report]'."
        ) from error


def write_report(benchmark: Benchmark, measurements: Sequence[Measurement], path: Path) -> None:
    """Write the page into a folder that is there, whole or not at all: the same bytes for the same figures.

    Raises MissingExtra without the extra `report`.
    """
    require_extra()
    results = [measured.result for measured in measurements]
    parts = [
        _about(results),
        *(_table(results, name) for name in _TABLES),
        _curves(benchmark, measurements),
        *(_peer(benchmark, measured) for measured in measurements),
    ]
    write_page("Benchmark", parts, path)


def _about(results: Sequence[PeerResult]) -> str:
    said = [
        f"<p>One sample of each of {results[0].types} types is registered; figures are the mean over "
        f"{max(result.draws for result in results)} draws of the samples.</p>"
        if results
        else ""
    ]
    bounds = next((result.intervals for result in results if result.intervals), None)
    if bounds is not None:
        said.append(
            f"<p>Below a figure stands its {100 * bounds.confidence:g} % interval, by {bounds.replicates:,} "
            "bootstrap replicates over types within their set, and over the pages of strangers. The gallery "
            "stays whole. Where nothing went wrong no replicate can differ: with n types without a mistake, "
            "up to 3 of n may still be mistaken elsewhere. A dash: nothing to measure.</p>"
        )
    for result in results:
        share = f" and about every {result.every}th probe and stranger" if result.every > 1 else ""
        if result.draws == 1:
            said.append(f"<p>{escape(result.peer)} is slow: it was asked in the first draw only{share}.</p>")
    return "\n".join(said)


def _table(results: Sequence[PeerResult], name: str) -> str:
    title, text = _TABLES[name]
    heads, rows = table_cells(results, name)
    if not rows:
        return ""
    lines = ["".join(f"<th>{escape(head)}</th>" for head in heads)]
    lines += ["".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<h2>{title}</h2>\n<p>{text}</p>\n<div class="wide"><table>\n{body}\n</table></div>'


def _cell(cell: Cell) -> str:
    return escape(cell.text) + (f"<small>{escape(cell.bounds)}</small>" if cell.bounds else "")


def _curves(benchmark: Benchmark, measurements: Sequence[Measurement]) -> str:
    from docdex.evaluation.plots import draw_det, draw_oscr, draw_roc

    curves = {}
    for capture in CAPTURES:
        curves[f"ROC, {capture}"] = draw_roc(measurements, capture)
        curves[f"OSCR, {capture}"] = draw_oscr(benchmark, measurements, capture)
        curves[f"DET, {capture}"] = draw_det(benchmark, measurements, capture)
    return f'<h2>Curves</h2>\n<div class="row">\n{images(curves)}\n</div>'


def _peer(benchmark: Benchmark, measured: Measurement) -> str:
    from docdex.evaluation.plots import draw_histogram, draw_maps

    parts = [f"<h2>{escape(measured.result.peer)}</h2>"]
    if measured.vectors is not None:
        histograms = {f"Similarities, {capture}": draw_histogram(measured, capture) for capture in CAPTURES}
        parts.append(f'<div class="row">\n{images(histograms)}\n</div>')
        parts.append(images({"PCA and t-SNE of its vectors": draw_maps(benchmark, measured)}))
    for title, confusions in (
        ("Types most often mistaken", wrong_types(benchmark, measured.draws, _CONFUSIONS)),
        ("Strangers nearest to a sample", near_strangers(benchmark, measured.draws, _CONFUSIONS)),
    ):
        if confusions:
            figures = "\n".join(_confusion(benchmark, confusion) for confusion in confusions)
            parts.append(f'<h3>{title}</h3>\n<div class="row">\n{figures}\n</div>')
    return "\n".join(parts)


def _confusion(benchmark: Benchmark, confusion: Confusion) -> str:
    probe, sample = (benchmark.instances[n] for n in (confusion.probe, confusion.sample))
    thumbnails = {}
    for shown, instance in (("asked about", probe), ("nearest sample", sample)):
        jpeg = make_thumbnail(next(read_pages(instance.path)).pixels, _LONG_SIDE)
        thumbnails[shown] = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    asked = f"{probe.kind or f'stranger, {probe.set}'}, {probe.name}, {probe.capture}"
    said = f"{asked} → {sample.kind}, {sample.name}: {confusion.similarity:.3g}"
    often = f", {confusion.times} times" if confusion.times > 1 else ""
    return f"<figure>{images(thumbnails)}<figcaption>{escape(said)}{often}</figcaption></figure>"
