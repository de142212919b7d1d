"""`docdex recognize`: the answer to every page given, for a person, a pipe or a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from docdex.cli.answers import by_file, cells, number, page_ranges, record
from docdex.cli.command import Command
from docdex.cli.messages import refuse, warn
from docdex.cli.options import (
    json_option,
    list_files,
    pages_option,
    rotations_option,
    sources_argument,
    with_recognizer,
)
from docdex.cli.terminal import is_terminal, print_json, print_line, print_row, print_table, track
from docdex.images import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from docdex.cli.answers import Answer
    from docdex.recognizer import Recognizer

_HEADINGS = ("source", "page", "decision", "label", "similarity", "rotation", "candidates")


@click.command(cls=Command)
@sources_argument
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How many candidates to give, whatever the decision.",
)
@json_option
@rotations_option
@click.option("--threshold", metavar="X", type=float, help="Instead of the calibrated one or the model's.")
@click.option("--margin", metavar="X", type=float, help="Instead of the model's.")
@pages_option
@with_recognizer
def recognize(
    dex: Recognizer,
    *,
    sources: tuple[str, ...],
    top: int,
    as_json: bool,
    rotations: bool,
    threshold: float | None,
    margin: float | None,
    pages: str | None,
) -> None:
    """Say which registered label each page has, if any.

    SOURCES are what register takes, folders included; a gallery registered by text is asked by text. An
    answer is a match with its label, ambiguous, or unknown, always with the labels that came nearest and
    their similarity (cosine, -1 to 1). A file of several pages ends with the page ranges of each answer.

    A pipe gets tab-separated lines: source, page, decision, label, similarity, rotation, then label and
    similarity of each candidate; - is nothing. Rotation: degrees counter-clockwise to turn the page by.

    \b
    Example:
      docdex recognize inbox/*.jpg scan.pdf --top 3
      docdex recognize scan.pdf --json
    """
    with track(list_files(sources), "Recognising", hidden=as_json and is_terminal()) as files:
        answers = dex.recognize_many(
            files, pages=pages, top=top, rotations=rotations, threshold=threshold, margin=margin
        )
        if threshold is None:
            for doubt in dex.calibration_doubts(rotations=rotations):
                warn(doubt)
        if as_json:
            refused = _print_objects(answers)
        elif is_terminal():
            refused = _print_answers(list(answers))
        else:
            refused = _print_rows(answers)
    if refused:
        raise click.exceptions.Exit(1)


def _print_objects(answers: Iterable[Answer]) -> bool:
    """Print JSON as answers come; whether any input was refused."""
    refused = False
    for answer in answers:
        print_json(record(answer))
        refused |= isinstance(answer, Refusal)
    return refused


def _print_rows(answers: Iterable[Answer]) -> bool:
    """Print lines as answers come, and page ranges; whether any input was refused."""
    refused = False
    for answer, file in by_file(answers):
        row = cells(answer)
        if isinstance(answer, Refusal):
            refused = True
            refuse(answer)
        else:
            for candidate in answer.candidates:
                row += [candidate.label, number(candidate.similarity)]
        print_row(row)
        _print_ranges(file)
    return refused


def _print_answers(answers: list[Answer]) -> bool:
    """Print a table of all answers, then page ranges; whether any input was refused."""
    rows = []
    for answer in answers:
        near = () if isinstance(answer, Refusal) else answer.candidates
        rows.append(
            [*cells(answer), "\n".join(f"{number(found.similarity)} {found.label}" for found in near)]
        )
    print_table(_HEADINGS, rows)
    for _, file in by_file(answers):
        _print_ranges(file)
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    for refusal in refusals:
        refuse(refusal)
    return bool(refusals)


def _print_ranges(file: list[Answer]) -> None:
    if len(file) > 1:
        print_line(f"{file[0].source}: {page_ranges(file)}")
