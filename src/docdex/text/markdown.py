"""Takes the marks out of Markdown, so that a page says the same with and without them.

No content tells Markdown from plain text, and a file's name is not asked. So only what hardly occurs in plain
text but as a mark is taken out, of every plain text; words, numbers of lists and line ends all stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_FENCE = re.compile(r"^ {0,3}(?:```|~~~)[\w+-]*\s*$", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*)$", re.MULTILINE)
_RULE = re.compile(r"^ {0,3}(?:[-*_=][ \t]*){3,}$", re.MULTILINE)
_TABLE_RULE = re.compile(r"^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*(?::?-+:?)?[ \t]*$", re.MULTILINE)
_TABLE_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_QUOTE = re.compile(r"^ {0,3}>[ \t]?", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]{0,400})\]\([^()\s]{1,2000}(?:[ \t]+\"[^\"\n]{0,400}\")?\)")
_STRONG = re.compile(r"(?<![\w*])(\*\*|__)(?=\S)([^\n]{1,400}?)(?<=\S)\1(?![\w*])")
_CODE = re.compile(r"(?<!`)`([^`\n]{1,400})`(?!`)")


def strip_marks(text: str) -> str:
    """The words of a Markdown or plain text."""
    marks: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
        (_FENCE, ""),
        (_TABLE_RULE, ""),
        (_RULE, ""),
        (_HEADING, _read_heading),
        (_QUOTE, ""),
        (_LINK, r"\1"),
        (_STRONG, r"\2"),
        (_CODE, r"\1"),
    )
    for mark, words in marks:
        text = mark.sub(words, text)
    return _TABLE_ROW.sub(lambda row: row[0].replace("|", "\t"), text)


def _read_heading(heading: re.Match[str]) -> str:
    # Not by the pattern: it would look for the closing signs from each sign of a heading anew.
    return heading[1].rstrip(" \t").rstrip("#").rstrip(" \t")
