"""List the files of a source, millions if need be, without a Python object for each of them."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic"}
"""Names of what is read as an image; what it really is, its content says."""
SUFFIXES = IMAGES | {".pdf", ".tar"}
"""Names of what a folder is searched for. Other files are no part of a source, and not missed."""


class Names:
    """Strings in two arrays, N of them: one text end to end, and where each ends.

    text: (B,) uint8, as the file system encodes names. ends: (N,) int64.
    """

    def __init__(self, text: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self.text, self.ends = text, ends

    @classmethod
    def of(cls, strings: Iterable[str]) -> Names:
        """From strings, which may come one at a time."""
        text, ends = bytearray(), array("q")
        for string in strings:
            text += os.fsencode(string)
            ends.append(len(text))
        return cls(np.frombuffer(bytes(text), dtype=np.uint8), np.array(ends, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        start = int(self.ends[index - 1]) if index else 0
        return os.fsdecode(self.text[start : int(self.ends[index])].tobytes())

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True, slots=True, eq=False)
class FileList:
    """The files of one source.

    root: what their names are relative to. names: N, with `/` between folders. identity: hex SHA-256 over
    root, names, sizes and times of change: another one means that the source must be read again. empty:
    folders that hold nothing at all to read.
    """

    root: Path
    names: Names
    identity: str
    empty: tuple[str, ...]

    @classmethod
    def of_folder(cls, root: Path) -> FileList:
        """Files below a folder whose suffix is one of `SUFFIXES`, in the order of their paths.

        Names that begin with a dot are skipped. A link to a folder is followed unless it was visited already.
        Raises TrainingError for a folder that is missing or cannot be listed.
        """
        walk = _Walk()
        names = Names.of(walk.visit(root, ""))
        return cls(root, names, walk.identity(root), tuple(walk.empty))

    @classmethod
    def of_list(cls, path: Path) -> FileList:
        """Files that a text names, one path a line, from the text's own folder; blank lines are skipped.

        A file that is not there is listed all the same: reading it says so. Raises TrainingError for a text
        that cannot be read, or that names a folder.
        """
        walk = _Walk()
        try:
            with path.open(encoding="utf-8-sig") as lines:  # some editors write a mark in front
                names = Names.of(
                    walk.seen(name, path.parent / name) for line in lines if (name := line.rstrip("\r\n"))
                )
        except (OSError, UnicodeDecodeError) as error:
            raise TrainingError(f"{path}: no list that can be read: {error}.") from error
        return cls(path.parent, names, walk.identity(path.parent), ())

    def shared(self, share: float) -> FileList:
        """This share of the files, at least one, evenly spaced in their order; share: above 0, at most 1."""
        count = max(round(share * len(self.names)), 1)
        if count >= len(self.names):
            return self
        chosen = np.arange(count) * len(self.names) // count
        identity = hashlib.sha256(f"{count} of {self.identity}".encode()).hexdigest()
        return FileList(self.root, Names.of(self.names[int(i)] for i in chosen), identity, self.empty)


class _Walk:
    """What a walk through folders remembers: folders seen, empty ones, and the files' sizes and times."""

    def __init__(self) -> None:
        self.empty: list[str] = []
        self._visited: set[tuple[int, int]] = set()
        self._hash = hashlib.sha256()

    def visit(self, folder: Path | str, prefix: str) -> Iterator[str]:
        """Names below a folder, depth first. One folder's entries are held at a time, and its parents'."""
        try:
            status = os.stat(folder)  # noqa: PTH116 - a Path for each of a million entries would take longer
            with os.scandir(folder) as found:
                entries = sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            raise TrainingError(f"{folder}: no folder that can be listed: {error.strerror}.") from error
        if (status.st_dev, status.st_ino) in self._visited:
            return
        self._visited.add((status.st_dev, status.st_ino))
        something = False
        for entry in entries:
            if _is_folder(entry):
                something = True
                yield from self.visit(entry.path, f"{prefix}{entry.name}/")
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:  # noqa: PTH122 - as above
                something = True
                yield self.seen(f"{prefix}{entry.name}", entry.path)
        if not something:
            self.empty.append(prefix.rstrip("/"))

    def seen(self, name: str, path: Path | str) -> str:
        """Take a file into the identity; its name. Raises TrainingError for a folder."""
        try:
            status = os.stat(path)  # noqa: PTH116
            facts = f"{status.st_size} {status.st_mtime_ns}"
            if stat.S_ISDIR(status.st_mode):
                raise TrainingError(f"{path} is a folder in a list of files: make it a source by itself.")
        except OSError as error:
            facts = f"{error.errno}"
        self._hash.update(os.fsencode(name) + b"\0" + facts.encode() + b"\0")
        return name

    def identity(self, root: Path) -> str:
        self._hash.update(os.fsencode(root.absolute()))
        return self._hash.hexdigest()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself leads to nowhere
            return False
        raise TrainingError(f"{entry.path}: no link that can be followed: {error.strerror}.") from error
