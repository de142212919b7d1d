"""`docdex gallery`: the gallery as a whole: what it holds, in and out of files, to another model."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from docdex.cli.answers import number
from docdex.cli.command import Command
from docdex.cli.options import (
    allow_conflict_option,
    gallery_option,
    json_option,
    keep_going_option,
    with_gallery,
    with_model,
    with_recognizer,
)
from docdex.cli.register import report
from docdex.cli.terminal import counted, print_json, print_line, progress
from docdex.recognizer import Recognizer

if TYPE_CHECKING:
    from docdex.calibration import Calibration
    from docdex.contract import Contract


class GalleryRecord(msgspec.Struct, frozen=True):
    """What `docdex gallery info --json` prints.

    bytes: of the file. version: grows with every change. doubts: why the calibration may no longer hold.
    """

    path: str
    bytes: int
    samples: int
    labels: int
    version: int
    contract: Contract
    calibration: Calibration | None
    doubts: tuple[str, ...]


@click.group()
def gallery() -> None:
    """Look after the gallery file."""


@gallery.command(cls=Command)
@json_option
@gallery_option
def info(gallery: str, as_json: bool) -> None:
    """Say what the gallery holds, which model its vectors are of, and how it is calibrated.

    \b
    Example:
      docdex gallery info
    """
    with Recognizer.open(gallery) as dex:
        facts = GalleryRecord(
            path=gallery,
            samples=dex.gallery.count(),
            bytes=Path(gallery).stat().st_size,
            labels=len(dex.labels()),
            version=dex.gallery.version,
            contract=dex.gallery.contract,
            calibration=dex.calibration,
            doubts=dex.calibration_doubts(),
        )
    if as_json:
        print_json(facts)
        return
    print_line(f"gallery: {facts.path}, {facts.bytes / 1e6:.1f} MB")
    print_line(f"samples: {facts.samples} of {counted(facts.labels, 'label')}")
    print_line(f"vectors: {facts.contract}")
    if facts.calibration is None:
        print_line("threshold: the model's; `docdex calibrate` measures one for this gallery")
    else:
        point = facts.calibration.point
        print_line(
            f"threshold: {number(point.threshold)}, measured {facts.calibration.date} with "
            f"{counted(point.strangers, 'stranger')}: FPR at most {point.bound:.3g} per probe "
            f"(target {point.target_fpr:g})"
        )
    for doubt in facts.doubts:
        print_line(f"doubt: {doubt}")


@gallery.command(cls=Command)
@click.argument("file", type=click.Path(dir_okay=False))
@with_gallery
def export(dex: Recognizer, file: str) -> None:
    """Write all samples, with vectors and thumbnails, to FILE: a ZIP archive that any program can read.

    \b
    Example:
      docdex gallery export types.zip
    """
    print_line(f"{counted(dex.export(file), 'sample')} written to {file}")


@gallery.command("import", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False))
@keep_going_option
@allow_conflict_option
@with_model
def import_(dex: Recognizer, file: str, keep_going: bool, allow_conflict: bool) -> None:
    """Register what another gallery exported to FILE.

    \b
    Example:
      docdex gallery import types.zip --gallery other.db
    """
    report(dex.import_(file, atomic=not keep_going, allow_conflict=allow_conflict))


@gallery.command("re-embed", cls=Command)
@with_recognizer
def re_embed(dex: Recognizer) -> None:
    """Make all vectors again with another model.

    A sample whose file is still there unchanged is embedded from it, any other from its thumbnail. All
    vectors change at once; until then the old ones answer. Calibrate again afterwards.

    \b
    Example:
      docdex gallery re-embed --model better.onnx
    """
    total, numbers = dex.gallery.count(), count(1)
    with progress("Embedding") as show:
        done = dex.reembed(advance=lambda: show(next(numbers), total))
    print_line(
        f"{counted(done.from_sources + done.from_thumbnails, 'vector')} made again: {done.from_sources} from "
        f"files, {done.from_thumbnails} from thumbnails"
    )
