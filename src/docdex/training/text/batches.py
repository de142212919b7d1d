"""Make the batches of a run: labelled texts, made-up documents and the teacher's words, each written anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from docdex.text.features import features
from docdex.training.text.corpus import Corpus
from docdex.training.text.documents import DocumentWriter
from docdex.training.text.network import Bags
from docdex.training.text.teacher import Teacher, ask
from docdex.training.text.views import write_differently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docdex.text.features import Features
    from docdex.training.text.config import TextConfig

_WEIGHED = 4000
"""Made-up documents by which features are weighed at the start, beside all texts."""


@dataclass(frozen=True)
class TextBatch:
    """labels: (C,) int64 of the first C texts; the others are the teacher's words. taught: (T,) int64, which
    of all texts the teacher knows; said: (T, D) float32, where it puts them.
    """

    bags: Bags
    labels: Tensor
    taught: Tensor
    said: Tensor


class TextBatches:
    """What a run learns from. say: is told what happens.

    Raises TrainingError for unusable data and MissingExtra for a teacher that is not installed.
    """

    def __init__(self, config: TextConfig, say: Callable[[str], None]) -> None:
        self._config = config
        self._corpus = Corpus.read(config.sources)
        said = sorted({word for text in self._corpus.texts for word in text.lower().split()})
        self._writer = DocumentWriter([word for word in said if word.isalpha()])
        self._words: list[str] = []
        self._said = np.empty((0, config.model.dimension), dtype=np.float32)
        if config.teacher is not None:
            teacher, vocabulary = Teacher.open()
            self._words = vocabulary[: config.teacher.words]
            asked = self._corpus.texts + self._words
            self._said = ask(teacher, asked, config.model.dimension, config.teacher.cache, say)
        say(
            f"{len(self._corpus.texts)} texts, {config.documents.templates} templates, {self.classes} classes"
        )

    @property
    def classes(self) -> int:
        """Labels, texts that are classes of their own, and templates."""
        return self._corpus.classes + self._config.documents.templates

    def clean(self) -> Iterator[Features]:
        """Features of all texts as they are, and of a document of each of the first templates."""
        yield from map(features, self._corpus.texts)
        rng = np.random.default_rng([self._config.seed, 1])
        for template in range(min(self._config.documents.templates, _WEIGHED)):
            yield features(self._writer.write(template, rng))

    def make(self, rng: np.random.Generator) -> TextBatch:
        """A batch; the same of the same state of the generator."""
        size, teacher = self._config.optim.batch, self._config.teacher
        words = round(size * teacher.word_share) if teacher is not None and self._words else 0
        found, labels = [], []
        asked = np.full(size, -1)
        for place in range(size - words):
            label, number, text = self._draw(rng)
            labels.append(label)
            asked[place] = number
            found.append(features(write_differently(text, rng)))
        for place in range(size - words, size):
            number = int(rng.integers(len(self._words)))
            asked[place] = len(self._corpus.texts) + number
            found.append(features(self._words[number]))
        taught = np.flatnonzero(asked >= 0) if len(self._said) else np.empty(0, dtype=np.int64)
        return TextBatch(
            Bags.gather(found, self._config.model),
            torch.tensor(labels),
            torch.from_numpy(taught),
            torch.from_numpy(self._said[asked[taught]]),
        )

    def _draw(self, rng: np.random.Generator) -> tuple[int, int, str]:
        """Class, position in the corpus (-1: a document), and the text itself."""
        documents = self._config.documents
        texts = sum(source.weight for source in self._config.sources)
        written = documents.weight if documents.templates else 0.0
        if rng.random() * (texts + written) < texts:
            label, number = self._corpus.draw(rng)
            return label, number, self._corpus.texts[number]
        template = int(rng.integers(documents.templates))
        return self._corpus.classes + template, -1, self._writer.write(template, rng)
