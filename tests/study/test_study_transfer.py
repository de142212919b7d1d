from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")
pytest.importorskip("sklearn", reason="needs the extra `study`")

import torch

from docdex.study import read_config
from docdex.study.config import SourceConfig, TransferConfig
from docdex.study.corpus import Corpus
from docdex.study.train import train
from docdex.study.transfer import PublishedHead, transfer

Tiny = Callable[..., Path]
TRANSFER = TransferConfig(SourceConfig(("train.csv",), ("test.csv",)), epochs=12)


@pytest.mark.parametrize(("tanh", "kinds"), [("each", 6), ("last", 5)])
def test_the_head_is_the_published_one(tanh: str, kinds: int) -> None:
    config = msgspec.structs.replace(TRANSFER, tanh=tanh)
    head = PublishedHead(32, 4, config)
    assert len(head) == kinds
    assert [tuple(layer.weight.shape) for layer in head if isinstance(layer, torch.nn.Linear)] == [
        (64, 32),
        (4, 64),
    ]
    assert head[0].p == 0.2
    assert isinstance(head[1], torch.nn.BatchNorm1d)
    assert isinstance(head[-1], torch.nn.Tanh)
    with torch.no_grad():
        assert head.eval()(torch.randn(7, 32) * 100).abs().max() <= 1


@pytest.mark.parametrize("loss", ["cross-entropy", "triplet"])
def test_what_was_learned_serves_other_texts_and_is_left_as_it_was(tiny_study: Tiny, loss: str) -> None:
    config = msgspec.structs.replace(read_config(tiny_study()), transfer=TRANSFER)
    corpus = Corpus.read(config)
    assert corpus.target_train is not None
    assert corpus.target_test is not None
    trained = train(
        config,
        corpus.train,
        4,
        loss=loss,
        rate=0.3,
        seed=1,
        known=corpus.known,
        also=(corpus.target_train,),
    )
    before = trained.network.bag.weight.clone()
    right = transfer(config, trained, corpus.target_train, corpus.target_test, classes=4, seed=1)
    assert right.keys() == {"centroid", "probe", "fine-tuned"}
    assert min(right["probe"], right["fine-tuned"]) > 0.6
    assert torch.equal(trained.network.bag.weight, before)
    again = transfer(config, trained, corpus.target_train, corpus.target_test, classes=4, seed=1)
    assert again == right
