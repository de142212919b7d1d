"""Read labelled texts from CSV files, folders and the hub of data sets, naming bad rows by line."""

from __future__ import annotations

import csv
import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docdex.errors import MissingExtra, StudyError, TrainingError
from docdex.training.classes import expand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from docdex.study.config import SourceConfig

HUB = "hf:"
_TOLD = 5
"""Rows at fault that an error names; the others it counts."""


@dataclass(frozen=True, slots=True)
class Rows:
    """N texts and their labels, in the order they were read."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]


def read_rows(paths: Sequence[str], source: SourceConfig, *, labelled: bool = True) -> Rows:
    """Texts of several files, folders or names of the hub, one after another.

    labelled: False for strangers, whose label column need not be there; they are labelled "".

    Raises StudyError for what cannot be read, holds no text, or has rows without a label or a text: all of it
    in one message, with line numbers. MissingExtra for a name of the hub without the package `datasets`.
    """
    columns = (*((source.label,) if labelled else ()), *source.text)
    found = [row for path in paths for row in _read(path, columns)]
    labels = tuple(row[0] for row in found) if labelled else ("",) * len(found)
    return Rows(labels, tuple(" ".join(row[1:] if labelled else row) for row in found))


def _read(path: str, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The columns of one source's rows; each row has them all, and none is blank."""
    if path.startswith(HUB):
        return _checked(path, "row", enumerate(_hub_rows(path, columns), start=1), columns)
    try:
        place = expand(path)
    except TrainingError as error:
        raise StudyError(error.message) from error
    rows = _folder_rows(place, labelled=len(columns) > 1) if place.is_dir() else _csv_rows(place, columns)
    return _checked(str(place), "line", rows, columns)


def _checked(
    name: str, unit: str, rows: Iterable[tuple[int, tuple[str, ...] | str]], columns: Sequence[str]
) -> list[tuple[str, ...]]:
    """Rows without their numbers. A row that is a sentence is what is wrong with it.

    Raises StudyError for rows at fault, or none at all.
    """
    good: list[tuple[str, ...]] = []
    faults: list[str] = []
    for number, row in rows:
        if isinstance(row, str):
            faults.append(f"{unit} {number} {row}")
        elif blank := [column for column, cell in zip(columns, row, strict=True) if not cell.strip()]:
            faults.append(f"{unit} {number} has no {' and no '.join(blank)}")
        else:
            good.append(row)
    if faults:
        more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        raise StudyError(
            f"{name}: of {len(good) + len(faults)} rows {len(faults)} cannot be used: "
            f"{'; '.join(faults[:_TOLD])}{more}. Mend or remove them."
        )
    if not good:
        raise StudyError(f"{name}: there is no text in it.")
    return good


def _csv_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...] | str]]:
    """Line number of each row of a CSV file's (also .gz) and its columns, by the names in its first line."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(
            path, "rt", encoding="utf-8-sig", newline=""
        ) as file:
            reader = csv.reader(file, strict=True)
            heads = next(reader, [])
            if missing := [column for column in columns if column not in heads]:
                raise StudyError(
                    f"{path}: its first line names no column {' and no '.join(missing)}, but "
                    f"{', '.join(heads[:8]) or 'nothing'}."
                )
            places = [heads.index(column) for column in columns]
            line = reader.line_num + 1
            for cells in reader:
                if len(cells) == len(heads):
                    yield line, tuple(cells[place] for place in places)
                elif cells:
                    yield line, f"has {len(cells)} cells where the first line has {len(heads)}"
                line = reader.line_num + 1
    except csv.Error as error:
        raise StudyError(f"{path}: line {reader.line_num} is no CSV: {error}.") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: not UTF-8 after line {reader.line_num}: {error.reason}.") from error
    except (OSError, EOFError, zlib.error) as error:
        told = getattr(error, "strerror", None) or error
        raise StudyError(f"{path}: no texts that can be read: {told}.") from error


def _folder_rows(root: Path, *, labelled: bool) -> Iterator[tuple[int, tuple[str, ...] | str]]:
    """Each `.txt` file below a folder, by its number in the order of paths; its folder is its label."""
    for number, path in enumerate(sorted(root.rglob("*.txt")), start=1):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            yield number, f"({path.relative_to(root)}) cannot be read: {error}"
            continue
        label = path.parent.relative_to(root).as_posix()
        if labelled and label == ".":
            yield number, f"({path.name}) lies in no folder that would be its label"
        else:
            yield number, (label, text) if labelled else (text,)


def _hub_rows(name: str, columns: Sequence[str]) -> Iterator[tuple[str, ...] | str]:
    """The columns of a data set of the hub, or of a folder of files as they lie there; labels by name."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra(f"{name} needs an extra: pip install 'docdex[hub]'.") from error
    which, _, split = name.removeprefix(HUB).rpartition("#")
    if not which:
        raise StudyError(f"{name}: give a name and a split, such as {HUB}NAME#train.")
    try:
        found = datasets.load_dataset(which, split=split)
    except Exception as error:  # of the network, the hub, the files: each has its own tree
        raise StudyError(f"{name}: not to be had: {error}") from error
    if missing := [column for column in columns if column not in found.column_names]:
        raise StudyError(
            f"{name}: there is no column {' and no '.join(missing)}, but {', '.join(found.column_names)}."
        )
    features: dict[str, Any] = dict(found.features)
    for row in found.select_columns(list(columns)):
        yield tuple(_cell(row[column], features[column]) for column in columns)


def _cell(value: Any, feature: Any) -> str:
    if value is None:
        return ""
    return str(feature.int2str(value)) if hasattr(feature, "int2str") else str(value)
