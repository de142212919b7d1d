"""Read images out of tar files where they lie, as WebDataset packs them: by offset, without unpacking."""

from __future__ import annotations

import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from docdex.training.files import IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LONGEST_LABEL = 1 << 12


class Member(NamedTuple):
    """An image in a shard. label: what `KEY.cls` beside `KEY.jpg` says, or else the folder it lies in."""

    name: str
    offset: int
    size: int
    label: str


def read_index(path: Path) -> Iterator[Member]:
    """Members of a shard in their order; what is no image by its suffix is skipped.

    A link has no bytes of its own: it is a member of size 0, which no decoder takes for an image.

    The members of a sample stand together and share a key, their name up to its first dot (the format of
    WebDataset). Raises tarfile.TarError or OSError where the shard is no tar file, compressed, or broken off,
    after the members before that place.
    """
    key, label, waiting = "", None, list[Member]()
    with tarfile.open(path, "r:") as tar:
        for entry in tar:
            tar.members = []  # type: ignore[attr-defined]  # it would keep an object for each
            if not (entry.isfile() or entry.islnk() or entry.issym()):
                continue
            folder, _, name = entry.name.rpartition("/")
            if (of := f"{folder}/{name.partition('.')[0]}") != key:
                yield from _labelled(waiting, label)
                key, label, waiting = of, None, []
            suffix = PurePosixPath(name).suffix.lower()
            if suffix == ".cls" and entry.isfile() and (content := tar.extractfile(entry)) is not None:
                label = content.read(_LONGEST_LABEL).decode("utf-8", "replace").strip()
            elif suffix in IMAGES:
                waiting.append(Member(entry.name, entry.offset_data, entry.size, folder))
        end = tar.offset
    yield from _labelled(waiting, label)
    # For tarfile a header that cannot be read is the end, like one of zeros: the rest would go unsaid.
    if any(read_member(path, end, tarfile.BLOCKSIZE)):
        raise tarfile.ReadError(f"no header at byte {end}")


def _labelled(members: list[Member], label: str | None) -> list[Member]:
    return members if label is None else [member._replace(label=label) for member in members]


def read_member(path: Path, offset: int, size: int) -> bytes:
    """The bytes of a member. Raises OSError."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
