from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from docdex.text.minilm import MiniLm, gelu
from small_bert import LONGEST, WIDTH, WORDS, Tokenizer, make_encoder, weights_of


@pytest.fixture
def encoder() -> torch.nn.TransformerEncoder:
    return make_encoder()


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


def test_sentences_together_are_what_each_is_alone(encoder: torch.nn.TransformerEncoder) -> None:
    minilm = MiniLm(weights_of(encoder), Tokenizer())
    sentences = ["one", "invoice no. 7", "two", "a longer one", "abc"]
    found = minilm.embed_all(sentences)
    assert found.shape == (5, WIDTH)
    for vector, sentence in zip(found, sentences, strict=True):
        np.testing.assert_allclose(vector, minilm.embed(sentence), atol=1e-5)
