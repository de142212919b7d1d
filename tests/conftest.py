"""What many tests need: a real but tiny model, and an embedder whose similarities are known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.contract import Contract
from docdex.gallery import SqliteGallery
from docdex.recognizer import Recognizer

TINY = Path(__file__).parent / "data" / "tiny.onnx"

Pixels = NDArray[np.uint8]
PageOf = Callable[..., Pixels]


class FakeEmbedder:
    """A page of 2 by 2 pixels is its own vector: twelve numbers, 128 taken for zero, made unit length."""

    short_side = 2
    threshold = 0.8
    margin = 0.02

    def __init__(self, model: str = "f") -> None:
        self.contract = Contract(model=model * 64, preprocess=1, dimension=12)

    def embed(self, pages: Sequence[Pixels], *, rotations: tuple[int, ...] = (0,)) -> NDArray[np.float32]:
        turned = [[np.rot90(page, degrees // 90) for degrees in rotations] for page in pages]
        numbers = np.asarray(turned, np.float32).reshape(len(pages), len(rotations), 12) - 128
        return numbers / np.linalg.norm(numbers, axis=2, keepdims=True)


@pytest.fixture
def page_of() -> PageOf:
    """The page whose vector under `FakeEmbedder` has the direction of these numbers, -1 to 1, then zeros."""

    def make(*numbers: float) -> Pixels:
        vector = np.zeros(12)
        vector[: len(numbers)] = numbers
        return np.round(128 + 127 * vector).astype(np.uint8).reshape(2, 2, 3)

    return make


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Recognizer]:
    """A recogniser on a gallery not yet made, with `FakeEmbedder`."""
    with open_fake(tmp_path / "fake.db") as recognizer:
        yield recognizer


def open_fake(path: Path, model: str = "f") -> Recognizer:
    embedder = FakeEmbedder(model)

    def open_gallery(create: bool) -> SqliteGallery:
        return SqliteGallery.open(path, embedder.contract if create else None, create=create)

    return Recognizer(open_gallery, lambda: embedder)


@pytest.fixture
def tiny() -> Path:
    """A real ONNX model with its passport: 64 px, 32 dimensions, tells pages apart by coarse layout."""
    return TINY


@pytest.fixture
def blocks() -> Callable[[int], Pixels]:
    """A page of coloured blocks, (256, 192, 3), another one for each seed; `tiny` tells all of them apart."""

    def make(seed: int) -> Pixels:
        cells = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return np.repeat(np.repeat(cells, 32, axis=0), 24, axis=1)

    return make
