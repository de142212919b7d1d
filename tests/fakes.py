"""Stand-ins for models and pages: a real but tiny one, and an embedder whose similarities are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docdex.contract import Contract
from docdex.gallery import SqliteGallery
from docdex.reading import PictureReader
from docdex.recognizer import Recognizer
from docdex.text import ByText, TextReader

TINY = Path(__file__).parent / "data" / "tiny.onnx"

Pixels = NDArray[np.uint8]
PageOf = Callable[..., Pixels]


def draw_blocks(*seed: int) -> Pixels:
    """A page of coloured blocks, (256, 192, 3), another one for each seed; `TINY` tells all of them apart."""
    # With their number: to NumPy the seeds 1 and 1, 0 are the same.
    cells = np.random.default_rng((len(seed), *seed)).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(cells, 32, axis=0), 24, axis=1)


def noisy(pixels: Pixels, seed: int) -> Pixels:
    """Another picture of the same page."""
    noise = np.random.default_rng(seed).normal(0, 25, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


class FakeEmbedder:
    """A page of 2 by 2 pixels is its own vector: twelve numbers, 128 taken for zero, made unit length."""

    reader = PictureReader(short_side=2)
    margin = 0.02

    def __init__(self, model: str = "f") -> None:
        self.contract = Contract(model=model * 64, preprocess=1, dimension=12)

    def threshold_for(self, labels: int, rotations: tuple[int, ...]) -> float:
        return 0.8

    def embed(self, pages: Sequence[Pixels], *, rotations: tuple[int, ...] = (0,)) -> NDArray[np.float32]:
        turned = [[np.rot90(page, degrees // 90) for degrees in rotations] for page in pages]
        numbers = np.asarray(turned, np.float32).reshape(len(pages), len(rotations), 12) - 128
        return numbers / np.linalg.norm(numbers, axis=2, keepdims=True)


class FakeTextModel:
    """A text's vector counts its words by the sum of their code points, in as many numbers as it is given."""

    margin = 0.02

    def __init__(self, dimension: int = 64) -> None:
        self.contract = Contract(model=f"{dimension:064d}", preprocess=1, dimension=dimension, by="text")

    def threshold_for(self, labels: int, rotations: tuple[int, ...]) -> float:
        return 0.5

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        counts = np.zeros((len(texts), self.contract.dimension), np.float32)
        for row, text in zip(counts, texts, strict=True):
            for word in text.lower().split():
                row[sum(map(ord, word)) % len(row)] += 1
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def open_fake_by_text(path: Path, dimension: int = 64) -> Recognizer:
    """A recogniser with `FakeTextModel` on the gallery at `path`; another `dimension` is another contract."""
    embedder = ByText(FakeTextModel(dimension), TextReader(ocr=lambda page: "words read in a picture"))

    def open_gallery(create: bool) -> SqliteGallery:
        return SqliteGallery.open(path, embedder.contract if create else None, create=create)

    return Recognizer(open_gallery, lambda: embedder)


def open_fake(path: Path, model: str = "f") -> Recognizer:
    """A recogniser with `FakeEmbedder` on the gallery at `path`; another `model` is another contract."""
    embedder = FakeEmbedder(model)

    def open_gallery(create: bool) -> SqliteGallery:
        return SqliteGallery.open(path, embedder.contract if create else None, create=create)

    return Recognizer(open_gallery, lambda: embedder)
