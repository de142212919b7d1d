from __future__ import annotations

from pathlib import Path

import pytest

from docdex.errors import InvalidSetting
from docdex.whole_file import whole_file


def test_what_was_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    path.write_text("old")
    with whole_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("accident", [ValueError, OSError, KeyboardInterrupt])
def test_half_a_file_is_never_seen(tmp_path: Path, accident: type[BaseException]) -> None:
    path = tmp_path / "vectors.npz"
    path.write_text("old")

    def write() -> None:
        with whole_file(path) as partial:
            partial.write_text("ne")
            raise accident

    with pytest.raises(accident):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_that_write_one_file_write_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    with (
        whole_file(path) as one,
        whole_file(path) as other,
        one.open("w") as first,
        other.open("w") as second,
    ):
        first.write("of the first")
        second.write("second")
    assert path.read_text() == "of the first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_users_file_of_a_name_like_ours_stays(tmp_path: Path) -> None:
    own = tmp_path / "vectors.npz.partial"
    own.write_text("a download that goes on")
    with whole_file(tmp_path / "vectors.npz") as partial:
        partial.write_text("new")
    assert own.read_text() == "a download that goes on"


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".npz")
    with whole_file(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(InvalidSetting, match="names no file"), whole_file(Path(path)):
        raise AssertionError("there is nowhere to write to")


def test_a_folder_that_is_not_there_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "gone" / "file") as partial:
        partial.write_text("new")
