from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_shards import write_shard

from docdex.errors import TrainingError
from docdex.images import Page
from docdex.training import data
from docdex.training.data import Scan, shrink
from docdex.training.files import FileList


def picture(number: int) -> np.ndarray:
    """Another one for each number."""
    rng = np.random.default_rng(number)
    return cv2.resize(rng.integers(0, 256, (6, 4, 3), dtype=np.uint8), (40, 60))


def encoded(number: int) -> bytes:
    return bytes(cv2.imencode(".png", picture(number)[..., ::-1])[1])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two folders of images, a PDF of two pages, a shard, and three files that are broken."""
    root = tmp_path / "source"
    for name, number in (("a/0.png", 0), ("a/1.png", 1), ("b/2.png", 2)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(number))
    (root / "b" / "cut.png").write_bytes(encoded(3)[:60])
    (root / "b" / "gone.png").symlink_to(root / "nowhere")
    write_pdf(root / "c.pdf", pages=2)
    write_shard(root / "d.tar", {"e/4.png": encoded(4), "e/5.png": b"no image", "e/6.png": encoded(6)})
    (root / "f.tar").write_bytes(b"no tar")
    return root


def write_pdf(path: Path, pages: int) -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    for number in range(pages):
        document.new_page(200 + 100 * number, 300)
    document.save(path)
    document.close()


def scanned(root: Path, kept_in: Path | None = None) -> tuple[Scan, list[np.ndarray]]:
    pages: list[np.ndarray] = []
    return Scan.of(FileList.of_folder(root), 50, kept_in=kept_in, keep=pages.append), pages


def test_every_image_page_and_member_is_found_in_order_with_its_label(source: Path) -> None:
    scan, pages = scanned(source)
    assert len(scan) == len(pages) == 7
    assert [scan.files.names[file] for file in scan.file] == [
        "a/0.png", "a/1.png", "b/2.png", "c.pdf", "c.pdf", "d.tar", "d.tar",
    ]  # fmt: skip
    assert scan.page.tolist() == [1, 1, 1, 1, 2, 1, 1]
    assert [scan.labels[label] for label in scan.label] == ["a", "a", "b", "", "", "e", "e"]


def test_a_page_is_read_again_as_it_was_scanned(source: Path) -> None:
    scan, pages = scanned(source)
    for index, page in enumerate(pages):
        assert np.array_equal(scan.read(index, 50), page)
    assert np.array_equal(pages[6], shrink(picture(6), 50))
    assert (pages[3].shape, pages[4].shape) == ((75, 50, 3), (50, 50, 3))


def test_broken_files_are_listed_with_their_error_and_never_just_missing(source: Path) -> None:
    scan, _ = scanned(source)
    listed = {item.source.removeprefix(f"{source}/"): item for item in scan.broken}
    assert set(listed) == {"b/cut.png", "b/gone.png", "d.tar/e/5.png", "f.tar"}
    assert listed["b/gone.png"].code == "source-not-found"
    assert listed["d.tar/e/5.png"].code == "unsupported-format"
    assert all(item.source in item.message for item in scan.broken)


def test_a_long_scan_says_how_far_it_is(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_TELL_EVERY", 3)
    told: list[str] = []
    Scan.of(FileList.of_folder(source), 50, keep=lambda _: None, say=told.append)
    assert told == [
        f"{source}: 3 images read, file 3 of 8",
        f"{source}: 6 images read, file 6 of 8",
        f"{source}: 9 images read, file 7 of 8",
    ]


def test_a_digest_tells_pages_apart_and_copies_together(tmp_path: Path) -> None:
    for name, number in (("a", 0), ("b", 1), ("c", 0)):
        (tmp_path / f"{name}.png").write_bytes(encoded(number))
    write_pdf(tmp_path / "d.pdf", pages=2)
    digests = [bytes(digest) for digest in scanned(tmp_path)[0].digests]
    assert digests[0] == digests[2]
    assert len(set(digests)) == 4
    assert digests[0] == hashlib.sha256(hashlib.sha256(encoded(0)).digest() + b" page 1").digest()


def test_a_kept_scan_says_the_same_without_reading_the_files(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, pages = scanned(source, tmp_path / "kept")
    monkeypatch.setattr(data, "_decode", None)
    again, none = scanned(source, tmp_path / "kept")
    assert len(pages) == 7
    assert none == []
    for name in ("file", "offset", "size", "page", "label", "digests"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert list(first.labels) == list(again.labels)
    assert first.broken == again.broken
    assert np.array_equal(again.read(6, 50), pages[6])


@pytest.mark.parametrize("code", ["missing-extra", "page-too-large", "source-not-found"])
def test_a_file_left_out_for_want_of_something_else_is_tried_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    decode = data._decode

    def without_its_extra(piece: data._Piece, side: int) -> Iterator[Page | data.Broken]:
        yield data.Broken(str(piece.path), None, code, "install it")

    monkeypatch.setattr(data, "_decode", without_its_extra)
    assert len(scanned(source, tmp_path / "kept")[0]) == 0
    monkeypatch.setattr(data, "_decode", decode)
    assert len(scanned(source, tmp_path / "kept")[0]) == 7


def test_a_source_that_changed_is_scanned_anew(source: Path, tmp_path: Path) -> None:
    scanned(source, tmp_path / "kept")
    (source / "a" / "9.png").write_bytes(encoded(9))
    assert len(scanned(source, tmp_path / "kept")[0]) == 8


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_kept_scan_is_made_anew(source: Path, tmp_path: Path, content: bytes) -> None:
    scanned(source, tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_bytes(content)
    assert len(scanned(source, tmp_path / "kept")[1]) == 7
    assert len(scanned(source, tmp_path / "kept")[1]) == 0


def test_a_scan_that_cannot_be_kept_says_so_and_leaves_nothing_half_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(TrainingError, match="No space left"):
        scanned(source, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_file_that_went_after_the_scan_is_an_error_that_names_it(source: Path) -> None:
    scan, _ = scanned(source)
    (source / "a" / "1.png").unlink()
    with pytest.raises(TrainingError, match=r"1\.png could be read when it was scanned"):
        scan.read(1, 50)


def test_pages_are_kept_no_larger_than_asked_and_never_enlarged(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((300, 500, 3), dtype=np.uint8))
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((640, 801, 3), dtype=np.uint8))
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((30, 50, 3), dtype=np.uint8))
    _, pages = scanned(tmp_path)
    assert [page.shape for page in pages] == [(50, 83, 3), (50, 63, 3), (30, 50, 3)]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.full((4, 4), 77, np.uint8), [77, 77, 77]),
        (np.full((4, 4, 3), (10, 20, 30), np.uint8), [30, 20, 10]),
        (np.full((4, 4, 4), (10, 20, 30, 0), np.uint8), [255, 255, 255]),
        (np.full((4, 4, 4), (10, 20, 30, 255), np.uint8), [30, 20, 10]),
        (np.full((4, 4), 0xFFFF, np.uint16), [255, 255, 255]),
    ],
    ids=["grey", "colour", "transparent", "opaque", "16-bit"],
)
def test_any_image_is_read_as_rgb_over_white(tmp_path: Path, stored: np.ndarray, expected: list[int]) -> None:
    cv2.imwrite(str(tmp_path / "image.png"), stored)
    (page,) = scanned(tmp_path)[1]
    assert page.dtype == np.uint8
    assert (page == expected).all()
