"""Sum up cells over their seeds: means with intervals, time to quality, and the published findings."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from docdex.study.findings import check_findings
from docdex.study.intervals import figure
from docdex.study.record import Row, Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docdex.study.config import StudyConfig
    from docdex.study.corpus import Corpus, Texts
    from docdex.study.record import Found

QUALITY = 0.95
"""Of the published classifier's final quality, mean over seeds: what time to quality is the time to."""


def summarise(config: StudyConfig, corpus: Corpus, found: Sequence[Found]) -> Study:
    """All cells of a study as rows, in the order of parts, questions and losses as they came."""
    grouped: dict[tuple[str, str, str], list[Found]] = defaultdict(list)
    for each in found:
        grouped[each.cell.part, each.cell.of, each.cell.loss].append(each)
    target = _quality_target(grouped.get(("base", "", config.sides[0]), ()))
    sizes = np.stack([_sizes(texts, corpus) for texts in (corpus.train, corpus.test)], axis=1).tolist()
    study = Study(
        config=config,
        digest=corpus.digest,
        sizes={label: (size[0], size[1]) for label, size in zip(corpus.labels, sizes, strict=True)},
        strangers=len(corpus.strangers),
        rows=tuple(_row(group, target) for group in grouped.values()),
    )
    return check_findings(study)


def _row(group: Sequence[Found], target: float | None) -> Row:
    first = group[0]
    names = dict.fromkeys(name for found in group for name in found.figures)
    figures = {name: figure([found.figures.get(name) for found in group]) for name in names}
    if first.curve and target is not None:
        figures["seconds to quality"] = figure([_time_to(found, target) for found in group])
    return Row(
        part=first.cell.part,
        of=first.cell.of,
        loss=first.cell.loss,
        rate=first.cell.rate,
        seeds=tuple(found.cell.seed for found in group),
        figures=figures,
        texts=first.texts,
        words=first.words,
        seconds=_mean([found.seconds for found in group]) or 0.0,
        cpu_seconds=_mean([found.cpu_seconds for found in group]) or 0.0,
        megabytes=_mean([found.megabytes for found in group]),
        own_megabytes=_mean([found.own_megabytes for found in group]),
        cohesions={
            label: _mean([found.cohesions.get(label) for found in group]) for label in first.cohesions
        },
    )


def _quality_target(group: Sequence[Found]) -> float | None:
    final = _mean([found.figures.get("centroid") for found in group])
    return None if final is None else QUALITY * final


def _time_to(found: Found, target: float) -> float | None:
    """CPU seconds of training until the quality was first there; None if it never was."""
    return next((seconds for seconds, quality in found.curve if quality >= target), None)


def _sizes(texts: Texts, corpus: Corpus) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.bincount(texts.labels, minlength=len(corpus.labels))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
