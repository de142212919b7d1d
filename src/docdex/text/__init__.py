"""The door of the room that recognises documents by their words."""

from docdex.text.embedder import TextEmbedder, has_words

__all__ = ["TextEmbedder", "has_words"]
