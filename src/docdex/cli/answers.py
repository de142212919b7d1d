"""What answers look like in words and in JSON, apart from where they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from docdex.cli.messages import readable
from docdex.images import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from docdex.decision import Match

Answer: TypeAlias = "Match | Refusal"
"""What comes of a page, in its place."""


class CandidateRecord(msgspec.Struct, frozen=True):
    """A label that came near, and the id of its nearest sample."""

    label: str
    similarity: float
    sample: str


class ErrorRecord(msgspec.Struct, frozen=True):
    """Why an input was refused."""

    code: str
    message: str


class AnswerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `docdex recognize --json`: these keys, in this order, always.

    page: from 1; null for a file refused as a whole. A refused input has `error` and null after `page`.
    """

    source: str
    page: int | None
    decision: str | None = None
    label: str | None = None
    similarity: float | None = None
    rotation: int | None = None
    candidates: tuple[CandidateRecord, ...] | None = None
    error: ErrorRecord | None = None


def record(answer: Answer) -> AnswerRecord:
    """An answer as its line of JSON."""
    source = readable(answer.source)
    if isinstance(answer, Refusal):
        error = ErrorRecord(answer.error.code, readable(answer.error.message))
        return AnswerRecord(source=source, page=answer.page, error=error)
    return AnswerRecord(
        source=source,
        page=answer.page,
        decision=answer.decision,
        label=answer.label,
        similarity=answer.similarity,
        rotation=answer.rotation,
        candidates=tuple(
            CandidateRecord(found.label, found.similarity, found.sample) for found in answer.candidates
        ),
    )


def in_a_word(answer: Answer) -> str:
    """The label of a match; otherwise `ambiguous`, `unknown` or `refused`."""
    if isinstance(answer, Refusal):
        return "refused"
    return answer.label or answer.decision


def number(value: float | None) -> str:
    """A similarity with four digits, or nothing."""
    return "" if value is None else f"{value:.4f}"


def cells(answer: Answer) -> list[str]:
    """Source, page, decision, label, similarity, rotation, without the candidates."""
    page = "" if answer.page is None else str(answer.page)
    if isinstance(answer, Refusal):
        return [answer.source, page, "refused", "", "", ""]
    rotation = "" if answer.rotation is None else str(answer.rotation)
    return [
        answer.source,
        page,
        answer.decision,
        answer.label or "",
        number(answer.similarity),
        rotation,
    ]


def by_file(answers: Iterable[Answer]) -> Iterator[tuple[Answer, list[Answer]]]:
    """Each answer, in order, with those of its file: all of them after its last page, none before."""
    file: list[Answer] = []
    for answer in answers:
        if file:
            if _is_next_page(file[-1], answer):
                yield file[-1], []
            else:
                yield file[-1], file
                file = []
        file.append(answer)
    if file:
        yield file[-1], file


def page_ranges(file: Sequence[Answer]) -> str:
    """What the pages of one file are, in order: `1-3 claim/acme, 4 unknown`."""
    runs: list[tuple[int, int, str]] = []
    for answer in file:
        page, word = answer.page or 1, in_a_word(answer)
        if runs and runs[-1][2] == word and runs[-1][1] == page - 1:
            runs[-1] = (runs[-1][0], page, word)
        else:
            runs.append((page, page, word))
    return ", ".join(
        f"{first} {word}" if first == last else f"{first}-{last} {word}" for first, last, word in runs
    )


def _is_next_page(before: Answer, answer: Answer) -> bool:
    """Whether an answer is about a later page of the same file; a file given twice begins anew."""
    if before.source != answer.source or before.page is None or answer.page is None:
        return False
    return answer.page > before.page
