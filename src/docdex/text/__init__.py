"""The door of the room that recognises documents by their words."""

from docdex.text.embedder import TextEmbedder
from docdex.text.features import has_words

__all__ = ["TextEmbedder", "has_words"]
