"""Keep what an ablation found, whole after every run, so that a killed one goes on where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from docdex import preprocess
from docdex.errors import TrainingError
from docdex.json_file import read_json, write_json
from docdex.training.ablation.plan import Changes, Group, identify
from docdex.training.config import TrainConfig, differences

if TYPE_CHECKING:
    from pathlib import Path

    from docdex.training.ablation.plan import Ablation


class Run(msgspec.Struct, frozen=True):
    """What came of one run.

    changes, seed: which one. classes: it told apart. images: views it saw, clean copies not counted. seconds:
    wall time of its steps. cpu_seconds: of all its processes meanwhile. figures: of the averaged weights when
    the budget was spent, the only time they were measured; shares from 0 to 1 by the names of
    `docdex.training.validation`, None where there was nothing to measure.
    """

    changes: Changes
    seed: int
    classes: int
    steps: int
    images: int
    seconds: float
    cpu_seconds: float
    figures: dict[str, float | None]


class Failure(msgspec.Struct, frozen=True):
    """A run that ended with an error: it is tried again when the ablation is."""

    changes: Changes
    seed: int
    error: str


class Record(msgspec.Struct, frozen=True):
    """Everything an ablation found: the base that was changed, what was asked, the runs in their order.

    preprocess: version that all runs have in common; 0 in records older than this field.
    """

    base: TrainConfig
    groups: tuple[Group, ...]
    runs: tuple[Run, ...] = ()
    failures: tuple[Failure, ...] = ()
    preprocess: int = 0

    def run(self, changes: Changes, seed: int) -> Run | None:
        """The run of these changes and this seed, None before it is there."""
        return self.runs_of(changes).get(seed)

    def runs_of(self, changes: Changes) -> dict[int, Run]:
        """Runs of these changes by seed."""
        wanted = identify(changes)
        return {run.seed: run for run in self.runs if identify(run.changes) == wanted}

    def with_run(self, run: Run) -> Record:
        """The record with one more run, which failed no longer."""
        left = tuple(f for f in self.failures if not _same(f, run))
        return msgspec.structs.replace(self, runs=(*self.runs, run), failures=left)

    def with_failure(self, failure: Failure) -> Record:
        """The record with one more failure, or with the newer one of the same run."""
        left = tuple(f for f in self.failures if not _same(f, failure))
        return msgspec.structs.replace(self, failures=(*left, failure))


def _same(one: Failure, other: Run | Failure) -> bool:
    return one.seed == other.seed and identify(one.changes) == identify(other.changes)


def open_record(path: Path, ablation: Ablation) -> Record:
    """What an ablation found before, with the plan's questions; an empty record where there is no file.

    A failure of a run that is no longer asked for is left out: nothing would try it again.

    Raises TrainingError for a file that is none, and for one of another base, budget or version of
    `preprocess`: its runs cannot be compared with those to come.
    """
    if not path.exists():
        return Record(ablation.base, ablation.groups, preprocess=preprocess.VERSION)
    record = read_record(path)
    changed = differences(record.base, ablation.base)
    for key in ("minutes", "steps"):  # which a run that is resumed may change, but no row alone
        if getattr(record.base.optim, key) != getattr(ablation.base.optim, key):
            changed.append(f"optim.{key}")
    if record.preprocess != preprocess.VERSION:
        changed.append("preprocess")
    if changed:
        raise TrainingError(
            f"{path} is of an ablation with another base: {', '.join(changed)}. Move it away, or write "
            f"elsewhere."
        )
    asked = {(identify(variant.changes), variant.seed) for variant in ablation.variants}
    left = tuple(f for f in record.failures if (identify(f.changes), f.seed) in asked)
    return msgspec.structs.replace(record, groups=ablation.groups, failures=left)


def read_record(path: Path) -> Record:
    """A record that `write_record` wrote. Raises TrainingError for anything else."""
    return read_json(path, Record, TrainingError, "record of `docdex ablate`")


def write_record(record: Record, path: Path) -> None:
    """Write a record, whole or not at all. Raises TrainingError where that fails."""
    write_json(record, path, TrainingError)
