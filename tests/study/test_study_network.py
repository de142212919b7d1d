from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")

import torch

from docdex.study.config import ModelConfig
from docdex.study.corpus import Texts, Vocabulary
from docdex.study.losses import make_loss
from docdex.study.network import TextNetwork

MODEL = ModelConfig(dimension=6, min_count=1)
TEXTS = Texts(np.array([0, 1, 1, 2, 0, 3], np.int32), np.array([3, 4, 6]), np.array([0, 1, 0]))
VOCABULARY = Vocabulary.of((TEXTS,), 4, 1)


def network(loss: str | None = None, model: ModelConfig = MODEL, seed: int = 1) -> TextNetwork:
    made = TextNetwork(model, VOCABULARY.size, seed)
    if loss is not None:
        made.learn_by(make_loss(loss, 2, model.dimension))
    return made


def test_word_vectors_start_the_same_whatever_the_loss() -> None:
    weights = [network(loss).bag.weight for loss in ("cross-entropy", "triplet", "cosface", None)]
    assert all(torch.equal(weights[0], weight) for weight in weights)
    assert not torch.equal(weights[0], network("triplet", seed=2).bag.weight)


def test_all_weights_start_within_half_and_biases_at_zero() -> None:
    for loss in ("cross-entropy", "triplet"):
        made = network(loss, ModelConfig(dimension=64))
        for name, weight in made.named_parameters():
            if name.endswith("bias"):
                assert not weight.any()
            else:
                assert 0.4 < weight.abs().max() <= 0.5


def test_a_text_is_the_mean_of_its_words_at_unit_length() -> None:
    made = network("cross-entropy")
    words = made.bag.weight.detach().numpy()[VOCABULARY(TEXTS)]
    means = np.stack([words[:3].mean(axis=0), words[3], words[4:].mean(axis=0)])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    assert np.allclose(made.embed(TEXTS, VOCABULARY), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "classifier", "metric", "numbers"),
    [
        ("cross-entropy", "bag", "linear", 6),
        ("cross-entropy", "linear", "bag", 2),
        ("triplet", "bag", "linear", 6),
        ("triplet", "linear", "bag", 6),
    ],
)
def test_the_embedding_is_of_the_layer_that_the_config_names(
    loss: str, classifier: str, metric: str, numbers: int
) -> None:
    made = network(loss, ModelConfig(dimension=6, classifier=classifier, metric=metric))  # type: ignore[arg-type]
    vectors = made.embed(TEXTS, VOCABULARY)
    before = network(loss).bag(*parts())
    of_bag = torch.nn.functional.normalize(before).detach().numpy()
    assert vectors.shape == (3, numbers)
    own = classifier if loss == "cross-entropy" else metric
    assert (vectors.shape == of_bag.shape and np.allclose(vectors, of_bag, atol=1e-6)) == (own == "bag")


def parts() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(VOCABULARY(TEXTS)), torch.tensor([0, 3, 4])


@pytest.mark.parametrize("loss", ["cross-entropy", "arcface"])
def test_a_layer_of_classes_answers_with_its_highest(loss: str) -> None:
    made = network(loss)
    vectors = made.bag(*parts())
    layer = made.loss.linear if loss == "cross-entropy" else made.loss.centres  # type: ignore[union-attr]
    scores = layer(vectors) if loss == "cross-entropy" else vectors @ torch.nn.functional.normalize(layer).T
    answers = made.predict(TEXTS, VOCABULARY)
    assert answers is not None
    assert answers.tolist() == scores.argmax(dim=1).tolist()


def test_without_a_layer_of_classes_there_is_no_answer() -> None:
    assert network("triplet").predict(TEXTS, VOCABULARY) is None
    assert network().predict(TEXTS, VOCABULARY) is None


def test_no_texts_have_no_vectors() -> None:
    assert network("triplet").embed(TEXTS.take(np.arange(0)), VOCABULARY).shape == (0, 6)
