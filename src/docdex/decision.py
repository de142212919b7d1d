"""Turn what the gallery found into an answer, in pure functions, so that the rule can be tested alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from docdex.errors import InvalidSetting
from docdex.labels import common_ancestor, contradicts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docdex.gallery import Hit

Verdict: TypeAlias = Literal["match", "ambiguous", "unknown"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A label and the sample of it that came nearest.

    similarity: raw cosine, -1 to 1. sample: id in the gallery. rotation: degrees counter-clockwise (0, 90,
    180, 270) by which the probe was turned when it came this near.
    """

    label: str
    similarity: float
    sample: str
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What is claimed about a probe.

    label: set for a `match` alone. similarity: that of the nearest candidate, `None` when there is none.
    """

    decision: Verdict
    label: str | None
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Match:
    """The answer to one page.

    decision, label, similarity: as in `Decision`. candidates: the nearest labels, nearest first, whatever the
    decision. rotation: degrees counter-clockwise (0, 90, 180, 270) by which the page must be turned to lie
    like the nearest sample; `None` without candidates. source, page: which page, from 1. threshold, margin:
    those decided with.
    """

    decision: Verdict
    label: str | None
    similarity: float | None
    candidates: tuple[Candidate, ...]
    rotation: int | None
    source: str
    page: int
    threshold: float
    margin: float


def rank_labels(found: Mapping[int, Sequence[Hit]]) -> tuple[Candidate, ...]:
    """Labels by their best sample over all rotations, nearest first.

    found: hits of the gallery for each rotation that was tried. A label scores by its best sample, so another
    sample makes it more sensitive, never less. Equal similarities go to the lower rotation and then by label
    and sample id, so that the order of hits changes nothing.
    """
    best: dict[str, Candidate] = {}
    for rotation, hits in found.items():
        for hit in hits:
            candidate = Candidate(hit.label, float(hit.similarity), hit.sample_id, rotation)
            rival = best.get(hit.label)
            if rival is None or _order(candidate) < _order(rival):
                best[hit.label] = candidate
    return tuple(sorted(best.values(), key=_order))


def decide(candidates: Sequence[Candidate], *, threshold: float, margin: float) -> Decision:
    """The deepest label that the nearest candidate and all its near rivals share.

    candidates: nearest first, and complete down to `margin` below the first (see `is_complete`).
    threshold: below it nothing is claimed. margin: at least 0; a candidate that contradicts the nearest one
    and is not farther behind than this is a near rival. So with a margin of 0 only an exact tie is one, and
    the spelling of labels never decides anything.

    A rival counts even when it is itself below the threshold. The threshold asks whether the probe is like
    anything registered at all; the margin asks whether the evidence tells two labels apart. A rival at 0.599
    is no weaker evidence against a best label at 0.601 because the threshold happens to lie between them.
    """
    if not candidates:
        return Decision("unknown", None, None)
    best = candidates[0]
    if best.similarity < threshold:
        return Decision("unknown", None, best.similarity)
    rivals = [
        candidate.label
        for candidate in candidates[1:]
        if best.similarity - candidate.similarity <= margin and contradicts(best.label, candidate.label)
    ]
    label = common_ancestor([best.label, *rivals]) if rivals else best.label
    return Decision("ambiguous" if label is None else "match", label, best.similarity)


def require_cosine(threshold: float) -> None:
    """Raise `InvalidSetting` for a threshold that no similarity can be compared with."""
    if not -1 <= threshold <= 1:
        raise InvalidSetting(f"The threshold {threshold:g} is no cosine: give one from -1 to 1.")


def is_complete(found: Mapping[int, Sequence[Hit]], *, depth: int, margin: float) -> bool:
    """Whether `depth` labels a rotation were enough to see every near rival.

    True when each rotation's list either ran out of labels before `depth` or ends farther behind the overall
    best than the margin: what was not asked for then cannot change the decision.
    """
    best = max((hits[0].similarity for hits in found.values() if hits), default=0.0)
    return all(len(hits) < depth or best - hits[-1].similarity > margin for hits in found.values())


def _order(candidate: Candidate) -> tuple[float, int, str, str]:
    return (-candidate.similarity, candidate.rotation, candidate.label, candidate.sample)
