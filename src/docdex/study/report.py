"""Write all that a study found as one HTML page that needs no network, its pictures as files too."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import StudyError
from docdex.evaluation.page import images, write_page
from docdex.evaluation.plots import data_uri
from docdex.study.cells import Cell
from docdex.study.config import UNTRAINED
from docdex.study.corpus import Corpus
from docdex.study.findings import CUT
from docdex.study.pictures import draw_imbalance, draw_maps, draw_sizes
from docdex.study.run import CORPUS, VECTORS, pictured_rows
from docdex.study.tables import make_tables
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from docdex.study.record import Study
    from docdex.study.tables import Table

PICTURES, REPORT = "pictures", "report.html"
"""Folder and file, in that of the run."""
_CODE = re.compile(r"`([^`]+)`|\*([^*]+)\*")


def write_report(study: Study, folder: Path) -> Path:
    """Write `report.html` and `pictures/*.png` into the folder of the study's run; the page's path.

    Raises StudyError where that fails.
    """
    try:
        (folder / PICTURES).mkdir(exist_ok=True)
        pictures = _draw(study, folder)
        for name, (_, png) in pictures.items():
            with whole_file(folder / PICTURES / f"{name}.png") as partial:
                partial.write_bytes(png)
        shown = {title: data_uri("png", png) for title, png in pictures.values()}
        parts = [_table(table) for table in make_tables(study)]
        parts.append(f'<h2>Pictures</h2>\n<div class="row">\n{images(shown)}\n</div>')
        write_page(f"Study: {study.config.name}", parts, folder / REPORT)
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror}.") from error
    return folder / REPORT


def _draw(study: Study, folder: Path) -> dict[str, tuple[str, bytes]]:
    """Title and PNG of each picture, by the name of its file."""
    corpus = Corpus.load(folder / CORPUS)
    labels = corpus.test.labels[pictured_rows(len(corpus.test), study.config.pictured)]
    wanted = [*study.config.sides, *([UNTRAINED] if UNTRAINED in study.config.losses else [])]
    base = {loss: vectors for loss in wanted if (vectors := _vectors(study, folder, loss)) is not None}
    drawn = {"sizes": ("Sizes of classes", draw_sizes(study))}
    if base:  # neither side need be among the losses
        drawn["map"] = ("Test texts by t-SNE", draw_maps(base, labels, corpus.labels, len(base)))
    if study.config.imbalance is not None:
        drawn["imbalance"] = ("One class cut", draw_imbalance(study))
        if CUT in study.config.imbalance.shares:
            cut = {
                f"{loss}, {label} at {100 * CUT:g} %": vectors
                for loss in study.config.sides
                for label in corpus.labels
                if (vectors := _vectors(study, folder, loss, label)) is not None
            }
            title = f"One class cut to {100 * CUT:g} %, test texts by t-SNE"
            drawn["cut"] = (title, draw_maps(cut, labels, corpus.labels, len(corpus.labels)))
    return drawn


def _vectors(study: Study, folder: Path, loss: str, label: str | None = None) -> NDArray[np.float32] | None:
    """What a cell of the first seed kept for pictures."""
    share = None if label is None else CUT
    cell = Cell(
        "base" if label is None else "imbalance", loss, study.config.seeds[0], 0, label=label, share=share
    )
    path = folder / VECTORS / f"{cell.name}.npy"
    return np.asarray(np.load(path), dtype=np.float32) if path.exists() else None


def _table(table: Table) -> str:
    lines = ["".join(f"<th>{_marked(head)}</th>" for head in table.heads)]
    lines += ["".join(f"<td>{_marked(cell)}</td>" for cell in row) for row in table.rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    note = f"<p>{_marked(table.note)}</p>\n" if table.note else ""
    return f'<h2>{_marked(table.title)}</h2>\n{note}<div class="wide"><table>\n{body}\n</table></div>'


def _marked(text: str) -> str:
    """The little Markdown that tables have, as HTML."""
    return _CODE.sub(
        lambda found: f"<code>{found[1]}</code>" if found[1] else f"<em>{found[2]}</em>", escape(text)
    )
