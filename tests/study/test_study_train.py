from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")

import torch

from docdex.errors import StudyError
from docdex.study import StudyConfig, read_config
from docdex.study import train as training
from docdex.study.corpus import Corpus
from docdex.study.train import Trained, balanced, shuffled, train

Tiny = Callable[..., Path]


@pytest.fixture
def config(tiny_study: Tiny) -> StudyConfig:
    return read_config(tiny_study())


@pytest.fixture
def corpus(config: StudyConfig) -> Corpus:
    return Corpus.read(config)


def run(
    config: StudyConfig, corpus: Corpus, loss: str = "cross-entropy", seed: int = 1, rate: float = 0.3
) -> Trained:
    return train(
        config, corpus.train, len(corpus.labels), loss=loss, rate=rate, seed=seed, known=corpus.known
    )


def test_all_losses_are_shown_the_same_texts_in_the_same_order(
    config: StudyConfig, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, list[list[int]]] = {}
    plain = training.run_epoch
    for loss in ("cross-entropy", "triplet", "cosface"):

        def spy(*given: Any, loss: str = loss) -> None:
            shown.setdefault(loss, []).append(given[2].words.tolist())
            plain(*given)

        monkeypatch.setattr(training, "run_epoch", spy)
        run(config, corpus, loss)
    assert shown["cross-entropy"] == shown["triplet"] == shown["cosface"]
    assert shown["triplet"][0] != shown["triplet"][1]


@pytest.mark.parametrize("loss", ["cross-entropy", "triplet"])
def test_one_seed_makes_the_same_weights_again_and_another_makes_others(
    config: StudyConfig, corpus: Corpus, loss: str
) -> None:
    one, again, other = (run(config, corpus, loss, seed).network.bag.weight for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("optimiser", "rate"), [("adagrad", 0.3), ("adam", 0.05), ("sgd", 1.0)])
@pytest.mark.parametrize("loss", ["cross-entropy", "triplet"])
def test_every_optimiser_makes_the_classes_more_cohesive(
    config: StudyConfig, corpus: Corpus, optimiser: str, rate: float, loss: str
) -> None:
    from docdex.study.figures import describe

    optim = msgspec.structs.replace(config.optim, optimiser=optimiser, epochs=20)
    config = msgspec.structs.replace(config, optim=optim)
    separations = []
    for which in ("untrained", loss):
        trained = run(config, corpus, which, rate=rate)
        vectors = trained.network.embed(corpus.test, trained.vocabulary)
        separations.append(describe(vectors, corpus.test.labels)["separation"])
    assert separations[1] > separations[0] + 0.1


def test_a_rate_that_leaves_the_numbers_is_an_error(config: StudyConfig, corpus: Corpus) -> None:
    optim = msgspec.structs.replace(config.optim, optimiser="sgd")
    with pytest.raises(StudyError, match=r"lower `optim\.rates`"):
        run(msgspec.structs.replace(config, optim=optim), corpus, rate=1e38)


def test_quality_is_measured_after_each_epoch_and_not_counted(config: StudyConfig, corpus: Corpus) -> None:
    trained = train(
        config,
        corpus.train,
        4,
        loss="cross-entropy",
        rate=0.3,
        seed=1,
        known=corpus.known,
        quality=lambda network, vocabulary: float(sum(range(3_000_000)) > 0),
    )
    seconds = [at for at, _ in trained.curve]
    assert [quality for _, quality in trained.curve] == [1.0, 1.0]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= trained.cost.cpu_seconds


def test_untrained_is_the_start(config: StudyConfig, corpus: Corpus) -> None:
    trained = run(config, corpus, "untrained")
    assert trained.network.bag.weight.abs().max() <= config.model.span
    assert trained.curve == ()


def test_a_shuffled_epoch_has_every_text_once() -> None:
    rows = shuffled(np.zeros(50, np.int64), 16, np.random.default_rng(0))
    assert sorted(rows.tolist()) == list(range(50))


@pytest.mark.parametrize(("classes", "each"), [(2, 8), (4, 4), (10, 4)])
def test_a_balanced_batch_has_as_many_of_each_of_its_classes(classes: int, each: int) -> None:
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(classes), 13))
    rows = balanced(labels, 16, np.random.default_rng(0))
    assert len(rows) == 16 * -(-len(labels) // 16)
    for first in range(0, len(rows), 16):
        counts = np.bincount(labels[rows[first : first + 16]], minlength=classes)
        assert set(counts.tolist()) <= {0, each}
