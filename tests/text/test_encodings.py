"""Bytes become the text they hold, or one error; nothing is read with wrong letters in silence."""

from __future__ import annotations

import codecs
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.errors import DocdexError, MissingExtra, UnsupportedFormat
from docdex.text.encodings import decode, find_declared

LETTER = "Sehr geehrte Damen und Herren,\nfür die Lieferung überweisen Sie bitte 12 € an Jürgen Groß."


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_mark_at_the_beginning_is_believed(mark: bytes, encoding: str) -> None:
    assert decode(mark + LETTER.encode(encoding), "x", declared="cp1251") == LETTER


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_told_without_a_mark(encoding: str) -> None:
    assert decode(LETTER.encode(encoding), "x") == LETTER


@pytest.mark.parametrize("encoding", ["cp1252", "iso8859-15", "utf-8", "cp1140"])
def test_a_declared_encoding_is_believed(encoding: str) -> None:
    assert decode(LETTER.encode(encoding), "x", declared=encoding) == LETTER


def test_latin_1_as_declared_on_the_web_is_windows_1252() -> None:
    assert decode("12 €".encode("cp1252"), "x", declared="ISO-8859-1") == "12 €"


@pytest.mark.parametrize("declared", ["us-ascii", "utf-16", "no-such-encoding", "rot13", "idna", "", "\0"])
def test_a_declaration_that_does_not_fit_is_passed_over(declared: str) -> None:
    assert decode(LETTER.encode(), "x", declared=declared) == LETTER


@pytest.mark.parametrize(
    "start",
    [
        '<meta charset="windows-1251">',
        "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
        '<?xml version="1.0" encoding="windows-1251"?>',
    ],
)
def test_what_html_and_xml_declare_is_found(start: str) -> None:
    assert find_declared(f"<html>{start}</html>".encode()) == "windows-1251"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (LETTER, "cp1252"),
        ("Уважаемые господа, направляем вам счёт на оплату услуг за октябрь.", "cp1251"),
        ("拝啓、貴社ますますご清栄のこととお慶び申し上げます。請求書を同封いたします。", "shift_jis"),
    ],
)
def test_older_encodings_are_told_apart_with_the_extra(text: str, encoding: str) -> None:
    pytest.importorskip("chardet", reason="needs the extra text")
    assert decode(text.encode(encoding), "x") == text


def test_without_the_extra_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chardet", None)
    with pytest.raises(MissingExtra, match=r"old\.txt.*docdex\[text\].*UTF-8"):
        decode(LETTER.encode("cp1252"), "old.txt")
    assert decode(LETTER.encode(), "new.txt") == LETTER


@pytest.mark.parametrize(
    "data",
    [
        random.Random(1).randbytes(5_000),
        b"text\0with a zero",
        b"\x01\x02\x03 few letters",
        b"\xff\xfe\x00\xd8",
    ],
    ids=["random", "zero", "controls", "broken UTF-16"],
)
def test_what_is_no_text_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match=r"thing\.bin"):
        decode(data, "thing.bin")


def test_the_end_mark_of_old_files_does_no_harm() -> None:
    assert decode(b"an old text\x1a", "x") == "an old text\x1a"


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "utf-7", "iso-2022-jp", "cp1252", "utf-16"]))
def test_any_bytes_give_text_or_one_of_our_errors(data: bytes, declared: str | None) -> None:
    try:
        assert isinstance(decode(data, "x", declared), str)
    except DocdexError as error:
        assert "x" in error.message


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_utf_8_is_read_as_it_was_written(text: str) -> None:
    if not text.startswith("\ufeff"):
        assert decode(text.encode(), "x") == text
