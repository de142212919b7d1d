"""How a gallery file is opened, and what its refusals mean, so that no sqlite3 error ever reaches a user."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePath

from docdex.contract import Contract, require_same
from docdex.errors import GalleryNotFound, GalleryUnavailable, InvalidSetting, NotAGallery
from docdex.gallery.migrations import APPLICATION_ID, MIGRATIONS, migrate

PATIENCE = 10.0  # seconds to wait for another process's write
SMALLEST_DATABASE = 512  # bytes

# What SQLite says when the file is sound and only refuses for now: Python 3.10 does not give its error codes.
_REFUSALS = {
    "is locked": "another process has held it for long; try again",
    "locking protocol": "another process has held it for long; try again",
    "disk is full": "the disk is full; make room and try again",
    "readonly": "it may not be written; check the permissions of the file and its folder",
    "read-only": "it may not be written; check the permissions of the file and its folder",
    "unable to open": "it cannot be opened; check the permissions of the file and its folder",
    "disk i/o error": "the disk reports an error; check it and try again",
    "interrupted": "the call was interrupted; try again",
}


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn every error of sqlite3 into one of docdex.

    GalleryUnavailable: the file is sound, but not now. NotAGallery: it is damaged. InvalidSetting: a value
    was given that cannot be stored or asked for.
    """
    try:
        yield
    # Which of the first two it is depends on the version of Python.
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError, UnicodeEncodeError, OverflowError) as error:
        raise InvalidSetting(
            f"Gallery {path} cannot take a value: {error}; give text of valid Unicode and 64-bit numbers."
        ) from error
    except sqlite3.Error as error:
        said = str(error).lower()
        for part, meaning in _REFUSALS.items():
            if part in said:
                raise GalleryUnavailable(f"Gallery {path} is not available: {meaning} ({error}).") from error
        if "not a database" in said:
            raise _foreign(path) from error
        raise damaged(path, str(error)) from error


def _foreign(path: Path) -> NotAGallery:
    return NotAGallery(f"{path} is no docdex gallery; give the path of one, or a new path.")


def damaged(path: Path, what: str) -> NotAGallery:
    """The error for a gallery that breaks its own rules."""
    return NotAGallery(f"Gallery {path} is damaged ({what}); restore it from a copy or an export.")


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """A connection in autocommit, for one thread at a time. Without `create` the file must be there."""
    connection = sqlite3.connect(
        f"{uri_of(path.absolute())}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def uri_of(path: PurePath) -> str:
    """The `file:` URI of an absolute path, as SQLite takes it."""
    uri = path.as_uri()
    # A share of Windows is file://server/share, and SQLite takes no server: its name joins the path.
    return uri if uri.startswith("file:///") else uri.replace("file://", "file:////", 1)


def is_gallery(path: Path) -> bool:
    """Whether the file at `path` is a gallery, be it damaged or of a newer docdex.

    Asked of SQLite: to open and close the file ourselves would take away locks, as in `require_place`.
    """
    try:
        with closing(connect(path)) as connection:
            return _pragma(connection, "application_id") == APPLICATION_ID
    except sqlite3.Error:
        return False


def require_place(path: Path, *, create: bool) -> None:
    """Raise unless there is a file at `path`, or room to make one if `create` is true."""
    try:
        if path.is_dir():
            raise NotAGallery(f"{path} is a folder; give the path of a gallery file.")
        if not path.exists():
            if not create:
                raise GalleryNotFound(f"No gallery at {path}; register a first page to make one.")
            if not path.parent.is_dir():
                raise GalleryNotFound(f"No folder {path.parent} to make {path.name} in; make it first.")
        # SQLite takes a file of a few bytes for a blank one. Only its size is looked at: to open and close
        # the file here would take away the locks that this process may hold on it.
        elif 0 < path.stat().st_size < SMALLEST_DATABASE:
            raise _foreign(path)
    except OSError as error:
        raise GalleryUnavailable(f"Gallery {path} cannot be looked at: {error.strerror}.") from error


def prepare(
    connection: sqlite3.Connection, path: Path, contract: Contract | None, *, create: bool
) -> Contract:
    """Check that `path` is a gallery, bring its schema up to date, and give its contract.

    A blank file becomes a gallery of `contract`, or is GalleryNotFound without one or without `create`.
    Nothing is written to any other file: it is NotAGallery.
    """
    if _is_blank(connection):
        if contract is None or not create:
            raise GalleryNotFound(f"{path} is empty: no gallery was made there; register a first page.")
    elif _pragma(connection, "application_id") != APPLICATION_ID:
        raise NotAGallery(f"{path} is a database of another program; give another path for the gallery.")
    _require_known_version(connection, path)
    _keep_wal(connection)
    if _pragma(connection, "user_version") < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again: another process may have been faster.
            _require_known_version(connection, path)
            if _is_blank(connection) and contract is not None:
                migrate(connection, 0)
                write_contract(connection, contract)
            else:
                migrate(connection, _pragma(connection, "user_version"))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    found = read_contract(connection, path)
    if contract is not None:
        require_same(found, contract, f"Gallery {path}")
    return found


def read_contract(connection: sqlite3.Connection, path: Path) -> Contract:
    """The contract that the gallery keeps."""
    row = connection.execute("SELECT model, preprocess, dimension, compared_by FROM contract").fetchone()
    if row is None:
        raise damaged(path, "it has no contract")
    model, preprocess, dimension, by = row
    return Contract(model=model, preprocess=preprocess, dimension=dimension, by=by)


def write_contract(connection: sqlite3.Connection, contract: Contract) -> None:
    """Put `contract` in the place of the one kept."""
    connection.execute("DELETE FROM contract")
    connection.execute(
        "INSERT INTO contract (model, preprocess, dimension, compared_by) VALUES (?, ?, ?, ?)",
        (contract.model, contract.preprocess, contract.dimension, contract.by),
    )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _is_blank(connection: sqlite3.Connection) -> bool:
    """Whether nobody has made anything of the file: new, or killed before its first transaction."""
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return tables == 0 and _pragma(connection, "application_id") == 0


def _require_known_version(connection: sqlite3.Connection, path: Path) -> None:
    version = _pragma(connection, "user_version")
    if version > len(MIGRATIONS):
        raise NotAGallery(
            f"Gallery {path} was written by a newer docdex (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); update docdex."
        )


def _keep_wal(connection: sqlite3.Connection) -> None:
    """Have the file in WAL mode. SQLite does not wait when two processes change the mode at once: we do."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
