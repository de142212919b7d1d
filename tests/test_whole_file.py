from __future__ import annotations

from pathlib import Path

import pytest

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


def test_a_folder_that_is_not_there_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "gone" / "file") as partial:
        partial.write_text("new")
