"""Turn a sentence into a vector by MiniLM in numpy, so that a baseline by words needs no torch.

`all-MiniLM-L6-v2` (arXiv 2002.10957, fine-tuned as in arXiv 1908.10084): BERT (arXiv 1810.04805) of 6 layers,
12 heads, 384 numbers, the mean over the words.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_LAYERS, _HEADS = 6, 12
_EPSILON = 1e-12
_LONGEST = 256
"""Tokens that the model was trained with; what follows is cut off."""
_TOKENS_AT_ONCE = 256
"""Few enough for a layer's widest activations, 1.5 MB, to stay in a core's cache."""


class MiniLm:
    """Sentences to vectors. weights: as in the safetensors file; tokenizer: a `tokenizers.Tokenizer`."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], tokenizer: Any) -> None:
        self._weights = weights
        self._tokenizer = tokenizer
        # Else the file's own setting fills short sentences up to 128 words that are none.
        tokenizer.no_padding()
        tokenizer.enable_truncation(_LONGEST)

    @classmethod
    def open(cls, folder: Path) -> MiniLm:
        """From a folder with `model.safetensors` and `tokenizer.json`.

        Raises ImportError without the packages that read them.
        """
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        return cls(
            load_file(folder / "model.safetensors"), Tokenizer.from_file(str(folder / "tokenizer.json"))
        )

    def embed(self, sentence: str) -> NDArray[np.float32]:
        """Vector (384,) of unit length."""
        return np.asarray(self.embed_all([sentence])[0])

    def embed_all(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (N, 384) of unit length; sentences of as many tokens are computed together."""
        tokens = [self._tokenizer.encode(sentence).ids for sentence in sentences]
        by_length: dict[int, list[int]] = {}
        for number, ids in enumerate(tokens):
            by_length.setdefault(len(ids), []).append(number)
        vectors = np.empty(
            (len(sentences), self._weights["embeddings.LayerNorm.bias"].size), dtype=np.float32
        )
        for length, members in by_length.items():
            at_once = max(1, _TOKENS_AT_ONCE // length)
            for start in range(0, len(members), at_once):
                part = members[start : start + at_once]
                vectors[part] = self._vectors(np.array([tokens[number] for number in part]))
        return vectors

    def _vectors(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Of sentences of equal length, (N, words)."""
        states = (
            self._weights["embeddings.word_embeddings.weight"][tokens]
            + self._weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        states = self._normalised(states, "embeddings.LayerNorm")
        for number in range(_LAYERS):
            states = self._layer(states, f"encoder.layer.{number}.")
        mean = states.mean(axis=1)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)

    def _layer(self, states: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        # (sentences, heads, words, numbers of a head)
        query, key, value = (
            self._dense(states, f"{name}attention.self.{part}")
            .reshape(*states.shape[:2], _HEADS, -1)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1]))
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        seen = (shares @ value).transpose(0, 2, 1, 3).reshape(states.shape)
        states = self._normalised(
            states + self._dense(seen, f"{name}attention.output.dense"), f"{name}attention.output.LayerNorm"
        )
        inner = gelu(self._dense(states, f"{name}intermediate.dense"))
        return self._normalised(states + self._dense(inner, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _dense(self, states: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return np.asarray(states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _normalised(self, states: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        centred = states - states.mean(axis=-1, keepdims=True)
        deviation = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        return np.asarray(
            centred / deviation * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        )


def gelu(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """x times the share of a normal distribution below x (arXiv 1606.08415), within 1e-6 of x.

    numpy has no error function; this one is 7.1.26 of Abramowitz and Stegun, off by at most 1.5e-7.
    """
    scaled = np.abs(values) / math.sqrt(2)  # not np.sqrt, whose float64 would spread
    t = 1 / (1 + 0.3275911 * scaled)
    polynomial = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    erf = np.sign(values) * (1 - polynomial * np.exp(-np.square(scaled)))
    return np.asarray(values * (1 + erf) / 2, dtype=np.float32)
