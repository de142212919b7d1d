"""What travels in and out of a gallery, the same for every engine."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from docdex.errors import ContractMismatch

# How far from 1 the length of a vector may be: far more than float32 rounding leaves.
LENGTH_TOLERANCE = 1e-3


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A sample without its vector and thumbnail: what lists and rules need, a hundredth of the bytes.

    id: unique in the gallery, chosen by whoever registers; digest: hex SHA-256 of the page; source: the name
    the page came from; page: its number within the source, from 1; time: registered at, ISO 8601 in UTC.
    Strings must be valid Unicode (no lone surrogates).
    """

    id: str
    label: str
    digest: str
    source: str
    page: int
    time: str


class Sample(Entry, frozen=True, kw_only=True, eq=False):
    """A page registered under a label. vector: (D,) float32 of unit length.

    thumbnail: what is kept of the page itself: a small JPEG, or the beginning of its text in UTF-8.
    """

    vector: NDArray[np.float32]
    thumbnail: bytes


class Hit(msgspec.Struct, frozen=True):
    """A label's best sample for a probe. similarity: raw cosine, -1 to 1."""

    sample_id: str
    label: str
    similarity: float


class LabelCount(NamedTuple):
    """A label that samples are registered under itself, and how many."""

    label: str
    samples: int


def check_vectors(vectors: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """`vectors` as (N, dimension) float32; ContractMismatch unless they have that shape and unit length."""
    checked = np.ascontiguousarray(vectors, dtype=np.float32)
    if checked.ndim != 2 or checked.shape[1] != dimension:
        raise ContractMismatch(
            f"Vectors of shape {checked.shape} were given; the gallery holds vectors of {dimension} numbers. "
            "Use the model it was made with."
        )
    lengths = np.sqrt(np.einsum("nd,nd->n", checked, checked))
    # Written so that NaN fails too.
    if not (np.abs(lengths - 1) <= LENGTH_TOLERANCE).all():
        raise ContractMismatch(
            f"A vector has length {lengths[np.argmax(np.abs(lengths - 1))]:.4g}; cosine needs unit vectors: "
            "divide each by its length."
        )
    return checked
