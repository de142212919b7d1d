"""Keep what a study finds, each cell as it is finished: a study that is killed loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from docdex import json_file
from docdex.errors import StudyError
from docdex.study.cells import Cell, Part
from docdex.study.config import StudyConfig
from docdex.study.figures import Figures

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

Verdict = Literal["reproduced", "not reproduced", "not testable here"]


class Found(msgspec.Struct, frozen=True):
    """What came of a cell.

    figures: of the test. cohesions: of each class, by its label; in the base alone. curve: CPU seconds of
    training and the share that the nearest centroid answers right, after each epoch. seconds: wall time of
    training. megabytes: the most memory the process had; own_megabytes: more than before training. texts,
    words: learned from, and how many words had a vector.
    """

    cell: Cell
    figures: Figures
    texts: int
    words: int
    seconds: float
    cpu_seconds: float
    megabytes: float | None = None
    own_megabytes: float | None = None
    cohesions: Figures = {}
    curve: tuple[tuple[float, float], ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """What a run's folder is of. digest: of all texts."""

    config: StudyConfig
    digest: str


class Figure(msgspec.Struct, frozen=True):
    """One figure over seeds. values: by seed. low, high: 95 % interval of the mean, None for one seed."""

    values: tuple[float | None, ...]
    mean: float | None
    low: float | None = None
    high: float | None = None


class Row(msgspec.Struct, frozen=True):
    """A loss in one question of a part, over its seeds.

    seconds, cpu_seconds, megabytes, own_megabytes: of training, means. cohesions: of each class, means.
    """

    part: Part
    of: str
    loss: str
    rate: float
    seeds: tuple[int, ...]
    figures: dict[str, Figure]
    texts: int
    words: int
    seconds: float
    cpu_seconds: float
    megabytes: float | None = None
    own_megabytes: float | None = None
    cohesions: Figures = {}


class Finding(msgspec.Struct, frozen=True):
    """A published finding beside ours. published, ours: in words, with numbers. rule: what decided."""

    finding: str
    published: str
    ours: str
    rule: str
    verdict: Verdict


class Study(msgspec.Struct, frozen=True):
    """All that a study found.

    sizes: texts of each class, to train and to test. machine: what it ran on, in words.
    """

    config: StudyConfig
    digest: str
    sizes: dict[str, tuple[int, int]]
    strangers: int
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...] = ()

    def find(self, part: Part, loss: str, of: str = "") -> Row | None:
        """The row of a loss in a part, None if there is none."""
        return next((r for r in self.rows if (r.part, r.loss, r.of) == (part, loss, of)), None)


def write_json(value: Any, path: Path) -> None:
    """Write a struct, whole or not at all. Raises StudyError where it cannot be written."""
    json_file.write_json(value, path, StudyError)


def read_json(path: Path, kind: type[T]) -> T:
    """A struct that `write_json` wrote. Raises StudyError for anything else."""
    return json_file.read_json(path, kind, StudyError, "part of a study, or of one of another version")
