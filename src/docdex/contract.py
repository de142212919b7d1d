"""The contract of vectors, because two may be compared only when everything that made them is the same."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from docdex.errors import ContractMismatch

By: TypeAlias = Literal["picture", "text"]
"""By what pages are compared: how they look, or what they say."""


class Contract(msgspec.Struct, frozen=True):
    """What two vectors must have in common to be compared.

    model: hex SHA-256 of the model file; preprocess: version of the page-to-input function
    (`docdex.preprocess.VERSION` for pictures); dimension: numbers in a vector; by: what of a page it is made
    from.
    """

    model: str
    preprocess: int
    dimension: int
    by: By = "picture"

    def __str__(self) -> str:
        return f"{self.by} model {self.model[:12]}, preprocess {self.preprocess}, {self.dimension} dimensions"


def require_same(found: Contract, wanted: Contract, owner: str) -> None:
    """Raise `ContractMismatch`, stating both, unless they are the same. owner: what has the one found."""
    require_same_kind(found, wanted, owner)
    if found != wanted:
        raise ContractMismatch(
            f"{owner} holds vectors of {found}; asked for are {wanted}. "
            "Use the model they were made with, or re-embed the gallery with `docdex gallery re-embed`."
        )


def require_same_kind(found: Contract, wanted: Contract, owner: str) -> None:
    """Raise `ContractMismatch` unless both compare by picture or both by text: neither becomes the other."""
    if found.by != wanted.by:
        raise ContractMismatch(
            f"{owner} compares pages by {found.by} ({found}); asked for is {wanted}. Ask it by "
            f"{found.by}, or register the pages by {wanted.by} in a gallery of their own."
        )
