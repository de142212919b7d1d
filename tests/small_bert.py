"""A BERT of MiniLM's form, far smaller, with a tokenizer: to test what reads MiniLM without its weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

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


def make_encoder() -> torch.nn.TransformerEncoder:
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
    """Its weights by the names that MiniLM's file has, and random ones for what comes before the layers."""
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
