from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from docdex.text.minilm import MiniLm, gelu

WIDTH, INNER, WORDS, LONGEST = 24, 40, 50, 16


class Tokenizer:
    """As `tokenizers.Tokenizer`, as far as it is used: a letter is a token."""

    def __init__(self) -> None:
        self.padding, self.longest = True, 10**9

    def no_padding(self) -> None:
        self.padding = False

    def enable_truncation(self, longest: int) -> None:
        self.longest = min(longest, LONGEST)

    def encode(self, sentence: str) -> Tokenizer:
        self.ids = [ord(letter) % WORDS for letter in sentence][: self.longest] + [0] * self.padding * 5
        return self


@pytest.fixture
def encoder() -> torch.nn.TransformerEncoder:
    """A BERT of six layers as torch has it."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(
        WIDTH, 12, INNER, dropout=0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    )
    encoder = torch.nn.TransformerEncoder(layer, 6, enable_nested_tensor=False).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return encoder


def weights_of(encoder: torch.nn.TransformerEncoder) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    found = {
        "embeddings.word_embeddings.weight": rng.standard_normal((WORDS, WIDTH)),
        "embeddings.position_embeddings.weight": rng.standard_normal((LONGEST, WIDTH)),
        "embeddings.token_type_embeddings.weight": rng.standard_normal((2, WIDTH)),
        "embeddings.LayerNorm.weight": rng.standard_normal(WIDTH),
        "embeddings.LayerNorm.bias": rng.standard_normal(WIDTH),
    }
    names = {
        "attention.output.dense": "self_attn.out_proj",
        "attention.output.LayerNorm": "norm1",
        "intermediate.dense": "linear1",
        "output.dense": "linear2",
        "output.LayerNorm": "norm2",
    }
    state = {name: value.detach().numpy() for name, value in encoder.state_dict().items()}
    for number in range(6):
        ours, theirs = f"encoder.layer.{number}.", f"layers.{number}."
        for part in ("weight", "bias"):
            joined = np.split(state[f"{theirs}self_attn.in_proj_{part}"], 3)
            for name, own in zip(("query", "key", "value"), joined, strict=True):
                found[f"{ours}attention.self.{name}.{part}"] = own
            for name, other in names.items():
                found[f"{ours}{name}.{part}"] = state[f"{theirs}{other}.{part}"]
    return {name: value.astype(np.float32) for name, value in found.items()}


@pytest.mark.parametrize("sentence", ["a", "invoice no. 7", "a sentence that is longer than it may be"])
def test_sentences_are_embedded_as_torch_would(sentence: str, encoder: torch.nn.TransformerEncoder) -> None:
    weights = weights_of(encoder)
    tokens = torch.tensor([ord(letter) % WORDS for letter in sentence][:LONGEST])
    states = torch.from_numpy(weights["embeddings.word_embeddings.weight"])[tokens]
    states = states + torch.from_numpy(weights["embeddings.position_embeddings.weight"])[: len(tokens)]
    states = states + torch.from_numpy(weights["embeddings.token_type_embeddings.weight"])[0]
    scale, shift = (torch.from_numpy(weights[f"embeddings.LayerNorm.{p}"]) for p in ("weight", "bias"))
    states = torch.nn.functional.layer_norm(states, (WIDTH,), scale, shift, 1e-12)
    with torch.no_grad():
        mean = encoder(states[None])[0].mean(dim=0)
    expected = (mean / mean.norm()).numpy()
    found = MiniLm(weights, Tokenizer()).embed(sentence)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_gelu_is_the_exact_one() -> None:
    values = np.linspace(-6, 6, 1001, dtype=np.float32)
    expected = [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in values.tolist()]
    np.testing.assert_allclose(gelu(values), expected, atol=2e-6)
