"""`docdex calibrate`: a threshold for one gallery, with the bound that was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from docdex.cli.answers import number
from docdex.cli.command import Command
from docdex.cli.messages import readable, refuse
from docdex.cli.options import (
    json_option,
    list_files,
    pages_option,
    rotations_option,
    sources_argument,
    with_recognizer,
)
from docdex.cli.terminal import counted, print_json, print_line, print_table, track

if TYPE_CHECKING:
    from docdex.recognizer import Recognizer
    from docdex.strangers import CalibrationReport


class SuspectRecord(msgspec.Struct, frozen=True):
    """A stranger that would have got a label before."""

    source: str
    page: int
    label: str
    similarity: float


class CalibrationRecord(msgspec.Struct, frozen=True):
    """What `docdex calibrate --json` prints.

    threshold to bound: as `docdex.calibration.OperatingPoint`. registered, repeated, refused: pages left out.
    """

    threshold: float
    target_fpr: float
    strangers: int
    accepted: int
    bound: float
    confidence: float
    samples: int
    labels: int
    rotations: tuple[int, ...]
    date: str
    registered: int
    repeated: int
    refused: int
    suspects: tuple[SuspectRecord, ...]


@click.command(cls=Command)
@sources_argument
@click.option(
    "--target-fpr",
    metavar="X",
    type=float,
    required=True,
    help="Share of pages of other types that may get a label, such as 1e-3.",
)
@json_option
@rotations_option
@pages_option
@with_recognizer
def calibrate(
    dex: Recognizer,
    *,
    sources: tuple[str, ...],
    target_fpr: float,
    as_json: bool,
    rotations: bool,
    pages: str | None,
) -> None:
    """Measure and keep the threshold for this gallery.

    SOURCES are images, PDFs and folders of pages whose types are not registered. The threshold is the lowest
    at which, with 95 % confidence, at most the target share of further such pages gets a label. Pages that
    are samples themselves and repeated pages are left out. With too few pages for the target nothing is kept,
    and you are told how many are needed: 299 for 1e-2, 2,995 for 1e-3.

    Calibrate with --no-rotations if you recognise with it. Calibrate again when the gallery has grown.

    \b
    Example:
      docdex calibrate --target-fpr 1e-2 negatives/
    """
    with track(list_files(sources), "Calibrating") as files:
        report = dex.calibrate(files, target_fpr, pages=pages, rotations=rotations)
    for refusal in report.measurement.refusals:
        refuse(refusal)
    if as_json:
        print_json(_record(report))
    else:
        _print(report)
    if report.measurement.refusals:
        raise click.exceptions.Exit(1)


def _print(report: CalibrationReport) -> None:
    calibration, measurement = report.calibration, report.measurement
    point = calibration.point
    print_line(f"threshold: {number(point.threshold)} (before: {number(report.before)})")
    print_line(
        f"measured: {point.accepted} of {counted(point.strangers, 'page')} of other types get a label; of "
        f"further ones at most {point.bound:.3g} will, with {calibration.confidence:.0%} confidence "
        f"(target {point.target_fpr:g})"
    )
    print_line(
        f"left out: {counted(measurement.registered, 'sample')} of the gallery, "
        f"{counted(measurement.repeated, 'repeated page')}, {counted(measurement.refusals, 'refused input')}"
    )
    if report.suspects:
        print_line("suspects: these would have got a label before; is their type registered after all?")
        print_table(
            ["source", "page", "nearest label", "similarity"],
            [
                [suspect.name.source, str(suspect.name.page), suspect.label, number(suspect.similarity)]
                for suspect in report.suspects
            ],
        )


def _record(report: CalibrationReport) -> CalibrationRecord:
    calibration, measurement = report.calibration, report.measurement
    point = calibration.point
    return CalibrationRecord(
        threshold=point.threshold,
        target_fpr=point.target_fpr,
        strangers=point.strangers,
        accepted=point.accepted,
        bound=point.bound,
        confidence=calibration.confidence,
        samples=calibration.samples,
        labels=calibration.labels,
        rotations=calibration.rotations,
        date=calibration.date,
        registered=len(measurement.registered),
        repeated=len(measurement.repeated),
        refused=len(measurement.refusals),
        suspects=tuple(
            SuspectRecord(readable(found.name.source), found.name.page, found.label, found.similarity)
            for found in report.suspects
        ),
    )
