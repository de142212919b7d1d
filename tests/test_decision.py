from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.decision import Candidate, Decision, decide, is_complete, rank_labels
from docdex.gallery import Hit
from docdex.labels import is_within

LABELS = [
    "claim",
    "claim/acme",
    "claim/acme/gen1",
    "claim/acme/gen2",
    "claim/bolt",
    "id",
    "id/utopia",
    "receipt",
]

labels = st.sampled_from(LABELS)
similarities = st.floats(-1, 1, width=32)
hits = st.builds(Hit, sample_id=st.text("abc", min_size=1, max_size=2), label=labels, similarity=similarities)
found = st.dictionaries(st.sampled_from([0, 90, 180, 270]), st.lists(hits, max_size=6), max_size=4)
margins = st.floats(0, 0.5)


def ranked(**similarity: float) -> list[Candidate]:
    candidates = [Candidate(label.replace("__", "/"), value, label) for label, value in similarity.items()]
    return sorted(candidates, key=lambda candidate: -candidate.similarity)


def test_nothing_registered_is_unknown_without_a_similarity() -> None:
    assert decide([], threshold=0.5, margin=0.1) == Decision("unknown", None, None)


def test_a_stranger_is_unknown_and_says_how_near_it_came() -> None:
    assert decide(ranked(id=0.49), threshold=0.5, margin=0.1) == Decision("unknown", None, 0.49)


def test_the_threshold_itself_is_enough() -> None:
    assert decide(ranked(id=0.5), threshold=0.5, margin=0.1).label == "id"


@pytest.mark.parametrize(
    ("candidates", "label"),
    [
        (ranked(id__gen2=0.9, id__gen1=0.7), "id/gen2"),
        (ranked(id__gen2=0.9, id__gen1=0.88), "id"),
        (ranked(id__a__x=0.9, id__a__y=0.89, id__b=0.88), "id"),
        (ranked(id__a__x=0.9, id__a__y=0.89, id__b=0.7), "id/a"),
        (ranked(id__gen2=0.9, id=0.9), "id/gen2"),
        (ranked(id=0.9, id__gen2=0.89, id__gen1=0.89), "id"),
        (ranked(id__gen2=0.9, id__gen1=0.89, receipt=0.89), None),
        (ranked(id=0.9, receipt=0.89), None),
        (ranked(id=0.9, receipt=0.8), "id"),
    ],
)
def test_the_answer_is_the_deepest_label_that_near_rivals_share(
    candidates: list[Candidate], label: str | None
) -> None:
    decision = decide(candidates, threshold=0.5, margin=0.05)
    assert decision == Decision("match" if label else "ambiguous", label, 0.9)


def test_a_rival_below_the_threshold_still_counts() -> None:
    assert decide(ranked(id=0.601, receipt=0.599), threshold=0.6, margin=0.05).decision == "ambiguous"


def test_without_a_margin_only_an_exact_tie_is_ambiguous() -> None:
    assert decide(ranked(id=0.9, receipt=0.9), threshold=0.5, margin=0).decision == "ambiguous"
    assert decide(ranked(id=0.9, receipt=0.8999), threshold=0.5, margin=0).label == "id"


@given(found, similarities, margins)
def test_the_answer_is_the_nearest_label_or_an_ancestor_of_it(
    found: dict[int, list[Hit]], threshold: float, margin: float
) -> None:
    candidates = rank_labels(found)
    decision = decide(candidates, threshold=threshold, margin=margin)
    assert (decision.label is not None) == (decision.decision == "match")
    if decision.label is not None:
        assert is_within(candidates[0].label, decision.label)


@given(found, similarities, similarities, margins)
def test_a_higher_threshold_never_claims_more(
    found: dict[int, list[Hit]], one: float, other: float, margin: float
) -> None:
    low, high = sorted([one, other])
    candidates = rank_labels(found)
    strict = decide(candidates, threshold=high, margin=margin)
    if strict.decision != "unknown":
        assert decide(candidates, threshold=low, margin=margin) == strict


@given(found, similarities, margins, margins)
def test_a_wider_margin_never_says_more(
    found: dict[int, list[Hit]], threshold: float, one: float, other: float
) -> None:
    narrow, wide = sorted([one, other])
    candidates = rank_labels(found)
    cautious = decide(candidates, threshold=threshold, margin=wide)
    if cautious.label is not None:
        bold = decide(candidates, threshold=threshold, margin=narrow)
        assert bold.label is not None
        assert is_within(bold.label, cautious.label)


@given(found, st.sampled_from([0, 90, 180, 270]), hits)
def test_another_sample_never_lowers_its_label(found: dict[int, list[Hit]], rotation: int, hit: Hit) -> None:
    before = {candidate.label: candidate.similarity for candidate in rank_labels(found)}
    more = {**found, rotation: [*found.get(rotation, []), hit]}
    after = {candidate.label: candidate.similarity for candidate in rank_labels(more)}
    assert all(after[label] >= similarity for label, similarity in before.items())
    assert after[hit.label] >= hit.similarity


@given(found)
def test_each_label_appears_once_and_nearest_first(found: dict[int, list[Hit]]) -> None:
    candidates = rank_labels(found)
    assert {candidate.label for candidate in candidates} == {
        hit.label for hits in found.values() for hit in hits
    }
    assert len({candidate.label for candidate in candidates}) == len(candidates)
    assert [c.similarity for c in candidates] == sorted((c.similarity for c in candidates), reverse=True)


@given(found)
def test_the_order_of_hits_and_rotations_changes_nothing(found: dict[int, list[Hit]]) -> None:
    backwards = {rotation: hits[::-1] for rotation, hits in reversed(found.items())}
    assert rank_labels(backwards) == rank_labels(found)


def test_of_equally_near_rotations_the_lowest_is_told() -> None:
    hit = Hit(sample_id="s", label="id", similarity=0.7)
    assert rank_labels({180: [hit], 90: [hit]})[0].rotation == 90


@given(found, similarities, margins, st.integers(1, 6))
def test_a_complete_search_decides_like_an_endless_one(
    found: dict[int, list[Hit]], threshold: float, margin: float, depth: int
) -> None:
    # As a gallery answers: the best sample of each label, nearest first.
    full = {}
    for rotation, hits in found.items():
        candidates = rank_labels({rotation: hits})
        full[rotation] = [Hit(c.sample, c.label, c.similarity) for c in candidates]
    cut = {rotation: hits[:depth] for rotation, hits in full.items()}
    if is_complete(cut, depth=depth, margin=margin):
        assert decide(rank_labels(cut), threshold=threshold, margin=margin) == decide(
            rank_labels(full), threshold=threshold, margin=margin
        )
