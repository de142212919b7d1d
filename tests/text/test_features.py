from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.text.features import LONGEST, features, has_words, normalise

BASE, SALT, WRAP = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 1 << 64


def mixed(number: int) -> int:
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % WRAP
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % WRAP
    return number ^ (number >> 31)


def polynomial(characters: str) -> int:
    return sum(ord(c) * pow(BASE, i, WRAP) for i, c in enumerate(characters)) % WRAP


def plainly(text: str) -> dict[int, int]:
    """The features of a text, one after the other."""
    words = normalise(text)
    hashes = [mixed((polynomial(word) + SALT) % WRAP) for word in words]
    for one, other in pairwise(words):
        hashes.append(mixed((mixed(polynomial(one)) + polynomial(other) * BASE + 2 * SALT) % WRAP))
    for word in words:
        spaced = f" {word} "
        for length in (3, 4, 5):
            for start in range(len(spaced) - length + 1):
                run = spaced[start : start + length]
                hashes.append(mixed((polynomial(run) + length * SALT) % WRAP))
    return {number: hashes.count(number) for number in hashes}


@given(st.text(max_size=80))
def test_features_are_those_of_the_plain_rule(text: str) -> None:
    found = features(text)
    assert dict(zip(found.hashes.tolist(), found.counts.tolist(), strict=True)) == plainly(text)
    assert (np.diff(found.hashes.astype(object)) > 0).all()
    assert has_words(text) == bool(len(found.hashes))


def test_features_are_the_same_in_every_process() -> None:
    code = "from docdex.text.features import features; print(*features('Invoice no. 7').hashes)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "4"},
    )
    assert done.stdout.split() == [str(number) for number in features("Invoice no. 7").hashes]


def test_features_never_change_without_a_new_version() -> None:
    found = features("Total: 7.00 €")
    assert [int(number) for number in found.hashes[:3]] == FIRST_OF_TOTAL


FIRST_OF_TOTAL = [616272649354888602, 1041205388186831326, 1309065778630075595]


@pytest.mark.parametrize(
    ("one", "other"),
    [("INVOICE No. 7", "invoice no 7"), ("ﬁnal", "final"), ("a  b\n\tc", "A-b_c!"), ("STRASSE", "straße")],
)
def test_case_spaces_signs_and_ligatures_make_no_difference(one: str, other: str) -> None:
    assert features(one).hashes.tolist() == features(other).hashes.tolist()


@pytest.mark.parametrize("text", ["", "  \n", "-- *** --", "€ £ _"])
def test_a_text_without_a_word_has_no_feature(text: str) -> None:
    assert len(features(text).hashes) == 0


def test_words_of_any_script_are_words() -> None:
    assert normalise("Käse 謝謝 счёт ٣٤") == ["käse", "謝謝", "счёт", "٣٤"]
    assert normalise("हिन्दी, बिल। ใบเสร็จ") == ["हिन्दी", "बिल", "ใบเสร็จ"]


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    beginning = "word " * (LONGEST // 5)
    assert features(beginning + "never").hashes.tolist() == features(beginning).hashes.tolist()
    assert not has_words(" " * LONGEST + "never")


def test_a_word_without_end_is_several_words() -> None:
    assert [len(word) for word in normalise("x" * 150)] == [64, 64, 22]


def test_what_is_said_twice_is_counted_twice() -> None:
    assert set(features("tax tax").counts.tolist()) == {1, 2}
