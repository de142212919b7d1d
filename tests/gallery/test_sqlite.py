from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from uuid import uuid4

import numpy as np
import pytest

from docdex.errors import DocdexError, GalleryNotFound, GalleryUnavailable, InvalidSetting, NotAGallery
from docdex.gallery import SqliteGallery, connection, sqlite
from docdex.gallery.migrations import APPLICATION_ID, MIGRATIONS
from gallery_engines import answers, ids
from gallery_samples import CONTRACT, batch_of, sample, unit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gallery.db"


@pytest.fixture
def gallery(path: Path) -> Iterator[SqliteGallery]:
    with SqliteGallery.open(path, CONTRACT) as opened:
        yield opened


def tampered(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as plain, plain:
        for statement in statements:
            plain.execute(statement)


# What is and what is not a gallery


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a not a database",
        b"\xff\xd8\xff\xe0" * 5_000,
        b"x",
        b"SQLite format 3\x00",
        random.Random(1).randbytes(10_000),
    ],
    ids=["short", "jpeg", "one byte", "magic only", "random"],
)
@pytest.mark.parametrize("contract", [None, CONTRACT])
def test_a_file_of_another_kind_is_no_gallery_and_stays_as_it_is(
    path: Path, content: bytes, contract: object
) -> None:
    path.write_bytes(content)
    with pytest.raises(NotAGallery, match=r"gallery\.db"):
        SqliteGallery.open(path, contract)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("statement", ["CREATE TABLE samples (id)", "PRAGMA application_id = 7"])
def test_a_database_of_another_program_is_no_gallery_and_stays_as_it_is(path: Path, statement: str) -> None:
    tampered(path, statement)
    content = path.read_bytes()
    with pytest.raises(NotAGallery, match="another program"):
        SqliteGallery.open(path, CONTRACT)
    assert path.read_bytes() == content


def test_a_folder_is_no_gallery(tmp_path: Path) -> None:
    with pytest.raises(NotAGallery, match="folder"):
        SqliteGallery.open(tmp_path, CONTRACT)


def test_a_gallery_in_no_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(GalleryNotFound, match="No folder"):
        SqliteGallery.open(tmp_path / "missing" / "gallery.db", CONTRACT)
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_looked_at_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(GalleryUnavailable):
        SqliteGallery.open(tmp_path / ("a" * 300), CONTRACT)


def test_a_file_of_no_bytes_becomes_a_gallery_only_by_registering(path: Path) -> None:
    path.touch()
    for create, contract in ((True, None), (False, CONTRACT)):
        with pytest.raises(GalleryNotFound):
            SqliteGallery.open(path, contract, create=create)
    with SqliteGallery.open(path, CONTRACT) as made:
        made.upsert([sample("1")])
        assert ids(made) == ["1"]


