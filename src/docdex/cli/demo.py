"""`docdex demo`: all of docdex at once on documents that come with it, with a picture to look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np

from docdex.cli.answers import in_a_word, number
from docdex.cli.command import Command
from docdex.cli.options import model_option
from docdex.cli.terminal import counted, print_line, print_table, track
from docdex.contact_sheet import Row, contact_sheet
from docdex.decision import Match
from docdex.errors import InvalidSetting
from docdex.examples import PAGES, Example, load_examples
from docdex.gallery import SqliteGallery
from docdex.images import read_pages
from docdex.labels import is_within
from docdex.recognizer import Recognizer
from docdex.thumbnails import read_thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Judged:
    """An example with its answer. right: the label or one above it for a probe, `unknown` for a stranger."""

    example: Example
    match: Match
    right: bool


@click.command(cls=Command)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@model_option
def demo(folder: Path, model: str) -> None:
    """Try docdex on documents that come with it.

    Registers one page of each type, recognises photos of other pages and of strangers, and prints the
    answers. Makes FOLDER with docdex.db, the gallery, and contact-sheet.jpg, a picture of every probe beside
    the sample that came nearest to it. An answer is right if it is the probe's label or one above it, and
    unknown for a stranger. Exit code 1 when one is wrong.

    \b
    Example:
      docdex demo demo
    """
    examples = load_examples()
    asked = [example for example in examples if example.kind != "registered"]
    gallery = folder / "docdex.db"
    _make_room(gallery)
    with Recognizer.open(gallery, model=model) as dex:
        registered = dex.register_many(
            (example.label or "", example.path) for example in examples if example.kind == "registered"
        )
        with track(asked, "Recognising") as tracked:
            judged = [_judge(dex, example) for example in tracked]
        sheet = folder / "contact-sheet.jpg"
        _write_sheet(dex, judged, sheet)
    print_table(
        ["page", "is", "answer", "similarity", "nearest", "verdict"],
        [_cells(one) for one in judged],
    )
    labels = {entry.label for entry in registered.added}
    print_line(f"{counted(registered.added, 'sample')} of {counted(labels, 'label')} registered in {gallery}")
    for line in _summary(judged):
        print_line(line)
    print_line(f"to look at: {sheet}")
    print_line(f"to go on: docdex recognize --gallery {gallery} PHOTO")
    if not all(one.right for one in judged):
        raise click.exceptions.Exit(1)


def is_right(example: Example, match: Match) -> bool:
    """Whether an answer is true: the label or a true ancestor, and `unknown` for a stranger."""
    if example.label is None:
        return match.decision == "unknown"
    return match.label is not None and is_within(example.label, match.label)


def _judge(dex: Recognizer, example: Example) -> Judged:
    match = dex.recognize(example.path)
    return Judged(example, match, is_right(example, match))


def _make_room(gallery: Path) -> None:
    """Make the folder, and take away the gallery of an earlier demo, which another model may have made.

    Raises InvalidSetting for a gallery with anything else in it: it is somebody's own.
    """
    try:
        gallery.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.FileError(str(gallery.parent), error.strerror) from error
    if not gallery.exists():
        return
    ours = {_digest(example.path) for example in load_examples() if example.kind == "registered"}
    with SqliteGallery.open(gallery, create=False) as earlier:
        if not {entry.digest for entry in earlier.entries()} <= ours:
            raise InvalidSetting(
                f"{gallery} holds other samples than the examples: give the demo a folder of its own."
            )
    for suffix in ("", "-wal", "-shm"):
        gallery.with_name(gallery.name + suffix).unlink(missing_ok=True)


def _digest(path: Path) -> str:
    (page,) = read_pages(path)
    return page.digest


def _cells(one: Judged) -> list[str]:
    match = one.match
    return [
        one.example.path.relative_to(PAGES).as_posix(),
        one.example.label or "stranger",
        in_a_word(match),
        number(match.similarity),
        match.candidates[0].label if match.candidates else "",
        "right" if one.right else "wrong",
    ]


def _summary(judged: Sequence[Judged]) -> list[str]:
    asked = Counter(one.example.kind for one in judged)
    right = Counter(one.example.kind for one in judged if one.right)
    return [
        f"{right['probe']} of {counted(asked['probe'], 'probe')} got their label or one above it",
        f"{right['stranger']} of {counted(asked['stranger'], 'stranger')} are unknown",
    ]


def _write_sheet(dex: Recognizer, judged: Sequence[Judged], path: Path) -> None:
    sheet = contact_sheet([_row(dex, one) for one in judged])
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    path.write_bytes(np.asarray(encoded).tobytes())


def _row(dex: Recognizer, one: Judged) -> Row:
    match = one.match
    (page,) = read_pages(one.example.path)
    nearest = match.candidates[:1]
    samples = dex.gallery.get([candidate.sample for candidate in nearest])
    return Row(
        probe=page.pixels,
        decision=match.decision,
        label=match.label,
        similarity=match.similarity,
        nearest=nearest[0].label if nearest else None,
        sample=read_thumbnail(samples[0].thumbnail) if samples else None,
        right=one.right,
    )
