"""The contract of vectors, because two may be compared only when everything that made them is the same."""

from __future__ import annotations

import msgspec

from docdex.errors import ContractMismatch


class Contract(msgspec.Struct, frozen=True):
    """What two vectors must have in common to be compared.

    model: hex SHA-256 of the model file; preprocess: version of the page-to-input function
    (`docdex.preprocess.VERSION`); dimension: numbers in a vector.
    """

    model: str
    preprocess: int
    dimension: int

    def __str__(self) -> str:
        return f"model {self.model[:12]}, preprocess {self.preprocess}, {self.dimension} dimensions"


def require_same(found: Contract, wanted: Contract, owner: str) -> None:
    """Raise `ContractMismatch`, stating both, unless they are the same. owner: what has the one found."""
    if found != wanted:
        raise ContractMismatch(
            f"{owner} holds vectors of {found}; asked for are {wanted}. "
            "Use the model they were made with, or re-embed the gallery with `docdex gallery re-embed`."
        )
