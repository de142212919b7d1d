from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.errors import InvalidLabel
from docdex.labels import (
    MAX_CHARACTERS,
    MAX_SEGMENT_CHARACTERS,
    MAX_SEGMENTS,
    ancestors,
    common_ancestor,
    contradicts,
    is_within,
    parse,
)

# Few letters, so that generated labels often share ancestors; "a-" sorts between "a" and "a/".
segments = st.sampled_from(["a", "b", "a-", "ab"])
labels = st.lists(segments, min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    "text",
    [
        "invoice",
        "claim/acme/second-generation",
        "Führerschein/vorne",
        "身分証/表",
        "a b/c.d",
        ".hidden",
        "1/2/3/4/5/6/7/8",
    ],
)
def test_a_label_is_a_path_of_any_language(text: str) -> None:
    assert parse(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        " a",
        "a ",
        "a/ b",
        "\u00a0a",
        ".",
        "a/..",
        "a/.../b",
        "a\nb",
        "a\x00b",
        "a\x7f",
        "a\u2028b",
        "\ud800",
        "abc\u202edef",
        "abc\u200e",
        "abc\u200f",
        "abc\u061c",
        "/".join("123456789"),
        "a" * 65,
        "/".join(["a" * 50] * 6),
        "unknown",
        "Unknown",
        "unknown/card",
    ],
)
def test_text_outside_the_grammar_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidLabel) as caught:
        parse(text)
    caught.value.message.encode()  # can be printed, whatever was given
    assert caught.value.message.endswith(".")


def test_limits_are_inclusive() -> None:
    longest = "/".join(
        ["a" * MAX_SEGMENT_CHARACTERS] * 3 + ["a" * (MAX_CHARACTERS - 3 * MAX_SEGMENT_CHARACTERS - 3)]
    )
    assert len(parse(longest)) == MAX_CHARACTERS
    assert parse("/".join("a" * MAX_SEGMENTS)).count("/") == MAX_SEGMENTS - 1


def test_unknown_is_reserved_at_the_top_only() -> None:
    assert parse("claim/unknown") == "claim/unknown"
    assert parse("unknowns") == "unknowns"


def test_two_spellings_of_a_letter_are_one_label() -> None:
    assert parse("cafe\u0301") == parse("caf\u00e9") == "caf\u00e9"


def test_an_endless_label_makes_no_endless_message() -> None:
    with pytest.raises(InvalidLabel) as caught:
        parse("a" * 1_000_000)
    assert len(caught.value.message) < 250


@given(st.text(max_size=300))
def test_whatever_is_accepted_is_accepted_again_unchanged(text: str) -> None:
    try:
        label = parse(text)
    except InvalidLabel:
        return
    assert parse(label) == label == unicodedata.normalize("NFC", text)
    assert [parse(label) for label in ancestors(label)] == list(ancestors(label))


@given(labels)
def test_ancestors_are_what_a_label_is_within_besides_itself(label: str) -> None:
    above = ancestors(label)
    assert label not in above
    assert len(above) == label.count("/")
    assert all(is_within(label, ancestor) for ancestor in (*above, label))


@given(labels, labels)
def test_within_is_the_order_of_a_tree(a: str, b: str) -> None:
    assert is_within(a, b) == (b in (*ancestors(a), a))
    assert (is_within(a, b) and is_within(b, a)) == (a == b)


@given(labels, labels)
def test_labels_contradict_unless_one_is_within_the_other(a: str, b: str) -> None:
    assert contradicts(a, b) == contradicts(b, a) == (common_ancestor([a, b]) not in {a, b})


@given(st.lists(labels, min_size=1, max_size=5))
def test_the_common_ancestor_is_the_deepest_label_that_all_are_within(given_labels: list[str]) -> None:
    first = given_labels[0]
    shared = [
        above for above in (*ancestors(first), first) if all(is_within(each, above) for each in given_labels)
    ]
    assert common_ancestor(given_labels) == (shared[-1] if shared else None)


def test_no_labels_share_nothing() -> None:
    assert common_ancestor([]) is None
