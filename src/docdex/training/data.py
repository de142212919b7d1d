"""Scan a run's sources once: what every page is and where it lies, and which files are broken, and why.

A scan decodes every page, as only that shows whether it can be. It is kept in a file named after the source's
files, their sizes and times, so that a second run starts without it. Twenty numbers and a digest a page are
all it holds in memory.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
from array import array
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import msgspec
import numpy as np

from docdex.errors import DocdexError, TrainingError
from docdex.images import Page, Refusal, iter_pages, read_pages
from docdex.training.files import FileList, Names
from docdex.training.shards import read_index, read_member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_FORMAT = 1
"""Raised when kept scans of before can no longer be read."""
_AT_ONCE = 64
"""Files decoded at a time: enough for the threads, few enough for the memory."""
_NOT_THE_FILE = frozenset({"missing-extra", "page-too-large"})
"""Errors that go while a file stays as it is: for want of an extra, or of memory."""
_TELL_EVERY = 20_000
"""Files between two words on how far a scan is."""
_WHOLE = -1
"""Offset of what is a file by itself and no member of a shard."""


class Broken(msgspec.Struct, frozen=True):
    """What cannot be read: `code` and `message` of the error. page: from 1, None for the whole file."""

    source: str
    page: int | None
    code: str
    message: str


class _Piece(NamedTuple):
    """A file, or a member of a shard: what is decoded in one go. member: its name in the shard."""

    file: int
    path: Path
    label: str
    member: str = ""
    offset: int = _WHOLE
    size: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The P pages of one source, in the order of its files.

    files: the list they come from. file: (P,) int32, a page's file. offset, size: (P,) int64, where it lies
    in a shard; an offset of -1 for a file by itself. page: (P,) int32, from 1. label: (P,) int32, its label
    in `labels`: the folder it lies in, or what a shard says. A label may have no pages, if all of its files
    are broken.
    digests: (P, 32) uint8, equal for the same page of the same bytes (`Page.digest`).
    """

    files: FileList
    file: NDArray[np.int32]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    page: NDArray[np.int32]
    label: NDArray[np.int32]
    labels: Names
    digests: NDArray[np.uint8]
    broken: tuple[Broken, ...]

    def __len__(self) -> int:
        return len(self.file)

    @classmethod
    def of(
        cls,
        files: FileList,
        side: int,
        *,
        kept_in: Path | None = None,
        keep: Callable[[Pixels], None],
        say: Callable[[str], None] = print,
    ) -> Scan:
        """Decode every page, or take what a scan before kept, unless what it left out may be had by now.

        side: short side that pages are shrunk to. kept_in: folder of kept scans, None for nowhere. keep: is
        given the pages in their order, unless they were scanned before. say: is told how far a long scan is.
        Raises TrainingError when the scan cannot be kept.
        """
        if kept_in is None:
            return _scan(files, side, keep, say)
        path = kept_in / f"scan-{files.identity[:16]}.npz"
        kept = _load(path, files)
        if kept is None or any(map(_may_be_had, kept.broken)):
            kept = _scan(files, side, keep, say)
            _save(kept, path)
        return kept

    def read(self, index: int, side: int) -> Pixels:
        """A page again, (H, W, 3) uint8 RGB, its short side at most `side`.

        Raises TrainingError when that is no longer possible: its file has changed since the scan.
        """
        name = self.files.names[int(self.file[index])]
        path = self.files.root / name
        try:
            offset = int(self.offset[index])
            source = path if offset == _WHOLE else read_member(path, offset, int(self.size[index]))
            (page,) = read_pages(source, pages=str(self.page[index]), short_side=side)
        except (DocdexError, OSError) as error:
            raise TrainingError(
                f"{path} could be read when it was scanned, and now cannot: {error}"
            ) from error
        return shrink(page.pixels, side)


def _may_be_had(broken: Broken) -> bool:
    # What could not be opened may be readable by now, which changes neither its size nor its time.
    return broken.code in _NOT_THE_FILE or (
        broken.code == "source-not-found" and os.access(broken.source, os.R_OK)
    )


