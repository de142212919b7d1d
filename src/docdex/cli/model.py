"""`docdex model`: what models there are, and what their passports promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from docdex import models
from docdex.cli.answers import number
from docdex.cli.command import Command
from docdex.cli.options import json_option
from docdex.cli.terminal import print_json, print_line, print_table
from docdex.errors import MissingExtra
from docdex.opening import kind_of
from docdex.text import TextEmbedder
from docdex.text import passport as text_models

if TYPE_CHECKING:
    from docdex.models import Passport
    from docdex.text.passport import TextPassport


@click.group()
def model() -> None:
    """Look at models and their passports."""


@model.command("list", cls=Command)
@json_option
def list_(as_json: bool) -> None:
    """List the packaged models; any other is given by the path of its file.

    \b
    Example:
      docdex model list
    """
    found: list[Passport | TextPassport] = [
        models.read_passport(models.find(name)) for name in models.names()
    ]
    found += [text_models.read(text_models.find(name)) for name in text_models.names()]
    defaults = (models.DEFAULT, text_models.DEFAULT)
    if as_json:
        for passport in found:
            by = passport.contract.by
            default = passport.name in defaults
            print_json({"name": passport.name, "by": by, "digest": passport.digest, "default": default})
        return
    print_table(
        ["model", "dimension", "input", "licence", "digest", "default"],
        [
            [
                passport.name,
                str(passport.contract.dimension),
                f"{passport.input.side} px" if isinstance(passport, models.Passport) else "text",
                passport.licence,
                passport.digest[:12],
                f"by {passport.contract.by}" if passport.name in defaults else "",
            ]
            for passport in found
        ],
    )


@model.command(cls=Command)
@click.argument("name", metavar="[MODEL]", default=models.DEFAULT)
@json_option
def info(name: str, as_json: bool) -> None:
    """Show the passport of a model, after checking that the file is the one it is for.

    MODEL is a packaged model's name or the path of a model file with its passport beside it; the default is
    the one by which pictures are compared when none is named.

    \b
    Example:
      docdex model info
      docdex model info mine.onnx --json
    """
    passport, size = _load(name)
    if as_json:
        print_json(passport)
        return
    for key, value in _lines(passport, size):
        print_line(f"{key}: {value}")
    if passport.thresholds:
        print_line("thresholds:")
        print_table(
            ["FPR", "per", "threshold", "rotations", "labels", "strangers", "data"],
            [
                [
                    f"{row.fpr:g}",
                    row.per,
                    number(row.threshold),
                    ",".join(map(str, row.rotations)),
                    "" if row.gallery_labels is None else str(row.gallery_labels),
                    "" if row.strangers is None else str(row.strangers),
                    row.data,
                ]
                for row in passport.thresholds
            ],
        )


def _load(name: str) -> tuple[Passport | TextPassport, int | None]:
    """A model's passport, the model itself checked, and the bytes of its file if we have it."""
    if kind_of(name) == "text":
        file = text_models.find(name)
        return TextEmbedder.open(name).passport, file.stat().st_size if file.exists() else None
    found = models.load(name)
    return found.passport, len(found.content)


def _lines(passport: Passport | TextPassport, size: int | None) -> list[tuple[str, str]]:
    """The passport's facts with their names; the golden vector is of no use to a reader."""
    if isinstance(passport, models.Passport):
        side, views = passport.input.side, " and ".join(passport.input.views)
        read = f"{side} x {side} px, {views}, preprocess {passport.input.preprocess}"
    else:
        read = f"text, by {passport.input.reader} {passport.input.version}"
    lines = [
        ("name", passport.name),
        ("digest", passport.digest),
        ("size", "of another package" if size is None else f"{size / 1e6:.1f} MB"),
        ("input", read),
        ("output", f"{passport.contract.dimension} dimensions"),
        ("licence", passport.licence),
        ("default FPR per probe", "none" if passport.default_fpr is None else f"{passport.default_fpr:g}"),
        ("default threshold", number(passport.default_threshold)),
        ("default margin", number(passport.default_margin)),
    ]
    for title, table in (("training", passport.training), ("measured", passport.measured)):
        for key, value in table.items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            lines.append((f"{title} {key}", text))
    return lines


@model.command(cls=Command)
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What the model is called.")
@click.option("--licence", default="Apache-2.0", show_default=True, help="SPDX name of the weights' licence.")
@click.option(
    "--benchmark",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that thresholds are measured on, as for evaluate.",
)
@click.option(
    "--target-fpr",
    type=float,
    default=0.01,
    show_default=True,
    help="Share of strangers that default thresholds let through: 0.1, 0.03, 0.01 or 0.003.",
)
@click.option("--margin", type=float, default=0.03, show_default=True, help="The default margin.")
@click.option(
    "--average",
    metavar="RUN",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Average this run's weights with the other's; may be repeated.",
)
@click.option(
    "--join",
    metavar="RUN",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Put this run's vector behind the other's; may be repeated.",
)
@click.option("--packed", is_flag=True, help="Keep weights as 8-bit integers: a quarter of the file.")
@click.option("--int8", is_flag=True, help="Compute in 8-bit integers: smaller, faster, less exact.")
@click.option(
    "--calibrate",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Pages that --int8 finds its ranges on, and measures what it costs.",
)
def export(
    *,
    run: Path,
    output: Path,
    name: str,
    licence: str,
    benchmark: Path,
    target_fpr: float,
    margin: float,
    average: tuple[Path, ...],
    join: tuple[Path, ...],
    packed: bool,
    int8: bool,
    calibrate: Path | None,
) -> None:
    """Make a model file with its passport from a training run.

    RUN is the folder that train wrote, OUTPUT the .onnx file to write. Needs the extra `train`.

    \b
    Example:
      docdex model export runs/small small.onnx --name small --packed --benchmark dev
      docdex model export runs/second small.onnx --name small --average runs/first --benchmark dev
      docdex model export runs/small base.onnx --name base --join runs/first --packed --benchmark dev
    """
    if int8 and packed:
        raise click.UsageError("--int8 packs weights already: leave --packed out.")
    if int8 != (calibrate is not None):
        raise click.UsageError("--int8 and --calibrate FOLDER go together.")
    try:
        from docdex.training.release import release_model
    except ImportError as error:
        raise MissingExtra(
            f"Exporting needs more than is installed ({error}): pip install 'docdex[train]'."
        ) from error
    passport = release_model(
        run,
        output,
        name=name,
        licence=licence,
        benchmark=benchmark,
        target_fpr=target_fpr,
        margin=margin,
        calibrate=calibrate,
        average=average,
        join=join,
        packed=packed,
        say=print_line,
    )
    print_line(
        f"{output}: {passport.name}, digest {passport.digest[:12]}, {passport.default_fpr:g} per probe"
    )
