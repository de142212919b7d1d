"""Reads what a browser would show of HTML, as plain text.

Not by the parser of Python's library: that one reads odd pages in another way from release to release, which
would change vectors, and takes time with the square of a page of broken tags. What is open here at the end of
a page (a comment, a tag, a script) hides the rest, as in a browser, so each character is looked at once.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from docdex.text.collector import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docdex.images import Limits

_STARTS = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*"
    r"<(?:!doctype\s+html|html|head|body|title|meta|style|script|table|div|p|h1|font|br|b|a)(?=[\s>/])",
    re.IGNORECASE | re.DOTALL,
)
"""How HTML begins: what the standard of telling types by content takes for it, and `meta`.

A comment ends with the first `-->`: one that might end with a later one too is tried in as many ways as there
are choices, which double with each comment.
"""
_LOOKED_AT = 2048

_UNSHOWN = {"script", "style", "template"}
_LINES = {
    "address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li",
    "main", "nav", "ol", "option", "p", "pre", "section", "table", "title", "tr", "ul",
}  # fmt: skip
_CELLS = {"td", "th"}
_WHITE = re.compile(r"\s+")

_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,40})")
_VALUE_OR_END = re.compile(r"=\s{0,20}([\"'])|>")
_ALT = re.compile(r"\salt\s{0,20}=\s{0,20}(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))", re.IGNORECASE)


def is_html(text: str) -> bool:
    """Whether a text begins like HTML."""
    return _STARTS.match(text[:_LOOKED_AT]) is not None


def read_html(page: str, name: str, limits: Limits) -> str:
    """The words of a page of HTML, a line for each block. Raises PageTooLarge."""
    collector = Collector(name, limits)
    for piece in _pieces(page):
        collector.add(piece)
    return collector.text()


def _pieces(page: str) -> Iterator[str]:
    """What is shown, with line ends and tabs where blocks and cells begin and end."""
    at = 0
    while (sign := page.find("<", at)) >= 0:
        yield _shown(page[at:sign])
        tag = _TAG.match(page, sign)
        if tag is None:
            at = _skip_mark(page, sign)
            if at == sign + 1:
                yield "<"
            continue
        end, name = _find_end(page, tag.end()), tag[2].lower()
        at = end + 1
        if name in _LINES:
            yield "\n"
        elif name in _CELLS:
            yield "\t"
        elif name == "img" and (alternative := _ALT.search(page, tag.end(), end)):
            yield f" {_shown(alternative[1] or alternative[2] or alternative[3] or '')} "
        elif name in _UNSHOWN and not tag[1] and page[end - 1] != "/":
            closing = re.compile(f"</{name}", re.IGNORECASE).search(page, at)
            at = len(page) if closing is None else closing.start()
    yield _shown(page[at:])


def _shown(text: str) -> str:
    return _WHITE.sub(" ", html.unescape(text))


def _skip_mark(page: str, sign: int) -> int:
    """Where a comment or declaration that begins at `sign` ends; just after the sign if it is neither."""
    if page.startswith("<!--", sign):
        return _after(page, "-->", sign + 4)
    if page.startswith(("<!", "<?", "</"), sign):
        return _after(page, ">", sign + 2)
    return sign + 1


def _after(page: str, ending: str, start: int) -> int:
    found = page.find(ending, start)
    return len(page) if found < 0 else found + len(ending)


def _find_end(page: str, start: int) -> int:
    """Where a tag ends whose name ends at `start`: at the first `>` outside of quoted values."""
    while found := _VALUE_OR_END.search(page, start):
        if found[1] is None:
            return found.start()
        closing = page.find(found[1], found.end())
        if closing < 0:
            break
        start = closing + 1
    return len(page)
