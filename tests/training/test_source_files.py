from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.errors import TrainingError
from docdex.training.files import FileList, Names


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_names_come_back_as_they_went_in(strings: list[str]) -> None:
    names = Names.of(strings)
    assert list(names) == strings
    assert len(names) == len(strings)


def test_a_million_names_take_little_more_than_their_letters() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        names = Names.of(f"n{number // 1000:08}/{number}.jpg" for number in range(100_000))
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert names[99_999] == "n00000099/99999.jpg"
    assert held < 100_000 * (len(names[99_999]) + 16)


def test_a_folder_s_files_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "a.jpg", "b.JPEG", "b/1.pdf", "a/x/1.webp", "shard.tar", "b-c/1.tif")
    files = FileList.of_folder(tmp_path)
    assert files.root == tmp_path
    expected = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert [tmp_path / name for name in files.names] == expected
    assert files.empty == ()


def test_other_files_and_hidden_ones_are_no_part_of_a_source(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "notes.txt", ".b.jpg", ".cache/c.jpg", "SOURCES.tsv")
    assert list(FileList.of_folder(tmp_path).names) == ["a.jpg"]


def test_folders_without_anything_to_read_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "full/1.jpg", "notes/1.txt")
    (tmp_path / "empty").mkdir()
    assert FileList.of_folder(tmp_path).empty == ("empty", "notes")


def test_a_link_to_a_folder_is_followed_once_and_one_to_nowhere_is_a_file(tmp_path: Path) -> None:
    touch(tmp_path / "in", "deep/1.jpg")
    touch(tmp_path / "out", "2.jpg")
    (tmp_path / "in" / "deep" / "round").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out", target_is_directory=True)
    (tmp_path / "in" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    for itself in ("itself", "itself.jpg"):
        (tmp_path / "in" / itself).symlink_to(itself)
    expected = ["deep/1.jpg", "gone.jpg", "itself.jpg", "link/2.jpg"]
    assert list(FileList.of_folder(tmp_path / "in").names) == expected


def test_the_identity_changes_with_names_sizes_and_times_and_with_nothing_else(tmp_path: Path) -> None:
    folder = touch(tmp_path / "pages", "a/1.jpg", "2.jpg")
    seen = [FileList.of_folder(folder).identity]
    touch(folder, "notes.txt")
    assert FileList.of_folder(folder).identity == seen[0]
    (folder / "2.jpg").write_bytes(b"longer than before")
    seen.append(FileList.of_folder(folder).identity)
    os.utime(folder / "2.jpg", ns=(0, 0))
    seen.append(FileList.of_folder(folder).identity)
    (folder / "2.jpg").rename(folder / "3.jpg")
    seen.append(FileList.of_folder(folder).identity)
    assert len(set(seen)) == 4


def test_a_list_names_files_from_its_own_folder_or_from_anywhere(tmp_path: Path) -> None:
    touch(tmp_path, "pages/1.jpg", "elsewhere/2.jpg")
    listed = tmp_path / "train.txt"
    listed.write_text(f"pages/1.jpg\n\n{tmp_path / 'elsewhere/2.jpg'}\r\npages/gone.jpg\n", encoding="utf-8")
    files = FileList.of_list(listed)
    assert [files.root / name for name in files.names] == [
        tmp_path / name for name in ("pages/1.jpg", "elsewhere/2.jpg", "pages/gone.jpg")
    ]
    marked = tmp_path / "marked.txt"
    marked.write_bytes(b"\xef\xbb\xbf" + listed.read_bytes())
    assert list(FileList.of_list(marked).names) == list(files.names)
    before = files.identity
    (tmp_path / "pages" / "1.jpg").write_bytes(b"changed, and longer")
    assert FileList.of_list(listed).identity != before


def test_a_folder_or_list_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="gone: no folder"):
        FileList.of_folder(tmp_path / "gone")
    with pytest.raises(TrainingError, match=r"gone\.txt: no list"):
        FileList.of_list(tmp_path / "gone.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9.jpg\n")
    with pytest.raises(TrainingError, match=r"latin\.txt: no list"):
        FileList.of_list(tmp_path / "latin.txt")


def test_a_folder_in_a_list_of_files_is_refused_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "pages/1.jpg")
    (tmp_path / "train.txt").write_text("pages/1.jpg\npages\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="pages is a folder in a list of files"):
        FileList.of_list(tmp_path / "train.txt")


@pytest.mark.parametrize(
    ("share", "kept"), [(1.0, "abcdefgh"), (0.5, "aceg"), (0.375, "acf"), (0.25, "ae"), (0.01, "a")]
)
def test_a_share_of_a_source_is_spread_over_its_files(tmp_path: Path, share: float, kept: str) -> None:
    whole = FileList.of_folder(touch(tmp_path, *(f"{letter}.jpg" for letter in "abcdefgh")))
    some = whole.shared(share)
    assert "".join(name[0] for name in some.names) == kept
    assert (some.identity == whole.identity) == (share == 1)
    assert some.shared(1.0).identity == some.identity == whole.shared(share).identity
