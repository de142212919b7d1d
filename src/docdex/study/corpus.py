"""Turn texts into numbers once for all cells of a study: words by lower-casing and splitting at spaces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import StudyError
from docdex.study.sources import read_rows
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from docdex.study.config import SourceConfig, StudyConfig
    from docdex.study.sources import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """N texts as numbers.

    words: (T,) int32, all texts' words end to end. ends: (N,) int64, where each text ends. labels: (N,)
    int64, -1 for a stranger.
    """

    words: NDArray[np.int32]
    ends: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def take(self, rows: NDArray[np.integer]) -> Texts:
        """Some of the texts, (R,), in that order."""
        lengths = np.diff(self.ends, prepend=0)
        chosen = lengths[rows]
        ends = np.cumsum(chosen)
        # Where each word of the result lies: its text's start, and how far into the text it is.
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - chosen, chosen)
        places = np.repeat((self.ends - lengths)[rows], chosen) + within
        return Texts(self.words[places], ends, self.labels[rows])

    def relabelled(self, labels: NDArray[np.int64]) -> Texts:
        """The same texts with other labels (N,)."""
        return Texts(self.words, self.ends, labels)


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Which words have a vector of their own. numbers: (W,) int64 by a word's number; 0 is shared by the
    rest.

    size: of the vectors, the shared one included.
    """

    numbers: NDArray[np.int64]
    size: int

    @classmethod
    def of(cls, texts: Iterable[Texts], known: int, min_count: int) -> Vocabulary:
        """Words that these texts have at least `min_count` times in all. known: W, how many words there
        are.
        """
        counts = np.zeros(known, dtype=np.int64)
        for each in texts:
            counts += np.bincount(each.words, minlength=known)
        own = counts >= min_count
        return cls(np.where(own, np.cumsum(own), 0), int(own.sum()) + 1)

    def __call__(self, texts: Texts) -> NDArray[np.int64]:
        """The vectors' numbers of all words (T,) of some texts."""
        return self.numbers[texts.words]


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """All texts of a study.

    labels: names of the C classes, sorted; a text's label is its place here. known: how many different words
    there are. digest: hex SHA-256 of texts and labels. target_*: where the study transfers to.
    """

    labels: tuple[str, ...]
    known: int
    digest: str
    train: Texts
    test: Texts
    strangers: Texts
    target_labels: tuple[str, ...] = ()
    target_train: Texts | None = None
    target_test: Texts | None = None

    @classmethod
    def read(cls, config: StudyConfig) -> Corpus:
        """Read and number all texts. Raises StudyError for texts that cannot be used, or not together."""
        counted = _Counted()
        labels, train, test = _pair(config.data, counted)
        strangers = _NOTHING
        if config.data.strangers:
            rows = read_rows(config.data.strangers, config.data, labelled=False)
            strangers = counted.take(rows, ())
        of_target = _pair(config.transfer.target, counted) if config.transfer else ((), None, None)
        return cls(
            labels,
            len(counted.numbers),
            counted.digest.hexdigest(),
            train,
            test,
            strangers,
            *of_target,
        )

    def write(self, path: Path) -> None:
        """Keep it for the processes that work on cells: an .npz file, whole or not at all."""
        parts = {name: getattr(self, name) for name in _PARTS if getattr(self, name) is not None}
        arrays = {
            f"{name}.{array}": getattr(texts, array)
            for name, texts in parts.items()
            for array in ("words", "ends", "labels")
        }
        for name in ("labels", "target_labels", "known", "digest"):
            arrays[name] = np.array(getattr(self, name))
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Corpus:
        """What `write` kept."""
        with np.load(path) as kept:
            parts = {
                name: Texts(*(kept[f"{name}.{array}"] for array in ("words", "ends", "labels")))
                for name in _PARTS
                if f"{name}.words" in kept
            }
            labels, target_labels = (tuple(map(str, kept[name])) for name in ("labels", "target_labels"))
            return cls(labels, int(kept["known"]), str(kept["digest"]), target_labels=target_labels, **parts)


_PARTS = ("train", "test", "strangers", "target_train", "target_test")
_NOTHING = Texts(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(slots=True)
class _Counted:
    """Words in the order they were met, and a digest of all that was."""

    numbers: dict[str, int] = field(default_factory=dict)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def take(self, rows: Rows, labels: Sequence[str]) -> Texts:
        place = {label: number for number, label in enumerate(labels)}
        words: list[int] = []
        ends = []
        for label, text in zip(rows.labels, rows.texts, strict=True):
            self.digest.update(f"{label}\0{text}\0".encode("utf-8", "surrogatepass"))
            words += [self.numbers.setdefault(word, len(self.numbers)) for word in text.lower().split()]
            ends.append(len(words))
        self.digest.update(b"\1")
        of = np.array([place.get(label, -1) for label in rows.labels], dtype=np.int64)
        return Texts(np.array(words, dtype=np.int32), np.array(ends, dtype=np.int64), of)


def _pair(source: SourceConfig, counted: _Counted) -> tuple[tuple[str, ...], Texts, Texts]:
    """The classes of a source, and its texts to train and to test."""
    train, test = read_rows(source.train, source), read_rows(source.test, source)
    labels = tuple(sorted(set(train.labels)))
    if len(labels) < 2:
        raise StudyError(f"{', '.join(source.train)}: only one label, {labels[0]}: two are needed.")
    if unknown := sorted(set(test.labels) - set(labels)):
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise StudyError(
            f"{', '.join(source.test)}: labels that no training text has: {', '.join(unknown[:5])}{more}."
        )
    return labels, counted.take(train, labels), counted.take(test, labels)
