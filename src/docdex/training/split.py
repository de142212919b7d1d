"""Split a user's folder by types, so that a model is measured on types that it has never learned from."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import cv2

from docdex.errors import EmptySource, InvalidSetting, TrainingError
from docdex.images import Refusal, iter_pages
from docdex.training.data import shrink
from docdex.training.files import FileList

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SET = "own"
"""What the benchmark made of held-out types calls its one set."""
_STRANGERS = 3
"""Of the held-out types, every third is never registered."""
_FEWEST = 5
"""Types that can be split: two to learn, two to tell apart, and a stranger."""
_SHORT_SIDE = 720
_QUALITY = 95


@dataclass(frozen=True, slots=True)
class TypeSplit:
    """Types by what they are for: learned from, registered when measuring, and strangers then. Sorted."""

    learned: tuple[str, ...]
    registered: tuple[str, ...]
    strangers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrittenSplit:
    """What was written: the types, the list of files to learn from, the benchmark, and what was left out."""

    types: TypeSplit
    train: Path
    held_out: Path
    refusals: tuple[Refusal, ...]


def split_types(pages: Mapping[str, int], held_out: float, seed: int) -> TypeSplit:
    """Three parts of the types, the same for the same names and seed in any order.

    pages: of each type, how many. Of the types held out, a third are strangers: first those of a single page,
    which could be registered but never asked about. held_out: share of the types, in (0, 1).

    Raises InvalidSetting for a share outside of that, EmptySource for fewer than five types.
    """
    if not 0 < held_out < 1:
        raise InvalidSetting(f"{held_out:g} of the types cannot be held out: give a share between 0 and 1.")
    if len(pages) < _FEWEST:
        raise EmptySource(
            f"{len(pages)} types are too few to split: at least {_FEWEST} are needed, two to learn from, two "
            f"to tell apart and one stranger, each a folder with its pages."
        )
    # By a digest of each name: a type that is added later moves hardly any of the others.
    mixed = sorted(pages, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    count = min(max(round(held_out * len(mixed)), 3), len(mixed) - 2)
    out = sorted(mixed[:count], key=lambda name: pages[name] > 1)
    strangers = max(count // _STRANGERS, 1)
    return TypeSplit(
        learned=tuple(sorted(mixed[count:])),
        registered=tuple(sorted(out[strangers:])),
        strangers=tuple(sorted(out[:strangers])),
    )


def write_split(folder: Path, output: Path, *, held_out: float, seed: int) -> WrittenSplit:
    """Write `train.txt`, the files of the types to learn from, and `held-out/`, a benchmark of the others.

    folder: a folder for each type, of any depth, with images and PDFs. The benchmark has the form that
    `docdex evaluate` reads; its pictures are JPEGs with a short side of at most 720 pixels.

    Raises InvalidSetting when there is such a benchmark already, EmptySource for too few types or held-out
    ones without a page that can be read, TrainingError for a folder that cannot be read or written, and for a
    file whose name no list can hold.
    """
    files = _files_by_type(folder)
    types = split_types({name: len(paths) for name, paths in files.items()}, held_out, seed)
    train, benchmark = output / "train.txt", output / "held-out"
    if benchmark.exists():
        raise InvalidSetting(f"{benchmark} is there already: remove it, or give another folder.")
    lines = [_line(path, output) for name in types.learned for path in files[name]]
    homes = {name: benchmark / "flat" / SET / _file_name(name) for name in types.registered}
    homes |= {name: benchmark / "strangers" / "flat" / SET / _file_name(name) for name in types.strangers}
    refusals: list[Refusal] = []
    try:
        for name, home in homes.items():
            refusals += _write_pages(files[name], home)
        train.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except (OSError, EmptySource) as error:
        shutil.rmtree(benchmark, ignore_errors=True)
        if isinstance(error, EmptySource):
            raise
        raise TrainingError(f"{output}: the split cannot be written: {error}.") from error
    return WrittenSplit(types, train, benchmark, tuple(refusals))


def _files_by_type(folder: Path) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for name in FileList.of_folder(folder).names:
        kind = str(PurePosixPath(name).parent)
        if not name.lower().endswith(".tar") and kind != ".":
            files.setdefault(kind, []).append(folder / name)
    return files


def _line(path: Path, output: Path) -> str:
    """A file as `FileList.of_list` reads it again."""
    line = os.path.relpath(path, output)
    if "\n" in line or "\r" in line or line != line.encode("utf-8", "replace").decode():
        raise TrainingError(f"{path}: a list holds names of one line in UTF-8; this is none: rename it.")
    return line


def _file_name(kind: str) -> str:
    """A type as the name of one folder, another one for each type."""
    return kind.replace("%", "%25").replace("/", "%2F")


def _write_pages(paths: Sequence[Path], folder: Path) -> list[Refusal]:
    folder.mkdir(parents=True)
    refusals = []
    written = 0
    for page in iter_pages(paths, short_side=_SHORT_SIDE):
        if isinstance(page, Refusal):
            refusals.append(page)
            continue
        small = shrink(page.pixels, _SHORT_SIDE)
        encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        (folder / f"{written:04}.jpg").write_bytes(encoded.tobytes())
        written += 1
    if not written:
        raise EmptySource(f"{paths[0].parent}: none of its pages can be read. Mend or remove the folder.")
    return refusals