def shrink(pixels: Pixels, side: int) -> Pixels:
    """A page (H, W, 3) with its short side at most `side` pixels; never enlarged."""
    scale = side / min(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = [max(round(length * scale), 1) for length in pixels.shape[1::-1]]
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _scan(files: FileList, side: int, keep: Callable[[Pixels], None], say: Callable[[str], None]) -> Scan:
    broken: list[Broken] = []
    file, number, label = array("i"), array("i"), array("i")
    offset, size = array("q"), array("q")
    digests = bytearray()
    labels: dict[str, int] = {}
    for done, (piece, found) in enumerate(_decode_all(files, side, broken), 1):
        if done % _TELL_EVERY == 0:
            say(f"{files.root}: {done} images read, file {piece.file + 1} of {len(files.names)}")
        its_label = labels.setdefault(piece.label, len(labels))
        for page in found:
            if isinstance(page, Broken):
                broken.append(page)
                continue
            file.append(piece.file)
            number.append(page.number)
            label.append(its_label)
            offset.append(piece.offset)
            size.append(piece.size)
            digests += bytes.fromhex(page.digest)
            keep(page.pixels)
    return Scan(
        files=files,
        file=np.array(file, dtype=np.int32),
        offset=np.array(offset, dtype=np.int64),
        size=np.array(size, dtype=np.int64),
        page=np.array(number, dtype=np.int32),
        label=np.array(label, dtype=np.int32),
        labels=Names.of(labels),
        digests=np.frombuffer(bytes(digests), dtype=np.uint8).reshape(-1, 32),
        broken=tuple(broken),
    )


def _decode_all(
    files: FileList, side: int, broken: list[Broken]
) -> Iterator[tuple[_Piece, Sequence[Page | Broken]]]:
    """Pieces in their order with their pages. broken: where shards that cannot be indexed go."""
    pieces = _pieces(files, broken)

    def decode(piece: _Piece) -> list[Page | Broken]:
        return list(_decode(piece, side))

    # Decoders work without the interpreter's lock: threads are enough.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while some := list(islice(pieces, _AT_ONCE)):
            yield from zip(some, pool.map(decode, some), strict=True)


def _pieces(files: FileList, broken: list[Broken]) -> Iterator[_Piece]:
    for number, name in enumerate(files.names):
        if not name.lower().endswith(".tar"):
            yield _Piece(number, files.root / name, name.rpartition("/")[0])
            continue
        path = files.root / name
        try:
            for member in read_index(path):
                yield _Piece(number, path, member.label, member.name, member.offset, member.size)
        except (tarfile.TarError, OSError) as error:
            broken.append(Broken(str(path), None, "damaged-source", f"{path} is no whole tar file: {error}."))


def _decode(piece: _Piece, side: int) -> Iterator[Page | Broken]:
    name = str(piece.path)
    source: Path | bytes = piece.path
    if piece.offset != _WHOLE:
        name = f"{name}/{piece.member}"
        source = read_member(piece.path, piece.offset, piece.size)
    for page in iter_pages([source], short_side=side):
        if isinstance(page, Refusal):
            message = page.error.message.replace("<bytes>", name)
            yield Broken(name, page.page, page.error.code, message)
        else:
            small = Page(shrink(page.pixels, side), page.source, page.number, page.encoded)
            small.digest  # noqa: B018 - hashed here, in a thread
            yield small


def _save(scan: Scan, path: Path) -> None:
    partial = path.with_name(f"{path.stem}.{os.getpid()}.partial")  # several processes may scan at once
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(
                file,
                format=_FORMAT,
                identity=np.frombuffer(scan.files.identity.encode(), np.uint8),
                **{f"pages.{name}": getattr(scan, name) for name in _ARRAYS},
                labels=scan.labels.text,
                label_ends=scan.labels.ends,
                broken=np.frombuffer(msgspec.json.encode(scan.broken), np.uint8),
            )
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise TrainingError(f"{path}: the scan cannot be kept: {error}.") from error


_ARRAYS = ("file", "offset", "size", "page", "label", "digests")


def _load(path: Path, files: FileList) -> Scan | None:
    """What was kept, None where nothing usable was: scanning again mends it."""
    try:
        with path.open("rb") as file, np.load(file) as kept:
            if int(kept["format"]) != _FORMAT or kept["identity"].tobytes().decode() != files.identity:
                return None
            return Scan(
                files,
                **{name: kept[f"pages.{name}"] for name in _ARRAYS},
                labels=Names(kept["labels"], kept["label_ends"]),
                broken=msgspec.json.decode(kept["broken"].tobytes(), type=tuple[Broken, ...]),
            )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, msgspec.MsgspecError):
        return None
