"""Gathers the text of a page while it is read, so that one that is too long is refused before it is whole."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docdex.images import Limits

_WORD_BROKEN_AT_LINE_END = re.compile("[\x02\ufffe\u00ad]\\s*\n\\s*")
"""PDFium writes U+0002 or U+FFFE for a hyphen that only a line's end has made; U+00AD is the written one."""
_LINE_ENDS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_UNSEEN = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\ufffe]")
_BLANKS = re.compile("[^\\S\n]+")
_BLANK_LINES = re.compile("\n{3,}")


class Collector:
    """Text piece by piece. name: what messages call the page."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        self._pieces: list[str] = []
        self._characters = 0

    def add(self, piece: str) -> None:
        """Put a piece behind what there is. Raises PageTooLarge for more characters than the limit."""
        self._characters += len(piece)
        self._limits.check_characters(self._name, self._characters)
        self._pieces.append(piece)

    def text(self) -> str:
        """All pieces, tidied."""
        return tidy("".join(self._pieces))


def tidy(text: str) -> str:
    """The same words in NFC, with plain line ends and single blanks, without characters nobody sees."""
    text = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text))
    text = _UNSEEN.sub("", _WORD_BROKEN_AT_LINE_END.sub("", text))
    lines = (line.strip() for line in _BLANKS.sub(" ", text).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
