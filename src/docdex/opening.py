"""Opens the model that a recogniser is asked for, whichever kind it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from docdex import models
from docdex.embedder import OnnxEmbedder
from docdex.errors import DeviceUnavailable

if TYPE_CHECKING:
    from docdex.contract import By
    from docdex.embedder import Embedder


def kind_of(model: str | os.PathLike[str]) -> By | None:
    """By what a model compares pages: a packaged model's name, or the path of a file; `None` if neither."""
    given = os.fspath(model)
    if given in models.names() or Path(given).suffix == ".onnx":
        return "picture"
    from docdex.text import passport

    if given in passport.names() or Path(given).suffix == passport.SUFFIX:
        return "text"
    return None


def open_embedder(
    model: str | os.PathLike[str] | None = None,
    *,
    by: By | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> Embedder:
    """A model that compares pages by how they look or by what they say.

    model: name of a packaged model or path of a file; by default the packaged model of the kind. by: the
    kind; by default that of the model, or else picture.

    Raises what `OnnxEmbedder.open` and `docdex.text.TextEmbedder.open` raise, and `DeviceUnavailable` for a
    model of text on another device than `cpu`.
    """
    kind = by or (None if model is None else kind_of(model)) or "picture"
    if kind == "picture":
        return OnnxEmbedder.open(models.DEFAULT if model is None else model, device=device, threads=threads)
    from docdex.text import ByText, TextEmbedder, passport

    if device != "cpu":
        raise DeviceUnavailable(f"Models of text run on the CPU; device {device} would not be used.")
    return ByText(TextEmbedder.open(passport.DEFAULT if model is None else model))
