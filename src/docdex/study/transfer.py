"""Use what was learned on some texts for others: by a linear probe, and by the published fine-tuning."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from docdex.study.figures import centroids, nearest, share_right
from docdex.study.network import parts
from docdex.study.train import make_optimisers, run_epoch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from docdex.study.config import StudyConfig, TransferConfig
    from docdex.study.corpus import Texts
    from docdex.study.network import TextNetwork
    from docdex.study.train import Trained


class PublishedHead(nn.Sequential):
    """The published head: dropout, batch norm, layers of D to `hidden` to C, tanh on the outputs."""

    def __init__(self, dimension: int, classes: int, config: TransferConfig) -> None:
        between = [nn.Tanh()] if config.tanh == "each" else []
        super().__init__(
            nn.Dropout(config.dropout),
            nn.BatchNorm1d(dimension),
            nn.Linear(dimension, config.hidden),
            *between,
            nn.Linear(config.hidden, classes),
            nn.Tanh(),
        )


def transfer(
    config: StudyConfig, trained: Trained, texts: Texts, test: Texts, *, classes: int, seed: int
) -> dict[str, float]:
    """Share of the test answered right, by way: `centroid`, `probe` (logistic regression), `fine-tuned`.

    texts, test: of the target, labels 0 to C-1. The first two leave the embedding as it is.
    """
    from sklearn.linear_model import LogisticRegression

    learned, asked = (trained.network.embed(each, trained.vocabulary) for each in (texts, test))
    probe = LogisticRegression(max_iter=1000).fit(learned, texts.labels)
    centres = centroids(learned, texts.labels, classes)
    tuned = _fine_tune(config, trained, texts, test, classes=classes, seed=seed)
    return {
        "centroid": share_right(nearest(asked, centres), test.labels),
        "probe": share_right(probe.predict(asked), test.labels),
        "fine-tuned": share_right(tuned, test.labels),
    }


class _FineTuned(nn.Module):
    """An embedding with the published head behind it; gives the loss of a batch, as `TextNetwork` does."""

    def __init__(self, network: TextNetwork, head: PublishedHead) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, words: Tensor, starts: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.head(self.network.embedding(words, starts)), labels)


def _fine_tune(
    config: StudyConfig, trained: Trained, texts: Texts, test: Texts, *, classes: int, seed: int
) -> NDArray[np.int64]:
    """Class numbers (N,) of the test, by the published head on a copy of the network, which learns on."""
    assert config.transfer is not None
    torch.manual_seed(seed)
    network = copy.deepcopy(trained.network)
    dimension = trained.network.embed(texts.take(np.arange(1)), trained.vocabulary).shape[1]
    both = _FineTuned(network, PublishedHead(dimension, classes, config.transfer))
    words = [] if config.transfer.frozen else list(network.bag.parameters())
    others = [*both.head.parameters(), *(network.linear.parameters() if network.linear else ())]
    optimisers = make_optimisers(config.optim.optimiser, words, others, config.transfer.rate)
    for epoch in range(config.transfer.epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(texts))
        # Batch norm can do nothing with one text: a last batch of one is left out.
        whole = len(order) - (len(order) % config.optim.batch == 1)
        run_epoch(both, optimisers, texts.take(order[:whole]), trained.vocabulary, config.optim.batch)
    both.eval()
    with torch.no_grad():
        answers = [
            both.head(network.embedding(*part)).argmax(dim=1) for part in parts(test, trained.vocabulary)
        ]
    return np.asarray(torch.cat(answers).numpy(), dtype=np.int64)
