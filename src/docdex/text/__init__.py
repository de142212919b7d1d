"""The door of the room that reads documents as text and recognises them by their words.

As in `docdex.images`, everything is decided by content, never by a file's name, and every refusal is an error
of `docdex.errors`.
"""

from docdex.text.embedder import TextEmbedder
from docdex.text.features import has_words
from docdex.text.ocr import Ocr, open_ocr, read_words
from docdex.text.page import TextPage
from docdex.text.reader import ByText, TextReader
from docdex.text.sources import TextSource, iter_text_pages, read_text_pages

__all__ = [
    "ByText",
    "Ocr",
    "TextEmbedder",
    "TextPage",
    "TextReader",
    "TextSource",
    "has_words",
    "iter_text_pages",
    "open_ocr",
    "read_text_pages",
    "read_words",
]
