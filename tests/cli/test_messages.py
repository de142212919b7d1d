from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from docdex.cli.messages import readable, shown

ANY = st.text(st.characters(exclude_categories=()))


@given(ANY)
def test_nothing_that_is_shown_can_move_the_cursor_or_break_a_line(text: str) -> None:
    assert not {"Cc", "Cs"} & {unicodedata.category(c) for c in shown(text)}


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == readable(text) == text


@given(ANY)
def test_readable_text_can_always_be_written(text: str) -> None:
    readable(text).encode("utf-8")


def test_an_escape_sequence_in_a_name_is_spelt_out() -> None:
    assert shown("a\x1b[31m\n\udce9") == "a\\x1b[31m\\n\\udce9"
