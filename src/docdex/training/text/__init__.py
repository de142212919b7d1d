"""The room that trains the small model of texts: what it reads, how it learns, and how it becomes a file."""

from docdex.training.text.config import is_text_config, read_text_config
from docdex.training.text.loop import TextTrainer
from docdex.training.text.release import release_text

__all__ = ["TextTrainer", "is_text_config", "read_text_config", "release_text"]
