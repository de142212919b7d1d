"""Compute a text's vector from its features in numpy, so that recognising by words needs no torch.

Each feature has a weight, by one part of its hash, and is the sum of two rows of a table, by two other parts:
two features share both rows by chance only once in a hundred million, though the table has a few thousand
(hash embeddings, arXiv 1709.03933). A text is the weighted sum of its features, then LayerNorm, and a scale
and shift into which the training's norms are folded.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from docdex.text.features import Features

MOST_ROWS = 1 << 20
"""Rows that 20 bits of a hash can name; two rows take 40 of its bits, the weight the other 24."""

_FEATURES_AT_ONCE = 8192
"""Bounds memory for the longest text: rows of so many features take 8 MB."""


@dataclass(frozen=True, eq=False)
class TextNetwork:
    """The arrays of a model of texts, as its file has them.

    table: (R, D) int8; scales: (R,) float32, what a step of each row is worth. weights: (S,) uint8, of
    features; in which unit does not matter. gain, shift: (D,) float32.
    """

    table: NDArray[np.int8]
    scales: NDArray[np.float32]
    weights: NDArray[np.uint8]
    gain: NDArray[np.float32]
    shift: NDArray[np.float32]

    @classmethod
    def decode(cls, content: bytes, source: str) -> TextNetwork:
        """From a file's bytes. Raises `ModelError` for an archive of anything else; source: named in it."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                network = cls(**{name: arrays[name] for name in arrays.files})
            network._check()
        except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"{source} is no model of texts: {error}.") from error
        return network

    def _check(self) -> None:
        rows, dimension = self.table.shape
        promised = {
            "table": ("int8", (min(rows, MOST_ROWS), dimension)),
            "scales": ("float32", (rows,)),
            "weights": ("uint8", (len(self.weights),)),
            "gain": ("float32", (dimension,)),
            "shift": ("float32", (dimension,)),
        }
        for name, (kind, shape) in promised.items():
            array = getattr(self, name)
            if array.dtype != kind or array.shape != shape or not array.size:
                raise ValueError(f"{name} is {array.dtype} {array.shape}, not {kind} {shape}")

    def encode(self) -> bytes:
        """The bytes of its file; the same arrays give the same bytes."""
        file = io.BytesIO()
        # Not compressed: bytes that look random hardly shrink, and a wheel tries it anyway.
        np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})
        return file.getvalue()

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return len(self.gain)

    def embed(self, found: Features) -> NDArray[np.float32]:
        """Vector (D,) of unit length of at least one feature.

        Raises `ModelError` when it comes out zero or not finite.
        """
        bag = np.zeros(self.dimension, dtype=np.float32)
        for start in range(0, len(found.hashes), _FEATURES_AT_ONCE):
            part = slice(start, start + _FEATURES_AT_ONCE)
            rows, slots = places(found.hashes[part], len(self.table), len(self.weights))
            amounts = self.weights[slots] * tempered(found.counts[part])
            for one in rows:
                bag += (amounts * self.scales[one]) @ self.table.take(one, axis=0).astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            centred = bag - bag.mean()
            # How long a text is must not matter, so there is no epsilon here.
            normal = centred / np.sqrt(np.square(centred).mean())
            vector = normal * self.gain + self.shift
            vector /= np.linalg.norm(vector)
        if not np.isfinite(vector).all():
            raise ModelError("The model of texts gave a vector that is zero or not finite.")
        return np.asarray(vector, dtype=np.float32)


def places(hashes: NDArray[np.uint64], rows: int, slots: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which rows (2, F) of a table and which weight (F,) belong to features (F,).

    rows: at most `MOST_ROWS`.
    """
    bits = np.uint64(20)
    mask = np.uint64(MOST_ROWS - 1)
    parts = np.stack([hashes & mask, (hashes >> bits) & mask]) % np.uint64(rows)
    slot = (hashes >> (bits + bits)) % np.uint64(slots)
    return parts.astype(np.int64), slot.astype(np.int64)


def tempered(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """How much a feature counts that occurs so often: a word said ten times says little more than once."""
    return np.asarray(1 + np.log(counts), dtype=np.float32)
