"""Reads what a browser would show of HTML, as plain text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from docdex.errors import DamagedSource
from docdex.images import Limits
from docdex.text.collector import Collector

_STARTS = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    r"<(?:!doctype\s+html|html|head|body|title|meta|style|script|table|div|p|h1|font|br|b|a)(?=[\s>/])",
    re.IGNORECASE | re.DOTALL,
)
"""How HTML begins: what the standard of telling types by content takes for it, and `meta`."""
_LOOKED_AT = 2048

_UNSHOWN = {"script", "style", "template"}
_LINES = {
    "address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li",
    "main", "nav", "ol", "option", "p", "pre", "section", "table", "title", "tr", "ul",
}  # fmt: skip
_CELLS = {"td", "th"}
_WHITE = re.compile(r"\s+")


def is_html(text: str) -> bool:
    """Whether a text begins like HTML."""
    return _STARTS.match(text[:_LOOKED_AT]) is not None


def read_html(html: str, name: str, limits: Limits) -> str:
    """The words of a page of HTML, a line for each block. Raises PageTooLarge, DamagedSource."""
    parser = _Parser(Collector(name, limits))
    try:
        parser.feed(html)
        parser.close()
    except AssertionError as error:  # how Python's parser gives up on a declaration it does not know
        raise DamagedSource(f"{name} is damaged HTML: {error}.") from error
    return parser.collector.text()


class _Parser(HTMLParser):
    def __init__(self, collector: Collector) -> None:
        super().__init__(convert_charrefs=True)
        self.collector = collector
        self._unshown: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unshown is None and tag in _UNSHOWN:
            self._unshown = tag
        self._separate(tag)
        if tag == "img":
            self.handle_data(f" {dict(attrs).get('alt') or ''} ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Only in XHTML does the slash end anything, and there it ends all that these could hide.
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unshown:
            self._unshown = None
        self._separate(tag)

    def handle_data(self, data: str) -> None:
        if self._unshown is None:
            self.collector.add(_WHITE.sub(" ", data))

    def _separate(self, tag: str) -> None:
        if tag in _LINES:
            self.collector.add("\n")
        elif tag in _CELLS:
            self.collector.add("\t")
