"""Keep what a study of images found, whole after every run: a killed study loses the one it was at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from docdex.errors import TrainingError
from docdex.json_file import read_json, write_json
from docdex.study.images.config import RowConfig
from docdex.training.config import TrainConfig

if TYPE_CHECKING:
    from pathlib import Path

    from docdex.study.images.config import ImagesStudy

START = "start"
"""Name of what all rows start from: the trunk's weights, and a head that nobody trained."""


class Run(msgspec.Struct, frozen=True):
    """What came of one row and seed; of `start` with no step.

    classes: pictures to tell apart. views: seen of them. prepared_cpu_seconds: of the budget before the first
    step. cpu_seconds, seconds: of CPU and wall time, with these. loss_megabytes: what the loss keeps beside
    the network. figures: of the averaged weights in the end, shares from 0 to 1 by the names of
    `docdex.training.validation`, None where there was nothing to measure.
    """

    row: str
    seed: int
    classes: int
    steps: int
    views: int
    prepared_cpu_seconds: float
    cpu_seconds: float
    seconds: float
    loss_megabytes: float
    figures: dict[str, float | None]


class ImagesRecord(msgspec.Struct, frozen=True):
    """Everything a study of images found: what was asked, and the runs in their order."""

    base: TrainConfig
    cpu_seconds: float
    rows: tuple[RowConfig, ...]
    runs: tuple[Run, ...] = ()

    def of_row(self, name: str) -> dict[int, Run]:
        """Runs of a row by seed."""
        return {run.seed: run for run in self.runs if run.row == name}

    def with_run(self, run: Run) -> ImagesRecord:
        """The record with one more run."""
        return msgspec.structs.replace(self, runs=(*self.runs, run))


def open_images_record(path: Path, study: ImagesStudy) -> ImagesRecord:
    """What a study found before, and with its rows; an empty record where there is no file.

    Raises TrainingError for a file that is none, and for one of another base, budget or row.
    """
    if not path.exists():
        return ImagesRecord(study.base, study.cpu_seconds, study.rows)
    record = read_images_record(path)
    asked = {row.name: row for row in study.rows}
    other = [row.name for row in record.rows if row.name in asked and row != asked[row.name]]
    if record.base != study.base or record.cpu_seconds != study.cpu_seconds or other:
        told = f"its rows {', '.join(other)} are other ones" if other else "its base or budget is another"
        raise TrainingError(f"{path} is of another study: {told}. Move it away, or write elsewhere.")
    return msgspec.structs.replace(record, rows=study.rows)


def read_images_record(path: Path) -> ImagesRecord:
    """A record that `write_images_record` wrote. Raises TrainingError for anything else."""
    return read_json(path, ImagesRecord, TrainingError, "record of a study of images")


def write_images_record(record: ImagesRecord, path: Path) -> None:
    """Write a record, whole or not at all. Raises TrainingError where that fails."""
    write_json(record, path, TrainingError)
