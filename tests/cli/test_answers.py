from __future__ import annotations

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from docdex.cli.answers import Answer, by_file, page_ranges, record
from docdex.decision import Candidate, Match
from docdex.errors import DamagedSource
from docdex.images import Refusal

KEYS = ["source", "page", "decision", "label", "similarity", "rotation", "candidates", "error"]


def match(page: int = 1, label: str | None = "claim/acme", source: str = "scan.pdf") -> Match:
    return Match(
        decision="match" if label else "unknown",
        label=label,
        similarity=0.91,
        candidates=(Candidate("claim/acme", 0.91, "5f", 90),),
        rotation=90,
        source=source,
        page=page,
        threshold=0.5,
        margin=0.02,
    )


def refusal(page: int | None = None, source: str = "scan.pdf") -> Refusal:
    return Refusal(source, page, DamagedSource("scan.pdf is broken."))


def as_json(answer: Answer) -> dict[str, object]:
    decoded: dict[str, object] = msgspec.json.decode(msgspec.json.encode(record(answer)))
    return decoded


def test_an_answer_has_exactly_the_promised_keys_in_their_order() -> None:
    said = as_json(match())
    assert list(said) == list(as_json(refusal())) == KEYS
    assert said["candidates"] == [{"label": "claim/acme", "similarity": 0.91, "sample": "5f"}]
    assert (said["decision"], said["rotation"], said["error"]) == ("match", 90, None)


def test_a_refused_input_has_an_error_and_null_elsewhere() -> None:
    said = as_json(refusal(page=3))
    assert said.pop("error") == {"code": "damaged-source", "message": "scan.pdf is broken."}
    assert (said.pop("source"), said.pop("page")) == ("scan.pdf", 3)
    assert set(said.values()) == {None}


def test_a_name_that_is_no_text_still_becomes_json() -> None:
    assert as_json(match(source="caf\udce9.pdf"))["source"] == "caf\\udce9.pdf"


def test_pages_with_one_answer_are_one_range() -> None:
    file = [match(1), match(2), match(3), match(4, None)]
    assert page_ranges(file) == "1-3 claim/acme, 4 unknown"


def test_a_page_that_was_not_asked_for_ends_a_range() -> None:
    assert (
        page_ranges([match(1), match(3), match(4), refusal(5)]) == "1 claim/acme, 3-4 claim/acme, 5 refused"
    )


@given(st.dictionaries(st.integers(1, 30), st.sampled_from(["a", "b/c", None]), min_size=1))
def test_ranges_say_the_answer_of_every_page_and_of_no_other(pages: dict[int, str | None]) -> None:
    file = [match(page, pages[page]) for page in sorted(pages)]
    said = {}
    for part in page_ranges(file).split(", "):
        found = re.fullmatch(r"(\d+)(?:-(\d+))? (.+)", part)
        assert found is not None
        for page in range(int(found[1]), int(found[2] or found[1]) + 1):
            said[page] = None if found[3] == "unknown" else found[3]
    assert said == pages


def test_every_answer_comes_once_and_a_file_after_its_last_page() -> None:
    answers = [match(1), match(2), match(1, source="b.jpg"), match(2), refusal(), match(1), match(2)]
    told = list(by_file(answers))
    assert [answer for answer, _ in told] == answers
    assert [len(file) for _, file in told] == [0, 2, 1, 1, 1, 0, 2]


def test_a_file_given_twice_is_told_twice() -> None:
    told = [file for _, file in by_file([match(1), match(2), match(1), match(2)]) if file]
    assert [len(file) for file in told] == [2, 2]
