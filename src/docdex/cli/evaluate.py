"""`docdex evaluate`: models and baselines asked the same questions, for the tables in the docs."""

from __future__ import annotations

from pathlib import Path

import click

from docdex.cli.command import Command
from docdex.cli.options import json_option
from docdex.cli.terminal import print_json, print_line, progress
from docdex.evaluation import evaluate as measure
from docdex.evaluation import markdown_table, write_results

_RESULTS = Path("results", "first.json")


@click.command(cls=Command)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--peer",
    "peers",
    metavar="NAME",
    multiple=True,
    help="Measure this one; may be repeated: docdex:first (a packaged model), docdex:PATH (any other), or a "
    "baseline: phash, thumbnail, lite0-grid, lite0-cells-pca.  [default: packaged models and baselines]",
)
@click.option(
    "--train",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Pictures for the baseline that fits a projection.  [default: train beside FOLDER]",
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
    folder: Path, peers: tuple[str, ...], train: Path | None, output: Path | None, as_json: bool
) -> None:
    """Measure models and baselines on a benchmark folder.

    FOLDER holds flat/SET/TYPE/*.jpg, copies of the same names below stress/, and pages of other types below
    strangers/flat/SET/ and strangers/stress/SET/. Prints the summary as a table in Markdown. The baselines
    named lite0 need the extra `train`: pip install 'docdex[train]'.

    \b
    Example:
      docdex evaluate ../shared/data/dev
      docdex evaluate my-pages/ --peer docdex:first --peer phash
    """
    with progress("Embedding") as show:
        results = measure(folder, peers, train=train, progress=show)
    target = output or (None if peers else _RESULTS)
    if target is not None:
        try:
            write_results(results, target)
        except OSError as error:
            raise click.FileError(str(target), error.strerror) from error
    if as_json:
        for result in results:
            print_json(result)
        return
    for line in markdown_table(results).splitlines():
        print_line(line)
