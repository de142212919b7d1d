"""The schema of the SQLite gallery, as steps that a gallery of any age is brought up to date with.

`PRAGMA user_version` says how many of them a file has seen. A step is never edited once released: a change of
the schema is a new step at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

# Written into the header of every gallery ("ddex"), so that another program's SQLite file is told apart.
APPLICATION_ID = 0x64646578


def m001_samples(connection: sqlite3.Connection) -> None:
    """Samples, their thumbnails, the log of what changed, settings and the contract.

    A sample's `row` is never used twice and grows with every insert; a sample that replaces another gets a
    new one. So whoever has read up to a row finds what is new by number, and in `changes` which of the older
    rows were removed or relabelled. `changes` is never pruned: an entry has 20 bytes where its sample had
    thousands. Vectors are little-endian float32. Thumbnails lie apart, so that reading all vectors does not
    read them too.
    """
    for statement in (
        """CREATE TABLE contract (
            model TEXT NOT NULL, preprocess INTEGER NOT NULL, dimension INTEGER NOT NULL)""",
        """CREATE TABLE samples (
            row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, label TEXT NOT NULL,
            digest TEXT NOT NULL, source TEXT NOT NULL, page INTEGER NOT NULL, time TEXT NOT NULL,
            vector BLOB NOT NULL)""",
        "CREATE INDEX samples_in_order ON samples (label, time, id)",
        "CREATE INDEX samples_by_digest ON samples (digest)",
        """CREATE TABLE thumbnails (
            row INTEGER PRIMARY KEY REFERENCES samples (row) ON DELETE CASCADE, jpeg BLOB NOT NULL)""",
        "CREATE TABLE changes (number INTEGER PRIMARY KEY AUTOINCREMENT, row INTEGER NOT NULL)",
        """CREATE TRIGGER sample_removed AFTER DELETE ON samples
            BEGIN INSERT INTO changes (row) VALUES (old.row); END""",
        """CREATE TRIGGER sample_relabelled AFTER UPDATE OF label ON samples
            BEGIN INSERT INTO changes (row) VALUES (old.row); END""",
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL)",
    ):
        connection.execute(statement)


def m002_compared_by(connection: sqlite3.Connection) -> None:
    """Whether the vectors are of pictures or of text; what there was before are pictures."""
    connection.execute("ALTER TABLE contract ADD COLUMN compared_by TEXT NOT NULL DEFAULT 'picture'")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (m001_samples, m002_compared_by)


def schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every table, index and trigger with the statement that made it, in order of name."""
    made = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    return [(name, sql) for name, sql in connection.execute(made)]


def expected_schema() -> list[tuple[str, str]]:
    """The `schema` of a gallery that has seen all steps."""
    with closing(sqlite3.connect(":memory:")) as connection:
        migrate(connection, 0)
        return schema(connection)


def migrate(connection: sqlite3.Connection, seen: int) -> None:
    """Take the steps after the first `seen`, inside the transaction that the caller has begun."""
    for step in MIGRATIONS[seen:]:
        step(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
