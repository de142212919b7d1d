"""`docdex train`: a model from a config; the training room, which needs torch, is loaded only here."""

from __future__ import annotations

from pathlib import Path

import click

from docdex.cli.command import Command
from docdex.cli.terminal import print_line, training_bar
from docdex.errors import InvalidSetting, MissingExtra


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
    extra `train`: pip install 'docdex[train]'. With kind = "text" it trains a model of texts, which takes
    minutes and cannot be resumed; the model file and its passport are then in the run's folder.

    \b
    Example:
      docdex train configs/small.toml
      docdex train configs/small.toml --resume
      docdex train configs/text.toml
    """
    try:
        from docdex.training.config import read_config
        from docdex.training.loop import Trainer
        from docdex.training.text import is_text_config
    except ImportError as error:
        raise MissingExtra(
            f"Training needs more than is installed ({error}): pip install 'docdex[train]'."
        ) from error
    if is_text_config(config):
        _train_text(config, run, resume=resume)
        return
    read = read_config(config)
    folder = run or Path("runs") / read.name
    with training_bar() as show:
        Trainer(read, folder, resume=resume, say=print_line, show=show).train()


def _train_text(config: Path, run: Path | None, *, resume: bool) -> None:
    from docdex.training.text import TextTrainer, read_text_config, release_text

    if resume:
        raise InvalidSetting(
            "A run of texts takes minutes and keeps no checkpoints: start it again, in another folder."
        )
    read = read_text_config(config)
    folder = run or Path("runs") / read.name
    with training_bar() as show:
        trained = TextTrainer(read, folder, say=print_line, show=show).train()
    print_line(f"wrote {release_text(read, trained, folder)}")
