"""What the command says on stderr, and how text that comes from outside is made safe to show."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docdex.errors import DocdexError
    from docdex.images import Refusal


def note(text: str) -> None:
    """Say a line on stderr, where it disturbs neither a pipe nor a progress bar."""
    # Not click.echo: while a progress bar is drawn, rich stands in for sys.stderr.
    print(shown(text), file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Say that something was done but deserves a look."""
    note(f"Warning: {text}")


def complain(error: DocdexError) -> None:
    """Say why the command stops."""
    note(f"Error: {error.message} ({error.code})")


def refuse(refusal: Refusal) -> None:
    """Say that an input, or a page of it, was refused."""
    page = "" if refusal.page is None else f" page {refusal.page}"
    note(f"Refused: {refusal.source}{page}: {refusal.error.message} ({refusal.error.code})")


def shown(text: str) -> str:
    """Text for a terminal or a column: control characters and lone surrogates are escaped.

    A file's name may hold line ends, tabs and escape sequences; none of them may act.
    """
    return "".join(_escape(c) if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def readable(text: str) -> str:
    """Text that UTF-8 can hold: the bytes of a file's name that are no text are written `\\udcXX`."""
    return text.encode("utf-8", "backslashreplace").decode()


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
