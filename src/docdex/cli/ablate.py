"""`docdex ablate`: which choices of a recipe pay; the training room, which needs torch, is loaded here."""

from __future__ import annotations

from pathlib import Path

import click

from docdex.cli.command import Command
from docdex.cli.terminal import counted, print_line
from docdex.errors import MissingExtra

_RESULTS = Path("results", "ablation.json")


@click.command(cls=Command)
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--run",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the runs' folders go.  [default: runs/ and the config's name]",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_RESULTS,
    show_default=_RESULTS.as_posix(),
    help="Write what was found here, after each run.",
)
def ablate(config: Path, run: Path | None, output: Path) -> None:
    """Train variants of a recipe, and measure what each choice gives.

    CONFIG is a TOML file that names a recipe, what each variant changes in it, seeds, and the budget of each
    run. Measures on the folder dev below $DOCDEX_DATA, each run once. Runs that FILE holds already are not
    made again, so an ablation that was stopped goes on. Exit code 1 if a run failed; the others are made all
    the same. Needs the extra `train`: pip install 'docdex[train]'.

    \b
    Example:
      docdex ablate configs/ablation.toml
    """
    try:
        from docdex.training.ablation.plan import read_ablation
        from docdex.training.ablation.rows import ablate as run_all
    except ImportError as error:
        raise MissingExtra(
            f"Training needs more than is installed ({error}): pip install 'docdex[train]'."
        ) from error
    record = run_all(read_ablation(config), run or Path("runs") / config.stem, output, say=print_line)
    print_line(f"{output}: {counted(record.runs, 'run')}, {counted(record.failures, 'failure')}")
    if record.failures:
        raise click.exceptions.Exit(1)
