from __future__ import annotations

import json
import zipfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from docdex.errors import (
    ContractMismatch,
    GalleryUnavailable,
    InvalidSetting,
    NotAGallery,
    RegistrationRefused,
    SourceNotFound,
)
from docdex.images import Page
from docdex.recognizer import Recognizer
from docdex.transfer import read_export
from fakes import PageOf, open_fake


@pytest.fixture
def export(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> Path:
    fake.register_many([("id/utopia", page_of(1)), ("receipt", [page_of(0, 1), page_of(0, 0, 1)])])
    assert fake.export(tmp_path / "all.zip") == 3
    return tmp_path / "all.zip"


def test_an_imported_gallery_answers_like_the_exported_one(
    fake: Recognizer, page_of: PageOf, export: Path, tmp_path: Path
) -> None:
    with open_fake(tmp_path / "copy.db") as copy:
        done = copy.import_(export)
        assert [entry.label for entry in done.added] == ["id/utopia", "receipt", "receipt"]
        assert copy.samples() == fake.samples()
        ids = [entry.id for entry in fake.samples()]
        for one, other in zip(fake.gallery.get(ids), copy.gallery.get(ids), strict=True):
            np.testing.assert_array_equal(one.vector, other.vector)
            assert one.thumbnail == other.thumbnail
        assert copy.recognize(page_of(0.9, 0.1)) == fake.recognize(page_of(0.9, 0.1))


def test_importing_twice_changes_nothing(fake: Recognizer, export: Path) -> None:
    version = fake.gallery.version
    done = fake.import_(export)
    assert (len(done.known), done.added) == (3, ())
    assert fake.gallery.version == version


def test_an_import_obeys_the_rules_of_registration(page_of: PageOf, export: Path, tmp_path: Path) -> None:
    with open_fake(tmp_path / "other.db") as other:
        other.register("card", page_of(1))
        with pytest.raises(RegistrationRefused):
            other.import_(export)
        assert len(other.samples()) == 1
        done = other.import_(export, atomic=False)
        assert (len(done.added), len(done.refusals)) == (2, 1)
        assert len(other.import_(export, allow_conflict=True).added) == 1


def test_vectors_of_another_model_are_not_imported(export: Path, tmp_path: Path) -> None:
    with open_fake(tmp_path / "other.db", model="e") as other, pytest.raises(ContractMismatch):
        other.import_(export)
    assert not (tmp_path / "other.db").exists()


def test_a_page_numbered_by_numpy_can_be_carried(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    fake.register("id", Page(page_of(1), "scan.pdf", np.int64(2)))  # type: ignore[arg-type]
    fake.export(tmp_path / "numbered.zip")
    with open_fake(tmp_path / "copy.db") as copy:
        (entry,) = copy.import_(tmp_path / "numbered.zip").added
    assert (entry.source, entry.page) == ("scan.pdf", 2)


def test_any_program_can_read_an_export(fake: Recognizer, export: Path) -> None:
    with zipfile.ZipFile(export) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        lines = [json.loads(line) for line in archive.read("samples.jsonl").splitlines()]
        with archive.open("vectors.npy") as member:
            vectors = np.load(member)
        pictures = [archive.read(f"thumbnails/{row}.jpg") for row in range(3)]
    assert manifest["samples"] == 3
    assert manifest["contract"]["dimension"] == 12
    assert [line["id"] for line in lines] == [entry.id for entry in fake.samples()]
    assert vectors.dtype == np.float32
    stored = fake.gallery.get([line["id"] for line in lines])
    np.testing.assert_array_equal(vectors, [sample.vector for sample in stored])
    assert pictures == [sample.thumbnail for sample in stored]


def test_an_empty_gallery_can_be_carried(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    fake.register("id", page_of(1))
    fake.remove("id")
    assert fake.export(tmp_path / "empty.zip") == 0
    assert fake.import_(tmp_path / "empty.zip").added == ()


def test_an_export_is_written_whole_or_not_at_all(
    fake: Recognizer, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = export.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(GalleryUnavailable, match="No space left"):
        fake.export(export)
    assert export.read_bytes() == before
    assert [path.name for path in export.parent.glob("all*")] == ["all.zip"]


def test_an_export_never_takes_the_place_of_a_gallery(
    fake: Recognizer, page_of: PageOf, export: Path, tmp_path: Path
) -> None:
    with open_fake(tmp_path / "other.db") as other:
        other.register("ticket", page_of(0, 0, 0, 1))
    for gallery in ("fake.db", "other.db"):
        with pytest.raises(InvalidSetting, match=rf"{gallery} is a gallery"):
            fake.export(tmp_path / gallery)
    with open_fake(tmp_path / "other.db") as other:
        assert [entry.label for entry in other.samples()] == ["ticket"]
    with open_fake(tmp_path / "fake.db") as again:
        assert len(again.samples()) == 3
    assert fake.export(export) == 3


def test_an_export_below_a_file_is_refused_by_name(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    fake.register("claim/acme", page_of(1))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(GalleryUnavailable, match=r"x\.zip"):
        fake.export(tmp_path / "file" / "x.zip")


def test_an_export_needs_a_name(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("claim/acme", page_of(1))
    with pytest.raises(InvalidSetting, match="names no file"):
        fake.export("")


def test_a_missing_export_is_named(fake: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match=r"gone\.zip"):
        fake.import_(tmp_path / "gone.zip")


def damage(export: Path, member: str, content: bytes | None, packing: int = zipfile.ZIP_STORED) -> None:
    """The same archive with one member changed, or left out. packing: the method of the ZIP."""
    with zipfile.ZipFile(export) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if content is None:
        del members[member]
    else:
        members[member] = content
    with zipfile.ZipFile(export, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("member", "content"),
    [
        *product(["manifest.json", "samples.jsonl", "vectors.npy"], [None, b"", b"{}", b"\x93NUMPY"]),
        ("vectors.npy", b"\x93NUMPY\x01\0\x03\0({\n"),
        ("vectors.npy", b"\x93NUMPY\x01\0\x38\0{'descr': (), 'fortran_order': False, 'shape': (3, 12)}\n"),
        ("thumbnails/2.jpg", None),
        ("thumbnails/2.jpg", bytes(2_000_000)),
        ("manifest.json", b" " * 2_000_000),
    ],
)
def test_a_damaged_export_is_refused_and_nothing_of_it_registered(
    export: Path, tmp_path: Path, member: str, content: bytes | None
) -> None:
    damage(export, member, content)
    with open_fake(tmp_path / "copy.db") as copy, pytest.raises(NotAGallery):
        copy.import_(export)
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("member", ["manifest.json", "vectors.npy", "thumbnails/2.jpg"])
def test_an_export_whose_packed_bytes_are_broken_is_refused(
    fake: Recognizer, export: Path, member: str
) -> None:
    damage(export, member, b"{}" * 99, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(export) as archive:
        at = archive.getinfo(member).header_offset + 30 + len(member)
    data = bytearray(export.read_bytes())
    data[at + 9] ^= 0xFF  # the first byte behind LZMA's header and its five properties
    export.write_bytes(data)
    with pytest.raises(NotAGallery):
        fake.import_(export)


def test_every_cut_of_an_export_is_refused(fake: Recognizer, export: Path) -> None:
    content = export.read_bytes()
    for length in range(0, len(content) - 1, 97):
        export.write_bytes(content[:length])
        with pytest.raises(NotAGallery):
            fake.import_(export)


def test_flipped_bits_of_an_export_are_an_error_or_change_nothing(
    fake: Recognizer, export: Path, tmp_path: Path
) -> None:
    content = export.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        flipped = bytearray(content)
        flipped[rng.integers(len(content))] ^= 1 << rng.integers(8)
        export.write_bytes(flipped)
        try:
            _, samples = read_export(export)
            read = [(sample.id, sample.label, sample.digest) for sample in samples]
        except NotAGallery:
            refused += 1
        else:
            assert read == [(entry.id, entry.label, entry.digest) for entry in fake.samples()]
    assert refused > 100


def test_an_export_of_a_later_format_is_refused(fake: Recognizer, export: Path) -> None:
    with zipfile.ZipFile(export) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    damage(export, "manifest.json", json.dumps({**manifest, "docdex": 2}).encode())
    with pytest.raises(NotAGallery, match="format 2"):
        fake.import_(export)
