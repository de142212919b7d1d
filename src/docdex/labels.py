"""The grammar and the tree of labels, so that every room means the same by a label and by "within".

A label is a path such as `claim/acme/second-generation`, and every prefix of it is a label too. The rules:
1 to 8 segments joined by `/`, each of 1 to 64 characters, 255 in all; no control characters, no segment that
begins or ends with white space or is nothing but dots; Unicode in NFC, so that one spelling is one label; and
nothing at or below `unknown`, the answer for a stranger.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from docdex.errors import InvalidLabel

SEPARATOR = "/"
RESERVED = "unknown"
MAX_SEGMENTS = 8
MAX_SEGMENT_CHARACTERS = 64
MAX_CHARACTERS = 255

# Control characters, lone surrogates (they cannot be stored as UTF-8), line and paragraph separators.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Marks that turn the direction of writing (Unicode's Bidi_Control): they let two labels look the same.
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def parse(text: str) -> str:
    """The label that `text` spells, in NFC; raises InvalidLabel outside the grammar."""
    label = unicodedata.normalize("NFC", text)
    if not label:
        raise InvalidLabel("A label cannot be empty; give a path such as 'claim/acme'.")
    if len(label) > MAX_CHARACTERS:
        raise InvalidLabel(
            f"Label {_shown(label)} has {len(label)} characters; the limit is {MAX_CHARACTERS}: shorten it."
        )
    segments = label.split(SEPARATOR)
    if len(segments) > MAX_SEGMENTS:
        raise InvalidLabel(
            f"Label {_shown(label)} has {len(segments)} segments; the limit is {MAX_SEGMENTS}: "
            "join or drop some."
        )
    for segment in segments:
        fault = _fault(segment)
        if fault:
            raise InvalidLabel(f"Label {_shown(label)} {fault}.")
    if segments[0].casefold() == RESERVED:
        raise InvalidLabel(
            f"Label {_shown(label)} cannot be used: '{RESERVED}' is the answer for a page of no registered "
            "type; choose another name."
        )
    return label


def ancestors(label: str) -> tuple[str, ...]:
    """The labels above `label`, outermost first, without itself: of a/b/c ("a", "a/b")."""
    segments = label.split(SEPARATOR)
    return tuple(SEPARATOR.join(segments[:depth]) for depth in range(1, len(segments)))


def is_within(label: str, ancestor: str) -> bool:
    """Whether `label` is `ancestor` or stands below it."""
    return label == ancestor or label.startswith(ancestor + SEPARATOR)


def common_ancestor(labels: Iterable[str]) -> str | None:
    """The deepest label that all `labels` are within (one label: itself); None if they share none."""
    paths = [label.split(SEPARATOR) for label in labels]
    if not paths:
        return None
    # All paths agree on a prefix exactly when the two extremes in order do.
    first, last = min(paths), max(paths)
    depth = 0
    while depth < min(len(first), len(last)) and first[depth] == last[depth]:
        depth += 1
    return SEPARATOR.join(first[:depth]) if depth else None


def contradicts(a: str, b: str) -> bool:
    """Whether a page cannot be both: neither label is within the other."""
    return not is_within(a, b) and not is_within(b, a)


def _fault(segment: str) -> str | None:
    """What is wrong with a segment, as the end of a sentence; None if nothing is."""
    if not segment:
        return "has an empty segment: use single slashes, none at either end"
    if len(segment) > MAX_SEGMENT_CHARACTERS:
        return (
            f"has a segment of {len(segment)} characters; the limit is {MAX_SEGMENT_CHARACTERS}: shorten it"
        )
    if any(c in _BIDI_CONTROLS or unicodedata.category(c) in _FORBIDDEN_CATEGORIES for c in segment):
        return "holds a control character: leave it out"
    if segment != segment.strip():
        return "has white space at the begin or end of a segment: leave it out"
    if not segment.strip("."):
        return "has a segment of nothing but dots: name it"
    return None


def _shown(label: str) -> str:
    """The label as a message shows it: escaped, and cut where it is endless."""
    shown = ascii(label) if any(unicodedata.category(c) == "Cs" for c in label) else repr(label)
    return shown if len(shown) <= 80 else f"{shown[:76]}…'"
