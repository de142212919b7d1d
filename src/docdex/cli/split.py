"""`docdex split`: types to learn from, and others to measure on, out of one folder."""

from __future__ import annotations

from pathlib import Path

import click

from docdex.cli.command import Command
from docdex.cli.messages import refuse
from docdex.cli.terminal import print_line


@click.command(cls=Command)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--held-out",
    metavar="SHARE",
    type=float,
    default=0.3,
    show_default=True,
    help="How many of the types are kept from training, between 0 and 1.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another one holds out other types.")
def split(folder: Path, output: Path, held_out: float, seed: int) -> None:
    """Split a folder by types, to train and to measure.

    FOLDER holds a folder for each type, as for register --tree. Writes OUTPUT/train.txt, the files of the
    types to train on, and OUTPUT/held-out, a folder of the others for evaluate: a third of them are strangers
    there. The same folder and seed give the same split.

    \b
    Example:
      docdex split my-documents own
      docdex train configs/own.toml
      docdex evaluate own/held-out --peer docdex:base
    """
    from docdex.training.split import write_split

    written = write_split(folder, output, held_out=held_out, seed=seed)
    for refusal in written.refusals:
        refuse(refusal)
    types = written.types
    print_line(f"{written.train}: {len(types.learned)} types to train on")
    known, strangers = len(types.registered), len(types.strangers)
    print_line(f"{written.held_out}: {known} types to measure on, strangers: {strangers}")
    if written.refusals:
        raise click.exceptions.Exit(1)
