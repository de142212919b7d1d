"""`docdex train`: a model from a config; the training room, which needs torch, is loaded only here."""

from __future__ import annotations

from pathlib import Path

import click

from docdex.cli.command import Command
from docdex.cli.terminal import print_line, training_bar
from docdex.errors import MissingExtra


@click.command(cls=Command)
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option(
    "--run",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where checkpoints and the log go.  [default: runs/ and the config's name]",
)
def train(config: Path, resume: bool, run: Path | None) -> None:
    """Train a model.

    CONFIG is a TOML file that says on what and how. A run that was stopped goes on with --resume. Needs the
    extra `train`: pip install 'docdex[train]'.

    \b
    Example:
      docdex train configs/small.toml
      docdex train configs/small.toml --resume
    """
    try:
        from docdex.training.config import read_config
        from docdex.training.loop import Trainer
    except ImportError as error:
        raise MissingExtra(
            f"Training needs more than is installed ({error}): pip install 'docdex[train]'."
        ) from error
    read = read_config(config)
    folder = run or Path("runs") / read.name
    with training_bar() as show:
        Trainer(read, folder, resume=resume, say=print_line, show=show).train()
