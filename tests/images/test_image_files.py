from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.errors import PageOutOfRange, SourceNotFound
from docdex.images import find_files, iter_pages
from docdex.images.ranges import ALL_PAGES, PageRanges


def lay_out(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def listed(root):
    return [path.relative_to(root).as_posix() for path in find_files(root)]


def test_files_come_in_natural_order_through_all_folders(tmp_path):
    lay_out(tmp_path, "1.png", "b.png", "A10.png", "a9.png", "a/z.png", "a10/x.png", "a9/x.png", "a009.png")
    assert listed(tmp_path) == [
        "1.png",
        "a/z.png",
        "a9/x.png",
        "a009.png",
        "a9.png",
        "a10/x.png",
        "A10.png",
        "b.png",
    ]


def test_digits_that_are_no_decimal_number_are_letters(tmp_path):
    lay_out(tmp_path, "②/form.png", "①/form.png", "m10²1.png", "٣.png", "1.png")
    assert listed(tmp_path) == ["1.png", "m10²1.png", "٣.png", "①/form.png", "②/form.png"]


@given(st.lists(st.text("a0129-²②", min_size=1, max_size=6), unique=True))
def test_the_order_does_not_depend_on_how_the_system_lists(tmp_path_factory, names):
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    lay_out(first, *names)
    lay_out(second, *reversed(names))
    assert listed(first) == listed(second)
    assert sorted(listed(first)) == sorted(names)


def test_hidden_files_and_folders_are_skipped(tmp_path):
    lay_out(tmp_path, "page.png", ".DS_Store", ".git/config", "sub/.thumb.png")
    assert listed(tmp_path) == ["page.png"]


def test_a_linked_file_is_a_file_by_the_name_of_the_link(tmp_path):
    lay_out(tmp_path, "store/original.png", "forms/plain.png")
    (tmp_path / "forms/linked.png").symlink_to(tmp_path / "store/original.png")
    (tmp_path / "forms/broken.png").symlink_to(tmp_path / "store/gone.png")
    assert listed(tmp_path / "forms") == ["broken.png", "linked.png", "plain.png"]


def test_a_linked_folder_is_read_once_and_a_circle_ends(tmp_path):
    lay_out(tmp_path, "outside/page.png", "root/real/inner.png")
    (tmp_path / "root/a-link").symlink_to(tmp_path / "root/real")
    (tmp_path / "root/real/up").symlink_to(tmp_path / "root")
    (tmp_path / "root/elsewhere").symlink_to(tmp_path / "outside")
    assert listed(tmp_path / "root") == ["elsewhere/page.png", "real/inner.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_are_skipped_for_reading_them_would_never_end(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    lay_out(tmp_path, "page.png")
    assert listed(tmp_path) == ["page.png"]


def test_what_is_no_folder_is_not_found(tmp_path):
    lay_out(tmp_path, "page.png")
    for path in (tmp_path / "none", tmp_path / "page.png"):
        with pytest.raises(SourceNotFound, match="No folder at"):
            find_files(path)


def test_a_folder_that_cannot_be_looked_into_says_so(tmp_path, monkeypatch):
    lay_out(tmp_path, "forms/page.png")
    plain = Path.is_dir

    def is_dir(path):
        if path.name == "page.png":  # as where a folder may be listed and not entered
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(Path, "is_dir", is_dir)
    with pytest.raises(SourceNotFound, match=r"forms cannot be listed: Permission denied"):
        find_files(tmp_path)
    (refusal,) = iter_pages(tmp_path / "forms")
    assert "forms cannot be listed: Permission denied" in refusal.error.message


def test_a_name_too_long_for_a_folder_is_not_found():
    with pytest.raises(SourceNotFound, match="name too long"):
        find_files("a" * 300)


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("1", [1]),
        ("1-3,7,9-", [1, 2, 3, 7, 9, 10]),
        (" 2 , 4-5 ", [2, 4, 5]),
        ("5,1-2,2", [1, 2, 5]),
        ("10-", [10]),
        ("3-3", [3]),
    ],
)
def test_ranges_select_pages_in_order_and_each_once(text, selected):
    assert PageRanges.parse(text).select(10, "x") == selected


@pytest.mark.parametrize(
    "text", ["", "0", "3-1", "-3", "1,,2", "a", "1-2-3", "1;2", "٣", "+1", "1e3", "9" * 99]
)
def test_what_is_no_range_is_refused(text):
    with pytest.raises(PageOutOfRange, match="no page range"):
        PageRanges.parse(text)


@pytest.mark.parametrize(
    ("text", "page"), [("11", 11), ("9-12", 12), ("11-", 11), ("1-999999999", 999999999)]
)
def test_a_page_beyond_the_end_is_out_of_range(text, page):
    with pytest.raises(PageOutOfRange, match=f"scan.pdf has 10 pages; page {page} was asked for"):
        PageRanges.parse(text).select(10, "scan.pdf")


@given(st.integers(0, 50))
def test_all_pages_are_all_pages(count):
    if count:
        assert ALL_PAGES.select(count, "x") == list(range(1, count + 1))
