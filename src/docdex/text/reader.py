"""Brings pages of text, and models of text, through the same door as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docdex.embedder import UPRIGHT
from docdex.errors import InvalidSetting, NotAGallery
from docdex.text.features import LONGEST
from docdex.text.ocr import Ocr, read_words
from docdex.text.sources import iter_text_pages, read_text_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from docdex.contract import Contract
    from docdex.images import Limits, Refusal
    from docdex.text.embedder import TextEmbedder
    from docdex.text.page import TextPage

KEPT = LONGEST
"""Characters of a page that a gallery keeps, 80 KB at most: all that a model looks at."""


@dataclass(frozen=True, slots=True)
class TextReader:
    """Reads pages as text, and keeps the beginning of it. ocr: reads pictures, and scanned pages of PDFs."""

    ocr: Ocr = read_words

    def read_pages(self, source: Any, *, limits: Limits, pages: str | None) -> Iterator[TextPage]:
        """As `read_text_pages`."""
        return read_text_pages(source, limits=limits, pages=pages, ocr=self.ocr)

    def iter_pages(self, sources: Any, *, limits: Limits, pages: str | None) -> Iterator[TextPage | Refusal]:
        """As `iter_text_pages`."""
        return iter_text_pages(sources, limits=limits, pages=pages, ocr=self.ocr)

    def keep(self, content: str) -> bytes:
        """The first `KEPT` characters, in UTF-8."""
        return content[:KEPT].encode()

    def restore(self, kept: bytes) -> str:
        """The text that was kept. Raises `NotAGallery` when it is damaged."""
        try:
            text = kept.decode()
        except UnicodeDecodeError:
            text = ""
        if not text:
            raise NotAGallery("A text kept in the gallery is damaged: restore the gallery from a copy.")
        return text


class ByText:
    """A model of text as a recogniser uses it: an `Embedder` whose reader reads words."""

    def __init__(self, model: TextEmbedder, reader: TextReader | None = None) -> None:
        """reader: one of your own, for another OCR engine."""
        self.model = model
        self.reader = reader or TextReader()

    @property
    def contract(self) -> Contract:
        """That of the model."""
        return self.model.contract

    @property
    def margin(self) -> float:
        """That of the model."""
        return self.model.margin

    def threshold_for(self, labels: int, rotations: tuple[int, ...]) -> float:
        """That of the model."""
        return self.model.threshold_for(labels, rotations)

    def embed(
        self, contents: Sequence[str], /, *, rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Vectors of unit length: (N, 1, D) for N texts. Raises `InvalidSetting`: no text can be turned."""
        if rotations != UPRIGHT:
            raise InvalidSetting(f"Rotations {rotations} were asked for; a text has none but 0.")
        return self.model.embed(contents)[:, None, :]
