"""Find the models of texts with their passports: what `docdex.models` does for those of pages."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from docdex import models
from docdex.contract import Contract
from docdex.errors import ModelNotFound

DEFAULT = models.TEXT_DEFAULT
"""The packaged model of texts that is used when none is named."""

SUFFIX = ".npz"

GOLDEN_TEXT = (
    "Utopia Hardware SDN. BHD.\nTAX INVOICE No. 0042\n2 x Käse @ 3.50\nTotal 7.00\nTHANK YOU, DANKE, 謝謝"
)
"""The text of rule `receipt`: several scripts, digits, both cases."""


class TextInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model reads of a text.

    version: of what makes its input; `docdex.text.features.VERSION` for ours. reader: `features` or
    `wordpiece`.
    """

    reader: str
    version: int


class TextPassport(models.Promise, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a model of texts promises; its file is an archive of arrays, or another package's weights."""

    input: TextInput

    @property
    def contract(self) -> Contract:
        """What vectors of this model share."""
        return Contract(
            model=self.digest,
            preprocess=self.input.version,
            dimension=self.output.dimension,
            by="text",
        )


def names() -> list[str]:
    """The packaged models of texts, sorted: those whose weights are here, and those another package has."""
    return sorted(
        path.stem for path in models.WEIGHTS.glob("*.json") if not path.with_suffix(".onnx").exists()
    )


def find(model: str | os.PathLike[str]) -> Path:
    """The file of a packaged model's name or of a path. Raises `ModelNotFound`."""
    given = os.fspath(model)
    if given in names():
        return models.WEIGHTS / f"{given}{SUFFIX}"
    path = Path(given)
    if path.suffix == SUFFIX and path.is_file():
        return path
    raise ModelNotFound(
        f"No model of texts {given}: give the path of an {SUFFIX} file or a packaged model's name "
        f"({', '.join(names()) or 'none'})."
    )


def read(file: Path) -> TextPassport:
    """The passport of a model of texts. Raises `InvalidPassport` when missing, malformed or inconsistent."""
    passport = models.read_promise(file, TextPassport)
    models.require_golden(passport, passport.output.dimension, file)
    return passport
