"""Train and measure one cell of a study, in a process that need know of no other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from docdex.errors import StudyError
from docdex.study import figures as measured
from docdex.study.config import TF_IDF
from docdex.study.measures import (
    cohesion,
    one_shot_identification,
    out_of_scope_detection,
    separation,
    tpr_at_fpr,
)
from docdex.study.record import Found
from docdex.study.train import train
from docdex.study.transfer import transfer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from docdex.study.cells import Cell
    from docdex.study.config import StudyConfig
    from docdex.study.corpus import Corpus, Texts, Vocabulary
    from docdex.study.network import TextNetwork
    from docdex.study.train import Trained

_KEPT_OUT = 10
"""One of so many training texts judges the rates."""
_FEW = 10
"""Classes that have a figure each."""


def work(config: StudyConfig, corpus: Corpus, cell: Cell) -> tuple[Found, NDArray[np.float32] | None]:
    """What a cell gives, and the vectors (N, E) of the whole test where a picture may be made of them.

    Raises StudyError where the training leaves the numbers.
    """
    torch.set_num_threads(1)  # cells are many: each has one core
    if cell.part == "variants":
        assert cell.variant is not None
        config = config.varied(cell.variant)
    if cell.loss == TF_IDF:
        return _count_words(corpus, cell), None
    return _PARTS[cell.part](config, corpus, cell)


def _rates(config: StudyConfig, corpus: Corpus, cell: Cell) -> tuple[Found, None]:
    """How well a rate serves a loss, on texts that are kept out of training; None where it diverges."""
    if cell.variant is not None:
        config = config.varied(cell.variant)
    rows = np.random.default_rng(0).permutation(len(corpus.train))
    out, kept = np.split(rows, [max(len(rows) // _KEPT_OUT, 1)])
    texts, judges = corpus.train.take(np.sort(kept)), corpus.train.take(np.sort(out))
    try:
        trained = _train(config, corpus, cell, texts)
    except StudyError:
        return Found(cell, {"centroid": None}, len(texts), 0, 0.0, 0.0), None
    right = _centroid_share(trained.network, trained.vocabulary, texts, judges, len(corpus.labels))
    return _found(cell, trained, texts, {"centroid": right}), None


def _base(config: StudyConfig, corpus: Corpus, cell: Cell) -> tuple[Found, NDArray[np.float32]]:
    """All figures of the test; also of a variant, and of the network as it starts."""
    classes, texts, test = len(corpus.labels), corpus.train, corpus.test

    def quality(network: TextNetwork, vocabulary: Vocabulary) -> float:
        return _centroid_share(network, vocabulary, texts, test, classes)

    trained = train(
        config,
        texts,
        classes,
        loss=cell.loss,
        rate=cell.rate,
        seed=cell.seed,
        known=corpus.known,
        quality=quality,
    )
    vectors = trained.network.embed(test, trained.vocabulary)
    found = measured.describe(vectors, test.labels)
    found |= _answers(trained, texts, test, vectors, classes=classes)
    group = measured.smallest_classes(texts.labels, test.labels, classes, config.smallest)
    if len(group):
        found |= measured.describe_group(vectors, test.labels, group, classes)
    cohesions = {}
    if cell.part == "base":
        within = dict(zip(corpus.labels, cohesion(vectors, test.labels).tolist(), strict=False))
        cohesions = measured.known(within)
        if classes <= _FEW:
            found |= {f"cohesion of {label}": value for label, value in within.items()}
    return _found(cell, trained, texts, found, cohesions=cohesions), vectors


def _imbalance(config: StudyConfig, corpus: Corpus, cell: Cell) -> tuple[Found, NDArray[np.float32]]:
    """The published three measures of the class that was cut, and what is recognised of it."""
    assert config.imbalance is not None
    assert cell.label is not None
    assert cell.share is not None
    classes, cut = len(corpus.labels), corpus.labels.index(cell.label)
    rows = _rows_a_class(corpus.train.labels, config.imbalance.rows, cell.seed)
    # Never none: then there would be nothing to ask about.
    rows[cut] = rows[cut][: max(round(cell.share * len(rows[cut])), 1)]
    texts, test = corpus.train.take(np.sort(np.concatenate(rows))), corpus.test
    trained = _train(config, corpus, cell, texts)
    vectors = trained.network.embed(test, trained.vocabulary)
    found = _answers(trained, texts, test, vectors, classes=classes, only=cut)
    found |= measured.describe_group(vectors, test.labels, np.array([cut]), classes)
    found["group separation"] = float(separation(vectors, test.labels)[cut])
    return _found(cell, trained, texts, found), vectors


def _counts(config: StudyConfig, corpus: Corpus, cell: Cell) -> tuple[Found, None]:
    """The same with fewer classes, drawn by the seed."""
    assert cell.classes is not None
    chosen = _draw_classes(len(corpus.labels), cell.classes, cell.seed)
    texts, test = (_of_classes(each, chosen) for each in (corpus.train, corpus.test))
    trained = _train(config, corpus, cell, texts, classes=cell.classes)
    vectors = trained.network.embed(test, trained.vocabulary)
    found = measured.describe(vectors, test.labels)
    found |= _answers(trained, texts, test, vectors, classes=cell.classes)
    return _found(cell, trained, texts, found), None


def _unseen(config: StudyConfig, corpus: Corpus, cell: Cell) -> tuple[Found, None]:
    """Classes that training has not seen: a few texts of each are registered, the others ask."""
    assert config.unseen is not None
    classes = len(corpus.labels)
    count = min(max(round(config.unseen.share * classes), 2), classes - 2)
    kept_out = _draw_classes(classes, count, cell.seed)
    seen = np.setdiff1d(np.arange(classes), kept_out)
    texts, test = _of_classes(corpus.train, seen), _of_classes(corpus.test, kept_out)
    trained = _train(config, corpus, cell, texts, classes=len(seen))
    vectors = trained.network.embed(test, trained.vocabulary)
    strange = trained.network.embed(corpus.strangers, trained.vocabulary)
    found = {"tpr@1e-3": float(tpr_at_fpr(vectors, test.labels, (measured.PAIR_FPR,))[0])}
    for samples in config.unseen.samples:
        rates = one_shot_identification(vectors, test.labels, samples, config.unseen.draws, cell.seed)
        found[f"identified by {samples}"] = float(np.mean(rates))
        if len(strange):
            gallery, probes = _register(test.labels, samples, cell.seed)
            answers = out_of_scope_detection(
                (vectors[gallery], test.labels[gallery]),
                (vectors[probes], test.labels[probes]),
                strange,
                (measured.FPIR,),
            )
            found[f"auroc by {samples}"] = answers.auroc
            found[f"dir@0.01 by {samples}"] = answers.dir[f"{measured.FPIR:g}"]
    return _found(cell, trained, texts, found), None


def _transfer(config: StudyConfig, corpus: Corpus, cell: Cell) -> tuple[Found, None]:
    """The embedding on other texts, as it is, and after the published fine-tuning."""
    assert config.transfer is not None
    assert corpus.target_train is not None
    assert corpus.target_test is not None
    trained = train(
        config,
        corpus.train,
        len(corpus.labels),
        loss=cell.loss,
        rate=cell.rate,
        seed=cell.seed,
        known=corpus.known,
        also=(corpus.target_train,),
    )
    vectors = trained.network.embed(corpus.target_test, trained.vocabulary)
    found = measured.describe(vectors, corpus.target_test.labels)
    classes = len(corpus.target_labels)
    for rows in config.transfer.rows:
        texts = corpus.target_train
        if rows:
            each = _rows_a_class(texts.labels, max(rows // classes, 1), cell.seed)
            texts = texts.take(np.sort(np.concatenate(each)))
        given = f"of {rows} texts" if rows else "of all texts"
        answers = transfer(config, trained, texts, corpus.target_test, classes=classes, seed=cell.seed)
        found |= {f"{way} {given}": right for way, right in answers.items()}
    return _found(cell, trained, corpus.train, found), None


def _count_words(corpus: Corpus, cell: Cell) -> Found:
    """The nearest centroid of word counts: what needs no network."""
    from sklearn.feature_extraction.text import TfidfTransformer

    began, cpu = time.perf_counter(), time.process_time()
    train_counts, counts = (_bags(texts, corpus.known) for texts in (corpus.train, corpus.test))
    weigh = TfidfTransformer(sublinear_tf=True).fit(train_counts)
    weighed = weigh.transform(train_counts)
    classes = len(corpus.labels)
    members = np.eye(classes, dtype=np.float32)[corpus.train.labels]
    centres = measured.centroids(np.asarray(weighed.T @ members).T, np.arange(classes), classes)
    took = time.perf_counter() - began, time.process_time() - cpu
    right = measured.share_right(np.argmax(weigh.transform(counts) @ centres.T, axis=1), corpus.test.labels)
    words = int((train_counts.sum(axis=0) > 0).sum())
    return Found(cell, measured.known({"centroid": right}), len(corpus.train), words, *took)


def _bags(texts: Texts, known: int) -> Any:
    """How often each text has each word: a sparse matrix (N, W) of scipy, which has no types."""
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], texts.ends])
    ones = np.ones(len(texts.words), dtype=np.float32)
    # A copy, or counting would move the words of the corpus itself about.
    bags = csr_matrix((ones, texts.words, starts), shape=(len(texts), known), copy=True)
    bags.sum_duplicates()
    return bags


def _train(
    config: StudyConfig, corpus: Corpus, cell: Cell, texts: Texts, classes: int | None = None
) -> Trained:
    count = len(corpus.labels) if classes is None else classes
    return train(config, texts, count, loss=cell.loss, rate=cell.rate, seed=cell.seed, known=corpus.known)


def _found(
    cell: Cell,
    trained: Trained,
    texts: Texts,
    found: dict[str, float],
    cohesions: measured.Figures | None = None,
) -> Found:
    cost = trained.cost
    return Found(
        cell=cell,
        figures=measured.known(found),
        texts=len(texts),
        words=trained.vocabulary.size,
        seconds=cost.seconds,
        cpu_seconds=cost.cpu_seconds,
        megabytes=cost.megabytes,
        own_megabytes=cost.own_megabytes,
        cohesions=cohesions or {},
        curve=trained.curve,
    )


def _answers(
    trained: Trained,
    texts: Texts,
    test: Texts,
    vectors: NDArray[np.float32],
    *,
    classes: int,
    only: int | None = None,
) -> dict[str, float]:
    """Share of the test that the nearest centroid answers right, and that the layer of classes does.

    only: also of one class.
    """
    learned = trained.network.embed(texts, trained.vocabulary)
    answers = {
        "centroid": measured.nearest(vectors, measured.centroids(learned, texts.labels, classes)),
        "classifier": trained.network.predict(test, trained.vocabulary),
    }
    found = {}
    for way, given in answers.items():
        if given is not None:
            found[way] = measured.share_right(given, test.labels)
            if only is not None:
                found[f"group {way}"] = measured.share_right(given, test.labels, only)
    return found


def _centroid_share(
    network: TextNetwork, vocabulary: Vocabulary, texts: Texts, test: Texts, classes: int
) -> float:
    centres = measured.centroids(network.embed(texts, vocabulary), texts.labels, classes)
    return measured.share_right(measured.nearest(network.embed(test, vocabulary), centres), test.labels)


def _rows_a_class(labels: NDArray[np.int64], count: int | None, seed: int) -> list[NDArray[np.int64]]:
    """Rows of each class in an order drawn by the seed, `count` of each or fewer; all without a count."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(np.flatnonzero(labels == label))[:count] for label in np.unique(labels)]


def _draw_classes(classes: int, count: int, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng((seed, count)).permutation(classes)[:count])


def _of_classes(texts: Texts, chosen: NDArray[np.int64]) -> Texts:
    """Texts of some classes (G,), labelled by their place in these."""
    rows = np.flatnonzero(np.isin(texts.labels, chosen))
    found = texts.take(rows)
    return found.relabelled(np.searchsorted(chosen, found.labels))


def _register(
    labels: NDArray[np.int64], samples: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that are registered, so many of each class, and those that ask."""
    each: Iterable[NDArray[np.int64]] = _rows_a_class(labels, samples, seed)
    gallery = np.sort(np.concatenate(list(each)))
    return gallery, np.setdiff1d(np.arange(len(labels)), gallery)


_PARTS = {
    "rates": _rates,
    "base": _base,
    "variants": _base,
    "imbalance": _imbalance,
    "counts": _counts,
    "unseen": _unseen,
    "transfer": _transfer,
}
