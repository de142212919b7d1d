"""`docdex study`: classification against metric learning; the study's room, which needs torch, loads here."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from docdex.cli.command import Command
from docdex.cli.terminal import print_line, print_table, progress
from docdex.errors import InvalidSetting, MissingExtra


@click.command(cls=Command)
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--train",
    metavar="PATH",
    multiple=True,
    help="Texts to learn from, instead of CONFIG's: a CSV file, a folder, or hf:NAME#SPLIT; may be repeated.",
)
@click.option("--test", metavar="PATH", multiple=True, help="Texts to measure on, likewise.")
@click.option("--strangers", metavar="PATH", multiple=True, help="Texts of no label, likewise.")
@click.option("--target-train", metavar="PATH", multiple=True, help="Texts of the transfer, likewise.")
@click.option("--target-test", metavar="PATH", multiple=True, help="Texts of the transfer, likewise.")
@click.option(
    "--run",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where report.html, study.json and pictures go.  [default: runs/ and the config's name]",
)
@click.option("--resume", is_flag=True, help="Go on with what FOLDER holds.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write study.json here too.",
)
def study(
    *, config: Path, run: Path | None, resume: bool, output: Path | None, **paths: tuple[str, ...]
) -> None:
    """Compare classification with metric learning.

    CONFIG is a TOML file that says on which texts or images, by which losses, and what is asked. Each
    training is kept as soon as it is finished: a study that was stopped goes on with --resume, one of
    images in any case. Prints the published findings beside what was found. Needs the extra `study`: pip
    install 'docdex[study]'.

    \b
    Example:
      docdex study configs/study_agnews.toml
      docdex study configs/study_agnews.toml --train my/train.csv --test my/test.csv
      docdex study configs/study_agnews.toml --resume
    """
    from docdex.study import read_config, read_kind, with_paths, write_json

    folder = run or Path("runs") / config.stem
    if read_kind(config) == "images":
        if named := [f"--{name.replace('_', '-')}" for name, given in paths.items() if given]:
            raise InvalidSetting(f"{', '.join(named)}: a study of images reads what its config names.")
        _study_images(config, folder, output or folder / "study.json")
        return
    try:
        from docdex.study.run import run_study

        read = with_paths(read_config(config), **paths)  # asks each loss for its settings
    except ImportError as error:
        raise _missing(error, "study") from error
    with progress("Studying") as show:
        say = _say_nothing if sys.stderr.isatty() else print_line
        found = run_study(read, folder, resume=resume, say=say, show=show)
    from docdex.study.report import write_report  # which draws: the run has found out whether it can

    report = write_report(found, folder)
    if output is not None:
        write_json(found, output)
    print_table(
        ("published finding", "ours", "verdict"), [(f.finding, f.ours, f.verdict) for f in found.findings]
    )
    print_line(f"{report}: all tables and pictures")


def _study_images(config: Path, folder: Path, output: Path) -> None:
    """A study of images; runs that its results hold already are not made again."""
    try:
        from docdex.study.images.config import read_images_study
        from docdex.study.images.rows import study_images
    except ImportError as error:
        raise _missing(error, "study,train") from error
    study_images(read_images_study(config), folder, output, say=print_line)
    print_line(f"{output}: all figures")


def _missing(error: ImportError, extras: str) -> MissingExtra:
    return MissingExtra(f"A study needs more than is installed ({error}): pip install 'docdex[{extras}]'.")


def _say_nothing(line: str) -> None:
    """Where a bar shows how far it is, lines would only push it up."""
