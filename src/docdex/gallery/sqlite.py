"""The embedded engine: one SQLite file, searched in memory, shared by any number of threads and processes.

One connection writes and one reads, so that searches go on while a registration waits for the disk. What
anybody has written since the last search is seen by `PRAGMA data_version` and read as a delta.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from docdex.contract import Contract, require_same
from docdex.errors import ContractMismatch, GalleryUnavailable, InvalidSetting
from docdex.gallery.connection import (
    connect,
    damaged,
    prepare,
    read_contract,
    refusals,
    require_place,
    write_contract,
)
from docdex.gallery.migrations import expected_schema, schema
from docdex.gallery.records import Entry, Hit, LabelCount, Sample, check_vectors
from docdex.gallery.search import Snapshot

READ_ROWS = 4_096  # vectors on their way into memory at once
WRITE_ROWS = 256  # samples on their way to the disk at once

S = TypeVar("S", bound="SqliteGallery")

_ENTRY = "id, label, digest, source, page, time"
_ENTRIES = f"SELECT {_ENTRY} FROM samples"
_SAMPLES = f"SELECT {_ENTRY}, vector, jpeg FROM samples CROSS JOIN thumbnails USING (row)"
# "0" is what follows "/", so only labels that begin with the given one are read, and in order.
_WITHIN = "WHERE label >= :within AND label < :within || '0' AND (label = :within OR label > :within || '/')"
_ORDER = "ORDER BY label, time, id"


@dataclass(frozen=True, slots=True)
class _Memory:
    """What one handle has read so far.

    data_version: SQLite's mark of what was committed then; row, change: the last number read of each table.
    """

    snapshot: Snapshot
    data_version: int | None = None
    row: int = 0
    change: int = 0


class SqliteGallery:
    """The `Gallery` protocol on one SQLite file. Made by `open`."""

    exact = True
    read_your_writes = True

    def __init__(
        self, path: Path, contract: Contract, writer: sqlite3.Connection, reader: sqlite3.Connection
    ) -> None:
        self.path = path
        self._contract = contract
        self._writer = writer
        self._reader = reader
        self._write_lock = RLock()
        self._read_lock = RLock()
        self._closed = False
        self._memory = _Memory(Snapshot(contract.dimension))

    @classmethod
    def open(
        cls: type[S], path: str | os.PathLike[str], contract: Contract | None = None, *, create: bool = True
    ) -> S:
        """Open the gallery at `path`; make it if there is none, `contract` is given and `create` is true.

        Raises GalleryNotFound, NotAGallery for any other file, ContractMismatch if the gallery has another
        contract than the one given, GalleryUnavailable.
        """
        path = Path(path)
        with refusals(path):
            require_place(path, create=create and contract is not None)
            writer = connect(path, create=True)
            try:
                found = prepare(writer, path, contract, create=create)
                reader = connect(path)
            except BaseException:
                writer.close()
                raise
        return cls(path, found, writer, reader)

    @property
    def contract(self) -> Contract:
        """See `Gallery.contract`."""
        return self._contract

    @property
    def version(self) -> int:
        """See `Gallery.version`: the number of samples ever written, removed and relabelled."""
        with self._reading() as reader:
            return _version(reader)

    # Writing

    def upsert(self, samples: Sequence[Sample], *, version: int | None = None) -> bool:
        """See `Gallery.upsert`."""
        with self._writing() as writer:
            if _has_changed(writer, version):
                return False
            self._insert(writer, samples, self._contract)
            return True

    def delete(self, ids: Sequence[str], *, version: int | None = None) -> int | None:
        """See `Gallery.delete`."""
        with self._writing() as writer:
            return None if _has_changed(writer, version) else _delete(writer, ids)

    def relabel(self, labels: Mapping[str, str], *, version: int | None = None) -> int | None:
        """See `Gallery.relabel`."""
        with self._writing() as writer:
            if _has_changed(writer, version):
                return None
            changed = [(label, sample_id) for sample_id, label in labels.items()]
            return writer.executemany("UPDATE samples SET label = ? WHERE id = ?", changed).rowcount

    def rebuild(self, contract: Contract, samples: Iterable[Sample]) -> None:
        """See `Gallery.rebuild`."""
        with self._writing() as writer:
            writer.execute("DELETE FROM samples")
            write_contract(writer, contract)
            remaining = iter(samples)
            while batch := list(islice(remaining, WRITE_ROWS)):
                self._insert(writer, batch, contract)
            # Under the lock of the readers: a search in between would meet another contract than its own.
            with self._read_lock:
                writer.execute("COMMIT")
                self._contract = contract
                self._memory = _Memory(Snapshot(contract.dimension))

    def write_setting(self, key: str, value: bytes) -> None:
        """See `Gallery.write_setting`."""
        with self._writing() as writer:
            writer.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    # Reading

    def get(self, ids: Sequence[str]) -> list[Sample]:
        """See `Gallery.get`."""
        with self._reading() as reader:
            found = (
                reader.execute(f"{_SAMPLES} WHERE id = ?", (each,)).fetchone() for each in dict.fromkeys(ids)
            )
            return [self._sample(row) for row in found if row is not None]

    def find_digest(self, digest: str) -> list[Entry]:
        """See `Gallery.find_digest`."""
        with self._reading() as reader:
            return [_entry(row) for row in reader.execute(f"{_ENTRIES} WHERE digest = ? {_ORDER}", (digest,))]

    def labels(self) -> list[LabelCount]:
        """See `Gallery.labels`."""
        with self._reading() as reader:
            counted = reader.execute("SELECT label, count(*) FROM samples GROUP BY label ORDER BY label")
            return [LabelCount(*row) for row in counted]

    def entries(self, *, within: str | None = None) -> Iterator[Entry]:
        """See `Gallery.entries`."""
        return (_entry(row) for row in self._stream(_ENTRIES, within))

    def scan(self, *, within: str | None = None) -> Iterator[Sample]:
        """See `Gallery.scan`."""
        return (self._sample(row) for row in self._stream(_SAMPLES, within))

    def count(self) -> int:
        """See `Gallery.count`."""
        with self._reading() as reader:
            return int(reader.execute("SELECT count(*) FROM samples").fetchone()[0])

    def search(
        self, vectors: NDArray[np.float32], k: int, labels: Sequence[str] | None = None
    ) -> list[list[Hit]]:
        """See `Gallery.search`. The first search reads all vectors into memory: 4 D + 200 bytes a sample."""
        if k < 1:
            raise InvalidSetting(f"{k} labels were asked for; ask for at least 1.")
        snapshot = self._current()
        return snapshot.search(check_vectors(vectors, snapshot.dimension), k, labels)

    def read_setting(self, key: str) -> bytes | None:
        """See `Gallery.read_setting`."""
        with self._reading() as reader:
            row = reader.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
            return None if row is None else bytes(row[0])

    def verify(self) -> None:
        """See `Gallery.verify`."""
        with self._reading() as reader:
            said = reader.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if said != "ok":
                raise damaged(self.path, said)
            if schema(reader) != expected_schema():
                raise damaged(self.path, "its tables are not those of a gallery")
            if reader.execute("PRAGMA foreign_key_check").fetchone():
                raise damaged(self.path, "a thumbnail has no sample")
            bare = "SELECT count(*) FROM samples LEFT JOIN thumbnails USING (row) WHERE jpeg IS NULL"
            if reader.execute(bare).fetchone()[0]:
                raise damaged(self.path, "a sample has no thumbnail")
            wrong = "SELECT count(*) FROM samples WHERE length(vector) <> ?"
            if reader.execute(wrong, (4 * self._contract.dimension,)).fetchone()[0]:
                raise damaged(self.path, "a vector has another length than the contract says")

    # Letting go

    def close(self) -> None:
        """See `Gallery.close`."""
        with self._write_lock, self._read_lock:
            self._closed = True
            self._reader.close()
            self._writer.close()
            self._memory = _Memory(Snapshot(self._contract.dimension))

    def __enter__(self: S) -> S:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Inside

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is kept when the block ends and undone when it raises."""
        with self._write_lock, refusals(self.path):
            self._require_open()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._require_contract(self._writer)
                yield self._writer
                if self._writer.in_transaction:
                    self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The gallery as of one moment."""
        with self._read_lock, refusals(self.path):
            self._require_open()
            with self._moment(self._reader):
                yield self._reader

    def _stream(self, query: str, within: str | None) -> Iterator[tuple[Any, ...]]:
        """Rows in order, on a connection of their own: a slow consumer must not hold up anybody."""
        self._require_open()
        with refusals(self.path), closing(connect(self.path)) as connection, self._moment(connection):
            where = "" if within is None else _WITHIN
            yield from connection.execute(f"{query} {where} {_ORDER}", {"within": within})

    @contextmanager
    def _moment(self, connection: sqlite3.Connection) -> Iterator[None]:
        """A read transaction: whatever is read in the block was so at one moment, and of our contract."""
        connection.execute("BEGIN")
        try:
            self._require_contract(connection)
            yield
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _insert(self, writer: sqlite3.Connection, samples: Sequence[Sample], contract: Contract) -> None:
        """Write samples in the place of those with their ids."""
        unique = {sample.id: sample for sample in samples}
        if not unique:
            return
        try:
            stacked = np.stack([sample.vector for sample in unique.values()])
        except ValueError:
            raise ContractMismatch(
                "Vectors of different shapes were given; the gallery holds vectors of "
                f"{contract.dimension} numbers. Use the model it was made with."
            ) from None
        vectors = check_vectors(stacked, contract.dimension).astype("<f4")
        _delete(writer, unique)
        writer.executemany(
            f"INSERT INTO samples ({_ENTRY}, vector) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (s.id, s.label, s.digest, s.source, s.page, s.time, vector.tobytes())
                for s, vector in zip(unique.values(), vectors, strict=True)
            ),
        )
        writer.executemany(
            "INSERT INTO thumbnails SELECT row, ? FROM samples WHERE id = ?",
            ((s.thumbnail, s.id) for s in unique.values()),
        )

    def _current(self) -> Snapshot:
        """The samples in memory, brought up to what is committed."""
        with self._read_lock, refusals(self.path):
            self._require_open()
            if self._memory.data_version != _data_version(self._reader):
                with self._moment(self._reader):
                    self._memory = self._followed(self._memory)
            return self._memory.snapshot

    def _followed(self, memory: _Memory) -> _Memory:
        """`memory` with what was written since."""
        reader, snapshot, last_row = self._reader, memory.snapshot, memory.row
        changed = reader.execute(
            """SELECT DISTINCT changes.row, label FROM changes LEFT JOIN samples USING (row)
            WHERE number > ? AND changes.row <= ?""",
            (memory.change, memory.row),
        ).fetchall()
        snapshot = snapshot.removed([row for row, label in changed if label is None])
        relabelled = {row: label for row, label in changed if label is not None}
        snapshot = snapshot.relabelled(list(relabelled), list(relabelled.values()))
        added = reader.execute(
            "SELECT row, id, label, vector FROM samples WHERE row > ? ORDER BY row", (memory.row,)
        )
        while batch := added.fetchmany(READ_ROWS):
            rows, ids, labels, blobs = zip(*batch, strict=True)
            snapshot = snapshot.appended(rows, ids, labels, self._vectors(blobs))
            last_row = rows[-1]
        last_change = reader.execute("SELECT coalesce(max(number), 0) FROM changes").fetchone()[0]
        return _Memory(snapshot, _data_version(reader), last_row, last_change)

    def _vectors(self, blobs: Sequence[bytes]) -> NDArray[np.float32]:
        """(N, D) float32 from their bytes."""
        size = 4 * self._contract.dimension
        if any(len(blob) != size for blob in blobs):
            raise damaged(self.path, "a vector has another length than the contract says")
        return np.frombuffer(b"".join(blobs), "<f4").reshape(-1, self._contract.dimension)

    def _sample(self, row: tuple[Any, ...]) -> Sample:
        *entry, vector, thumbnail = row
        return Sample(
            **msgspec.structs.asdict(_entry(entry)), vector=self._vectors([vector])[0], thumbnail=thumbnail
        )

    def _require_contract(self, connection: sqlite3.Connection) -> None:
        require_same(read_contract(connection, self.path), self._contract, f"Gallery {self.path}")

    def _require_open(self) -> None:
        if self._closed:
            raise GalleryUnavailable(f"Gallery {self.path} is closed; open it again.")


def _delete(writer: sqlite3.Connection, ids: Iterable[str]) -> int:
    return writer.executemany("DELETE FROM samples WHERE id = ?", ((each,) for each in ids)).rowcount


def _version(connection: sqlite3.Connection) -> int:
    """The number of changes of samples ever made: both sequences only grow, and only with such a change."""
    return int(connection.execute("SELECT total(seq) FROM sqlite_sequence").fetchone()[0])


def _has_changed(writer: sqlite3.Connection, version: int | None) -> bool:
    """Whether the gallery is no longer at that version; never without one."""
    return version is not None and version != _version(writer)


def _data_version(connection: sqlite3.Connection) -> int:
    """A number that differs once another connection has committed."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _entry(row: Sequence[Any]) -> Entry:
    sample_id, label, digest, source, page, time = row
    return Entry(id=sample_id, label=label, digest=digest, source=source, page=page, time=time)
