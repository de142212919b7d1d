"""What travels out of this room: a page as its text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docdex.errors import InvalidSetting, NoText
from docdex.images import page_number
from docdex.text.features import has_words

if TYPE_CHECKING:
    from docdex.images import Encoded


@dataclass(frozen=True, slots=True, eq=False)
class TextPage:
    """One side of one document, as what it says.

    text: with at least one letter or digit, of any script, among what a model looks at (`features.LONGEST`).
    source: the path as given, or "<bytes>", "<text>". number: the page within its source, from 1.

    Raises NoText for a text without a word, InvalidSetting for one that is not valid Unicode, and as
    `docdex.images.page_number`.
    """

    text: str
    source: str = "<text>"
    number: int = 1
    encoded: Encoded | None = field(default=None, repr=False)
    _digest: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", page_number(self.source, self.number))
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise InvalidSetting(f"The text of {self.source} is not valid Unicode: {error}.") from error
        if not has_words(self.text):
            raise NoText(f"{self.source} page {self.number} has no words: there is nothing to compare it by.")

    @property
    def content(self) -> str:
        """Its text: what an embedder is given of it."""
        return self.text

    @property
    def size(self) -> int:
        """Number of characters."""
        return len(self.text)

    @property
    def digest(self) -> str:
        """Hex SHA-256 that is equal for the same page of the same file, as `docdex.images.Page.digest`.

        It covers the file's bytes and the page number; for a text that came from no file, the text.
        """
        if not self._digest:
            if self.encoded is not None:
                identity = self.encoded.sha256() + b" page %d" % self.number
            else:
                identity = self.text.encode() + b" text"
            object.__setattr__(self, "_digest", hashlib.sha256(identity).hexdigest())
        return self._digest
