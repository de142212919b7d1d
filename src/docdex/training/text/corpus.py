"""Read the texts of a run and number their classes, held-out labels left out before anything sees them."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import TrainingError
from docdex.text import has_words
from docdex.training.classes import expand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from docdex.training.text.config import TextSource

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with its label, as a CSV row has them."""

    label: str
    text: str


def read_labelled(path: Path) -> list[Labelled]:
    """Rows of a CSV file with the header `label,text`, gzipped or not, or files `LABEL/*.txt` of a folder.

    All in UTF-8; texts without a word are left out. Raises TrainingError for what is missing, damaged, of
    another form, or has no text.
    """
    try:
        rows = list(_read_folder(path) if path.is_dir() else _read_table(path))
    except OSError as error:
        raise TrainingError(f"{path}: no texts that can be read: {error.strerror or error}.") from error
    except (EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path}: no texts in UTF-8: {error}.") from error
    kept = [row for row in rows if row.label and has_words(row.text)]
    if not kept:
        raise TrainingError(f"{path}: no text with a label.")
    return kept


def _read_folder(path: Path) -> Iterator[Labelled]:
    for file in sorted(path.glob("*/*.txt")):
        yield Labelled(file.parent.name, file.read_text(encoding="utf-8"))


def _read_table(path: Path) -> Iterator[Labelled]:
    csv.field_size_limit(sys.maxsize)  # else a text of 128 KB is an error
    content = path.read_bytes()
    plain = gzip.decompress(content) if content.startswith(_GZIP) else content
    table = csv.DictReader(io.StringIO(plain.decode("utf-8-sig"), newline=""), strict=True)
    if not {"label", "text"} <= set(table.fieldnames or ()):
        raise TrainingError(f"{path}: its first line names {table.fieldnames}; asked for are label and text.")
    for row in table:
        yield Labelled(row["label"] or "", row["text"] or "")


@dataclass(frozen=True, eq=False)
class Corpus:
    """All texts of a run and their classes.

    texts: N. members: for each source, for each of its classes, positions of its texts. first: number of each
    source's first class. shares: (sources,) of the views.
    """

    texts: list[str]
    members: list[list[NDArray[np.int64]]]
    first: list[int]
    shares: NDArray[np.float64]

    @classmethod
    def read(cls, sources: Sequence[TextSource]) -> Corpus:
        """The texts of some sources. Raises TrainingError, also for a held-out label that a file lacks."""
        texts: list[str] = []
        members: list[list[NDArray[np.int64]]] = []
        for source in sources:
            rows = read_labelled(expand(source.file))
            if unknown := sorted(set(source.held_out) - {row.label for row in rows}):
                raise TrainingError(f"{source.file} has no label {', '.join(unknown)} to hold out.")
            rows = [row for row in rows if row.label not in source.held_out]
            if not rows:
                raise TrainingError(f"{source.file}: all of its labels are held out.")
            by_class: dict[str, list[int]] = {}
            for number, row in enumerate(rows, len(texts)):
                name = row.label if source.classes == "labelled" else str(number)
                by_class.setdefault(name, []).append(number)
            texts += [row.text for row in rows]
            members.append([np.array(found) for found in by_class.values()])
        counts = [len(of) for of in members]
        weights = np.array([source.weight for source in sources])
        return cls(texts, members, [0, *np.cumsum(counts)[:-1].tolist()], weights / weights.sum())

    @property
    def classes(self) -> int:
        """How many there are."""
        return sum(len(of) for of in self.members)

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Class number and position of a text: a source by its share, a class of it, a text of that."""
        source = int(rng.choice(len(self.shares), p=self.shares))
        number = int(rng.integers(len(self.members[source])))
        found = self.members[source][number]
        return self.first[source] + number, int(found[rng.integers(len(found))])