def test_a_gallery_of_a_newer_docdex_says_so(gallery: SqliteGallery, path: Path) -> None:
    gallery.close()
    tampered(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(NotAGallery, match="newer docdex"):
        SqliteGallery.open(path, CONTRACT)


@pytest.mark.parametrize("name", ["Galerie für Ämter.db", "a b?c=d#e%20f.db", "証.db", "no-suffix"])
def test_a_gallery_may_have_any_name(tmp_path: Path, name: str) -> None:
    with SqliteGallery.open(tmp_path / name, CONTRACT) as made:
        made.upsert([sample("1")])
        assert [each.id for each in made.scan()] == ["1"]
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_two_threads_that_make_a_gallery_at_once_both_have_it(tmp_path: Path) -> None:
    for number in range(20):
        barrier = threading.Barrier(3)
        failed: list[BaseException] = []

        def make(thread: int, path: Path, barrier: threading.Barrier, failed: list[BaseException]) -> None:
            barrier.wait()
            try:
                with SqliteGallery.open(path, CONTRACT) as made:
                    made.upsert([sample(str(thread))])
            except BaseException as error:
                failed.append(error)

        path = tmp_path / f"{number}.db"
        threads = [threading.Thread(target=make, args=(n, path, barrier, failed)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        with SqliteGallery.open(path) as gallery:
            assert gallery.count() == 3


# What any program may rely on


def test_the_file_says_what_it_is_and_vectors_are_little_endian(gallery: SqliteGallery, path: Path) -> None:
    vector = unit(1, -2, 3, 4)
    gallery.upsert([sample("1", vector=vector)])
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert plain.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        (stored,) = plain.execute("SELECT vector FROM samples").fetchone()
    assert stored == b"".join(number.tobytes() for number in vector.astype("<f4"))


def test_every_commit_is_on_the_disk_before_it_is_acknowledged(gallery: SqliteGallery) -> None:
    with gallery._writing() as writer:
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert writer.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_only_what_is_new_is_read_before_a_search(
    gallery: SqliteGallery, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        gallery.upsert(batch_of("old", number))
    gallery.search(unit(1, 0, 0, 0)[None], 1)
    read: list[int] = []
    appended = sqlite.Snapshot.appended

    def counted(self: sqlite.Snapshot, rows: list[int], *rest: object) -> sqlite.Snapshot:
        read.append(len(rows))
        return appended(self, rows, *rest)

    monkeypatch.setattr(sqlite.Snapshot, "appended", counted)
    with SqliteGallery.open(path) as other:
        other.upsert(batch_of("new", 0))
        other.delete(["old-3-0"])
        other.relabel({"old-3-1": "renamed"})
    assert ("renamed", "old-3-1") in answers(gallery, 1, 3, 1, 0)
    answers(gallery, 1, 3, 1, 0)
    assert read == [3]


# When it cannot be used


def test_a_gallery_locked_for_long_is_unavailable(
    path: Path, gallery: SqliteGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.05)
    with SqliteGallery.open(path) as other, gallery._writing():
        with pytest.raises(GalleryUnavailable, match="another process"):
            other.upsert([sample("1")])
        assert other.count() == 0  # reading goes on
    gallery.upsert([sample("1")])
    assert ids(gallery) == ["1"]


@pytest.mark.parametrize(
    ("pragma", "said"), [("query_only = ON", "may not be written"), ("max_page_count = 1", "disk is full")]
)
def test_a_gallery_that_cannot_be_written_is_unavailable_and_keeps_what_it_has(
    gallery: SqliteGallery, pragma: str, said: str
) -> None:
    gallery.upsert([sample("1")])
    gallery._writer.execute(f"PRAGMA {pragma}")
    with pytest.raises(GalleryUnavailable, match=said):
        gallery.upsert([sample("2"), *batch_of("large", 1)])
    gallery._writer.execute("PRAGMA query_only = OFF")
    gallery._writer.execute("PRAGMA max_page_count = 1000000")
    assert ids(gallery) == ["1"]
    gallery.upsert([sample("3")])
    assert ids(gallery) == ["1", "3"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM thumbnails",
        "INSERT INTO thumbnails VALUES (99, x'00')",
        "UPDATE samples SET vector = x'00'",
        "DELETE FROM contract",
        "DROP TABLE changes",
        "DROP TRIGGER sample_removed",
    ],
)
def test_a_gallery_that_breaks_its_own_rules_is_seen_by_verify(
    gallery: SqliteGallery, path: Path, statement: str
) -> None:
    gallery.upsert([sample("1")])
    gallery.verify()
    tampered(path, statement)
    with pytest.raises(NotAGallery, match="damaged"):
        gallery.verify()


@pytest.mark.parametrize("wrong", [uuid4(), 2**70], ids=lambda wrong: type(wrong).__name__)
def test_an_id_that_is_no_text_says_nothing_of_damage(gallery: SqliteGallery, wrong: object) -> None:
    for call in (gallery.delete, gallery.get, lambda wrong: gallery.relabel({wrong[0]: "a"})):
        with pytest.raises(InvalidSetting, match="cannot take a value"):
            call([wrong])


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PureWindowsPath(r"\\server\share\types\our forms.db"), "file:////server/share/types/our%20forms.db"),
        (PureWindowsPath(r"C:\types\forms.db"), "file:///C:/types/forms.db"),
        (PurePosixPath("/types/forms?.db"), "file:///types/forms%3F.db"),
    ],
)
def test_a_gallery_may_lie_on_a_share_of_windows(path: PurePath, uri: str) -> None:
    assert connection.uri_of(path) == uri


def test_a_vector_of_another_length_is_damage_to_whoever_reads_it(gallery: SqliteGallery, path: Path) -> None:
    gallery.upsert([sample("1")])
    tampered(path, "UPDATE samples SET vector = x'00'")
    for call in (lambda: gallery.search(unit(1, 0, 0, 0)[None], 1), lambda: list(gallery.scan())):
        with pytest.raises(NotAGallery, match="damaged"):
            call()


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_gallery_gives_our_errors_or_answers(gallery: SqliteGallery, path: Path, seed: int) -> None:
    for number in range(4):
        gallery.upsert(batch_of("a", number))
    gallery.close()
    rng = random.Random(seed)
    content = bytearray(path.read_bytes())
    if seed % 2:
        del content[rng.randrange(len(content)) :]
    else:
        for _ in range(rng.choice([1, 10, 1_000])):
            content[rng.randrange(rng.choice([100, len(content)]))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    try:
        with SqliteGallery.open(path, CONTRACT) as damaged:
            for call in (
                lambda: damaged.search(np.eye(4, dtype=np.float32), 3),
                lambda: list(damaged.scan()),
                lambda: damaged.upsert([sample("new")]),
                lambda: damaged.delete(["a-1-1"]),
                damaged.labels,
                damaged.verify,
            ):
                try:
                    call()
                except DocdexError:
                    continue
    except DocdexError:
        return
