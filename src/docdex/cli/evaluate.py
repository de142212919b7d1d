"""`docdex evaluate`: models and baselines asked the same questions, for the tables in the docs."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from docdex.cli.command import Command
from docdex.cli.options import json_option
from docdex.cli.terminal import print_json, print_line, progress
from docdex.evaluation import evaluate as measure
from docdex.evaluation import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESULTS = Path("results", "benchmark.json")


@click.command(cls=Command)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--peer",
    "peers",
    metavar="NAME",
    multiple=True,
    help="Measure this one; may be repeated: docdex:base (a packaged model), docdex:PATH (any other), or a "
    "baseline: phash, thumbnail, hog, lite0-grid, lite0-cells-pca, sift, minilm-ocr.  [default: packaged "
    "models, and the baselines but the last two, which take minutes]",
)
@click.option(
    "--against",
    metavar="NAME",
    help="Tell how far each other one is ahead of this one of them, with intervals of the difference.",
)
@click.option(
    "--train",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Pictures for the baseline that fits a projection.  [default: train beside FOLDER]",
)
@click.option(
    "--cache",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the texts that minilm-ocr reads here, for the next run.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an HTML page with curves and pictures here too; it needs the extra `report`.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Write the results here.  [default: {_RESULTS.as_posix()}; with --peer nowhere]",
)
@json_option
def evaluate(
    *,
    folder: Path,
    peers: tuple[str, ...],
    against: str | None,
    train: Path | None,
    cache: Path | None,
    report: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure models and baselines on a benchmark folder.

    FOLDER holds flat/SET/TYPE/*.jpg, copies of the same names below stress/, and pages of other types below
    strangers/flat/SET/ and strangers/stress/SET/. Prints the summary as a table in Markdown, with 95 %
    intervals by bootstrap over types. The baselines named lite0 need the extra `train`, minilm-ocr the extra
    `ocr`: pip install 'docdex[train,ocr]'.

    \b
    Example:
      docdex evaluate ../shared/data/dev
      docdex evaluate my-pages/ --peer docdex:base --peer sift --report report.html
    """
    target = output or (None if peers else _RESULTS)
    with _writing(target or report or cache), progress("Measuring") as show:
        results = measure(
            folder,
            peers,
            against=against,
            train=train,
            cache=cache,
            output=target,
            report=report,
            progress=show,
        )
    if as_json:
        for result in results:
            print_json(result)
        return
    tables = [markdown_table(results)]
    if any(result.lead for result in results):
        tables.append(markdown_table(results, "lead"))
    for line in "\n\n".join(tables).splitlines():
        print_line(line)


@contextmanager
def _writing(path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.FileError(str(error.filename or path), error.strerror) from error
