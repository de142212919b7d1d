"""Train one network of the study: the same steps over the same texts, whatever the loss."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from docdex.errors import StudyError
from docdex.study.config import UNTRAINED
from docdex.study.corpus import Vocabulary
from docdex.study.losses import make_loss
from docdex.study.network import TextNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import nn
    from torch.nn import Parameter
    from torch.optim import Optimizer

    from docdex.study.config import StudyConfig
    from docdex.study.corpus import Texts

_PER_CLASS = 4
"""Texts of a class in a balanced batch, as the field has it (arXiv 1703.07737)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a training took.

    seconds: wall time. cpu_seconds: of the process. megabytes: the most memory the process had.
    own_megabytes: by how much that is more than before the training; None where the system does not say.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float | None
    own_megabytes: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A network and how it came about.

    curve: CPU seconds of training and a quality, after each epoch; measuring is not counted.
    """

    network: TextNetwork
    vocabulary: Vocabulary
    cost: Cost
    curve: tuple[tuple[float, float], ...]


def train(
    config: StudyConfig,
    texts: Texts,
    classes: int,
    *,
    loss: str,
    rate: float,
    seed: int,
    known: int,
    also: Iterable[Texts] = (),
    quality: Callable[[TextNetwork, Vocabulary], float] | None = None,
) -> Trained:
    """Train on some texts, with labels 0 to C-1.

    known: how many different words there are in all. also: texts whose words get vectors too, though nothing
    is learned from them. quality: measured after each epoch. The loss `untrained` leaves the weights as they
    start.

    Raises StudyError where the training leaves the numbers.
    """
    torch.manual_seed(seed)  # what a loss draws for itself
    before = peak_megabytes()
    vocabulary = Vocabulary.of((texts, *also), known, config.model.min_count)
    network = TextNetwork(config.model, vocabulary.size, seed)
    optimisers: list[Optimizer] = []
    if loss != UNTRAINED:
        settings = config.settings.get(loss, {})
        network.learn_by(make_loss(loss, classes, config.model.dimension, **settings))
        words = list(network.bag.parameters())
        others = [weight for name, weight in network.named_parameters() if not name.startswith("bag.")]
        optimisers = make_optimisers(config.optim.optimiser, words, others, rate)
    # From here on, as what comes before may load a package, for the first loss of a process alone.
    wall, cpu, measuring, curve = time.perf_counter(), time.process_time(), 0.0, []
    order = _ORDERS[config.optim.sampler]
    for epoch in range(config.optim.epochs if optimisers else 0):
        rows = order(texts.labels, config.optim.batch, np.random.default_rng((seed, epoch)))
        run_epoch(network, optimisers, texts.take(rows), vocabulary, config.optim.batch)
        began = time.process_time()
        if quality is not None:
            network.eval()
            curve.append((began - cpu - measuring, quality(network, vocabulary)))
            network.train()
        measuring += time.process_time() - began
    network.eval()
    cost = Cost(
        seconds=time.perf_counter() - wall - measuring,
        cpu_seconds=time.process_time() - cpu - measuring,
        megabytes=(after := peak_megabytes()),
        own_megabytes=None if after is None or before is None else after - before,
    )
    if not all(torch.isfinite(weight).all() for weight in network.parameters()):
        raise StudyError(f"{loss} at a rate of {rate:g} leaves the numbers: give lower `optim.rates`.")
    return Trained(network, vocabulary, cost, tuple(curve))


def run_epoch(
    network: nn.Module, optimisers: Sequence[Optimizer], texts: Texts, vocabulary: Vocabulary, batch: int
) -> None:
    """One pass over texts in their order.

    network: gives the loss of words (T,) int64, the start of each text (B,), and labels (B,).
    """
    starts = np.concatenate([[0], texts.ends])
    words, labels = torch.from_numpy(vocabulary(texts)), torch.from_numpy(texts.labels)
    for first in range(0, len(texts), batch):
        bounds = starts[first : first + batch + 1]
        loss = network(
            words[bounds[0] : bounds[-1]],
            torch.from_numpy(bounds[:-1] - bounds[0]),
            labels[first : first + batch],
        )
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()


def make_optimisers(
    kind: str, words: list[Parameter], others: list[Parameter], rate: float
) -> list[Optimizer]:
    """What moves the weights. kind: of `OptimConfig`. words: whose gradients are sparse."""
    # Said on purpose, or torch warns that it was not: these gradients are made by torch itself.
    torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]
    if kind == "adam":
        both = ((torch.optim.SparseAdam, words), (torch.optim.Adam, others))
        return [adam(weights, lr=rate) for adam, weights in both if weights]
    of = {"adagrad": torch.optim.Adagrad, "sgd": torch.optim.SGD}[kind]
    return [of([*words, *others], lr=rate)]


def shuffled(labels: NDArray[np.int64], batch: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of an epoch, (N,): each once. labels: (N,)."""
    return rng.permutation(len(labels))


def balanced(labels: NDArray[np.int64], batch: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of an epoch, about N, of which each `batch` has 4 of each of some classes, or more of few.

    A class's texts are drawn without putting back, until all were there.
    """
    classes = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    each = max(_PER_CLASS, -(-batch // len(classes)))
    at_once = max(batch // each, 1)
    supply = [_endless(rows, rng) for rows in classes]
    batches = []
    for _ in range(-(-len(labels) // batch)):
        chosen = rng.choice(len(classes), size=min(at_once, len(classes)), replace=False)
        rows = [next(supply[number]) for number in chosen for _ in range(each)]
        batches.append(np.array(rows[:batch], dtype=np.int64))
    return np.concatenate(batches)


def _endless(rows: NDArray[np.int64], rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from rng.permutation(rows).tolist()


_ORDERS = {"shuffled": shuffled, "balanced": balanced}


def peak_megabytes() -> float | None:
    """The most memory this process has had so far, in MB; None where the system does not say."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
