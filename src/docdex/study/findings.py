"""Check the published findings one by one, by rules that stood here before any of our runs.

A finding that one side is better is *reproduced* if the difference of the two, metric learning less
classification, seed by seed, has a 95 % interval (Student's t) that lies wholly on the published side of
zero. One that they are equal is reproduced if that interval lies wholly within two hundredths. Everything
else that was measured is *not reproduced*, be it undecided or the other way round: the numbers say which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from docdex.study.intervals import figure
from docdex.study.published import PUBLISHED
from docdex.study.record import Finding
from docdex.study.words import FIGURES

if TYPE_CHECKING:
    from docdex.study.cells import Part
    from docdex.study.record import Study

_EQUAL = 0.02
"""How far apart sides that are equal may be: about what one seed differs from the next."""
CUT = 0.1
"""The published share to which a class was cut."""


class _Claim(NamedTuple):
    """A published finding and what of ours decides it.

    figure: of the rows `part` and, averaged, `of`. sign: of metric less classification as published; 0 if
    equal.
    """

    finding: str
    published: str
    part: Part
    figure: str
    sign: int
    of: tuple[str, ...] = ("",)


def check_findings(study: Study) -> Study:
    """The study with each published finding beside what it found itself; without any that is not its own."""
    if study.config.published is None:
        return study
    claims = {"ag_news": _about_ag_news, "dbpedia_classes": _about_dbpedia}[study.config.published](study)
    findings = [_check(study, each) for claim in claims for each in (claim, *_otherwise(study, claim))]
    return msgspec.structs.replace(study, findings=(*findings, _about_cost(study)))


def _otherwise(study: Study, claim: _Claim) -> list[_Claim]:
    """The finding about cohesion again, for each open point that was decided otherwise."""
    if (claim.part, claim.figure) != ("base", "cohesion"):
        return []
    return [
        claim._replace(finding=f"{claim.finding}: {variant.name}", part="variants", of=(variant.name,))
        for variant in study.config.variants
    ]


def _about_ag_news(study: Study) -> list[_Claim]:
    classifier, metric = PUBLISHED["ag_news"].classifier, PUBLISHED["ag_news"].metric
    each = [
        _Claim(
            f"So it is in {label}",
            f"{metric.by_class[label]:.2f} against {classifier.by_class[label]:.2f}",
            "base",
            f"cohesion of {label}",
            1,
        )
        for label in study.sizes
        if metric.by_class and classifier.by_class and label in metric.by_class
    ]
    cut = tuple(f"{label} at {100 * CUT:g} %" for label in study.sizes)
    seen = "seen in t-SNE pictures"
    return [
        _Claim(
            "With few classes metric learning is more cohesive",
            f"{metric.mean:.2f} against {classifier.mean:.2f}",
            "base",
            "cohesion",
            1,
        ),
        *each,
        _Claim(
            "A class cut to 10 % is more cohesive in metric learning",
            seen,
            "imbalance",
            "group cohesion",
            1,
            cut,
        ),
        _Claim("It is farther from the other classes", seen, "imbalance", "group to others", -1, cut),
        _EQUAL_OVERALL,
    ]


def _about_dbpedia(study: Study) -> list[_Claim]:
    classifier, metric = PUBLISHED["dbpedia_classes"].classifier, PUBLISHED["dbpedia_classes"].metric
    smallest, better = (
        f"the {study.config.smallest} smallest classes",
        "metric learning is better under imbalance",
    )
    return [
        _Claim(
            "With many classes classification is more cohesive",
            f"{metric.mean:.2f} against {classifier.mean:.2f}",
            "base",
            "cohesion",
            -1,
        ),
        _Claim(f"Metric learning has {smallest} more cohesive", better, "base", "group cohesion", 1),
        _Claim(f"It has {smallest} farther from the others", better, "base", "group to others", -1),
        _Claim(f"It has {smallest} farther from each other", better, "base", "group among itself", -1),
        _Claim(
            "What metric learning learned transfers better to AG_NEWS",
            "metric learning is better in transfer",
            "transfer",
            "fine-tuned of all texts",
            1,
        ),
        _EQUAL_OVERALL,
    ]


_EQUAL_OVERALL = _Claim("Overall the two are about equal", "no figure", "base", "centroid", 0)


def _check(study: Study, claim: _Claim) -> Finding:
    rule = f"{FIGURES.get(claim.figure, claim.figure)}: metric less classification, 95 % interval "
    rule += f"within ±{_EQUAL:g}" if not claim.sign else "above 0" if claim.sign > 0 else "below 0"
    sides = [_by_seed(study, claim, loss) for loss in study.config.sides]
    seeds = sorted(sides[0].keys() & sides[1].keys())
    found = figure([sides[1][seed] - sides[0][seed] for seed in seeds])
    if found.mean is None or found.low is None or found.high is None:
        return Finding(claim.finding, claim.published, "not measured", rule, "not testable here")
    held = {
        0: found.low >= -_EQUAL and found.high <= _EQUAL,
        1: found.low > 0,
        -1: found.high < 0,
    }[claim.sign]
    classifier, metric = (float(np.mean([side[seed] for seed in seeds])) for side in sides)
    ours = f"{metric:.3f} against {classifier:.3f}: {found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    return Finding(claim.finding, claim.published, ours, rule, "reproduced" if held else "not reproduced")


def _by_seed(study: Study, claim: _Claim, loss: str) -> dict[int, float]:
    """A figure of one side by seed, mean over the questions; seeds that lack one are left out."""
    values: dict[int, list[float]] = {}
    for of in claim.of:
        row = study.find(claim.part, loss, of)
        if row is None and claim.part == "variants":  # one that is nothing to this side
            row = study.find("base", loss)
        found = row.figures.get(claim.figure) if row else None
        if row is None or found is None:
            return {}
        for seed, value in zip(row.seeds, found.values, strict=True):
            values.setdefault(seed, []).extend([] if value is None else [value])
    return {seed: float(np.mean(each)) for seed, each in values.items() if len(each) == len(claim.of)}


def _about_cost(study: Study) -> Finding:
    """That time and memory matter as much as quality is for each to weigh: here is what they are."""
    rows = [study.find("base", loss) for loss in study.config.sides]
    shown = [
        f"{row.cpu_seconds:.1f} s of CPU"
        + ("" if row.own_megabytes is None else f" and {row.own_megabytes:.0f} MB")
        for row in rows
        if row is not None
    ]
    return Finding(
        "Time and memory matter as much as quality",
        "neither was measured",
        " against ".join(reversed(shown)) or "not measured",
        "a judgement, which no figure decides",
        "not testable here",
    )
