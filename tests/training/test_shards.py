from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from docdex.training.shards import read_index, read_member


def write_shard(path: Path, members: dict[str, bytes], mode: str = "w:") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_images_are_found_by_place_and_read_without_unpacking(tmp_path: Path) -> None:
    contents = {"000.jpg": b"one", "001.PNG": b"other" * 1000, "001.json": b"{}", "readme": b""}
    shard = write_shard(tmp_path / "s.tar", contents)
    members = list(read_index(shard))
    assert [member.name for member in members] == ["000.jpg", "001.PNG"]
    for member in members:
        assert read_member(shard, member.offset, member.size) == contents[member.name]


def test_a_label_is_what_cls_says_before_or_after_the_image_or_else_the_folder(tmp_path: Path) -> None:
    members = {
        "a/000.jpg": b"x",
        "a/000.cls": b"17\n",
        "a/001.cls": b"cat",
        "a/001.left.jpg": b"x",
        "a/001.right.jpg": b"x",
        "a/002.jpg": b"x",
        "b/002.jpg": b"x",
    }
    labels = [member.label for member in read_index(write_shard(tmp_path / "s.tar", members))]
    assert labels == ["17", "cat", "cat", "a", "b"]


@pytest.mark.parametrize("kind", ["no tar", "compressed", "missing"])
def test_what_is_no_plain_tar_file_says_so(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s.tar"
    if kind == "no tar":
        path.write_bytes(b"hello" * 1000)
    elif kind == "compressed":
        write_shard(path, {"0.jpg": b"x" * 5000}, "w:gz")
    with pytest.raises((tarfile.TarError, OSError)):
        list(read_index(path))


def test_a_shard_that_breaks_off_gives_what_is_whole_before_it_says_so(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.tar", {f"{number}.jpg": bytes(2000) for number in range(4)})
    shard.write_bytes(shard.read_bytes()[:6000])
    found = []
    with pytest.raises(tarfile.TarError):
        found.extend(member.name for member in read_index(shard))
    iterator, names = read_index(shard), []
    with pytest.raises(tarfile.TarError):
        while True:
            names.append(next(iterator).name)
    assert names == ["0.jpg", "1.jpg"]


def test_a_damaged_header_is_no_end(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.tar", {f"{number}.jpg": bytes(500) for number in range(5)})
    content = bytearray(shard.read_bytes())
    content[2 * 1024] ^= 1  # the third: a header and a block each
    shard.write_bytes(content)
    found = []
    with pytest.raises(tarfile.TarError, match="no header at byte 2048"):
        found.extend(member.name for member in read_index(shard))
    assert found[:1] == ["0.jpg"]


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_a_link_is_named_and_has_nothing_in_it(tmp_path: Path, kind: bytes) -> None:
    shard = tmp_path / "s.tar"
    with tarfile.open(shard, "w:") as tar:
        image, link = tarfile.TarInfo("0.jpg"), tarfile.TarInfo("1.jpg")
        image.size, link.type, link.linkname = 3, kind, "0.jpg"
        tar.addfile(image, io.BytesIO(b"abc"))
        tar.addfile(link)
    contents = [read_member(shard, member.offset, member.size) for member in read_index(shard)]
    assert contents == [b"abc", b""]
