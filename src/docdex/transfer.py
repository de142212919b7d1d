"""Carry samples from one gallery to another in one file that any program can read.

The file is a ZIP archive:

    manifest.json     {"docdex": 1, "contract": {"model", "preprocess", "dimension", "by"}, "samples": N}
    samples.jsonl     N lines of {"id", "label", "digest", "source", "page", "time"}
    vectors.npy       float32 (N, dimension), row i belongs to line i
    thumbnails/0.jpg  of line 0, and so on; of texts thumbnails/0.txt
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from tokenize import TokenError
from typing import IO, TYPE_CHECKING

import msgspec
import numpy as np

from docdex.contract import Contract
from docdex.errors import DocdexError, GalleryUnavailable, InvalidSetting, NotAGallery, SourceNotFound
from docdex.gallery import Entry, Sample, is_gallery
from docdex.labels import parse
from docdex.whole_file import whole_file
from docdex.zip_damage import ZIP_DAMAGE

if TYPE_CHECKING:
    from docdex.gallery import Gallery

FORMAT = 1

_LARGEST = 1 << 20
"""Bytes a manifest, line or thumbnail may have. Ours stay far below, and an archive can claim anything."""

# RuntimeError: of encrypted members. What msgspec raises is a ValueError; NumPy adds a TokenError and an
# IndexError for headers of vectors that it cannot make sense of.
_DAMAGES = (*ZIP_DAMAGE, RuntimeError, TokenError)


class Manifest(msgspec.Struct, frozen=True):
    """What the file is: its format, the contract of its vectors, and how many samples it carries."""

    docdex: int
    contract: Contract
    samples: int


def write_export(gallery: Gallery, path: Path) -> int:
    """Write all samples to `path`, whole or not at all; how many.

    Memory does not grow with the gallery. Raises `GalleryUnavailable` when the file cannot be written, and
    `InvalidSetting` where a gallery is: this one or another, its samples would be lost.
    """
    if is_gallery(path):
        raise InvalidSetting(f"{path} is a gallery: give the export a path of its own, such as types.zip.")
    try:
        with whole_file(path) as partial, zipfile.ZipFile(partial, "w") as archive:
            return _write_members(gallery, archive)
    except OSError as error:
        raise GalleryUnavailable(f"The export cannot be written to {path}: {error.strerror}.") from error


def read_export(path: Path) -> tuple[Contract, Iterator[Sample]]:
    """The contract of an export and its samples, read one by one.

    Raises `SourceNotFound`, and `NotAGallery` for a file that is no export, at once or at the sample that is
    damaged.
    """
    try:
        archive = zipfile.ZipFile(path)
        manifest = msgspec.json.decode(_read_member(archive, "manifest.json"), type=Manifest)
    except OSError as error:
        raise SourceNotFound(f"No export can be read at {path}: {error.strerror}.") from error
    except _DAMAGES as error:
        raise NotAGallery(f"{path} is no export of a gallery: {error}") from error
    if manifest.docdex != FORMAT:
        raise NotAGallery(f"{path} is an export of format {manifest.docdex}; this docdex reads {FORMAT}.")
    return manifest.contract, _read_samples(archive, manifest, path)


def _write_members(gallery: Gallery, archive: zipfile.ZipFile) -> int:
    number, dimension = 0, gallery.contract.dimension
    # A ZIP takes one member at a time, and the samples come once: two of the three wait beside it.
    with TemporaryFile() as lines, TemporaryFile() as vectors:
        for sample in gallery.scan():
            archive.writestr(_thumbnail(number, gallery.contract), sample.thumbnail)
            entry = {name: getattr(sample, name) for name in Entry.__struct_fields__}
            lines.write(msgspec.json.encode(entry) + b"\n")
            vectors.write(sample.vector.astype("<f4").tobytes())
            number += 1
        lines.seek(0)
        vectors.seek(0)
        with archive.open("samples.jsonl", "w", force_zip64=True) as member:
            shutil.copyfileobj(lines, member)
        with archive.open("vectors.npy", "w", force_zip64=True) as member:
            header = {"descr": "<f4", "fortran_order": False, "shape": (number, dimension)}
            np.lib.format.write_array_header_1_0(member, header)
            shutil.copyfileobj(vectors, member)
    manifest = Manifest(FORMAT, gallery.contract, number)
    archive.writestr("manifest.json", msgspec.json.encode(manifest))
    return number


def _read_samples(archive: zipfile.ZipFile, manifest: Manifest, path: Path) -> Iterator[Sample]:
    try:
        with archive, archive.open("samples.jsonl") as lines, archive.open("vectors.npy") as vectors:
            _check_header(vectors, manifest)
            for number in range(manifest.samples):
                entry = msgspec.json.decode(lines.readline(_LARGEST), type=Entry)
                row = vectors.read(4 * manifest.contract.dimension)
                yield Sample(
                    id=entry.id,
                    label=parse(entry.label),
                    digest=entry.digest,
                    source=entry.source,
                    page=entry.page,
                    time=entry.time,
                    vector=np.frombuffer(row, "<f4", manifest.contract.dimension).astype(np.float32),
                    thumbnail=_read_member(archive, _thumbnail(number, manifest.contract)),
                )
    except (OSError, DocdexError, *_DAMAGES) as error:
        raise NotAGallery(f"{path} is a damaged export: {error}") from error


def _thumbnail(number: int, contract: Contract) -> str:
    """The member that has the thumbnail of a line."""
    return f"thumbnails/{number}.{'txt' if contract.by == 'text' else 'jpg'}"


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > _LARGEST:
        raise ValueError(f"{name} has {size} bytes, more than {_LARGEST}")
    return archive.read(name)


def _check_header(vectors: IO[bytes], manifest: Manifest) -> None:
    np.lib.format.read_magic(vectors)
    shape, fortran_order, kind = np.lib.format.read_array_header_1_0(vectors)
    promised = (manifest.samples, manifest.contract.dimension)
    if shape != promised or fortran_order or kind != np.dtype("<f4"):
        raise ValueError(f"vectors.npy holds {kind} {shape}, the manifest promises float32 {promised}")
