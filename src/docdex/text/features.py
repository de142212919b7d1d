"""Break a text into hashed features, the same ones on every machine, so that a model needs no vocabulary.

A feature is a word, a pair of neighbouring words, or three to five characters in a row of a word with a space
on each side. Each is a number of 64 bits, and all are computed at once over the text's code points: a word or
a run of characters c_0 c_1 … is the polynomial sum of c_i P^i modulo 2^64 (Karp and Rabin, 1987), a pair one
of its words; what kind it is is added, and the bits are mixed by the finaliser of SplitMix64 (Steele and
others, 2014). Python's own `hash` would give other numbers in every process.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 1
"""Part of the contract two vectors share: raised whenever `features` would give other numbers."""

LONGEST = 20_000
"""Characters of a text that are looked at, four densely printed pages: what a type is shows on its first."""

_LONGEST_WORD = 64
_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e"
"""Accents and vowel signs, which Python counts among the letters of no word: Hebrew, Arabic, Indic, Thai."""
_WORD = re.compile(rf"\w[\w{_MARKS}]{{0,{_LONGEST_WORD - 1}}}")
"""Letters and digits of any script; what is longer counts as several words."""
_RUNS = (3, 4, 5)
_BASE = 0x9E3779B97F4A7C15
_POWERS = np.array([pow(_BASE, i, 1 << 64) for i in range(_LONGEST_WORD)], dtype=np.uint64)
_WORDS, _PAIRS = 1, 2
"""Kinds; a run's kind is its length."""
_SALT = 0xD6E8FEB86659FD93
"""No power of the base: else the kind would only change a character."""


class Features(NamedTuple):
    """What a text is made of: `hashes` (F,) uint64, rising, each once, and `counts` (F,) int64 of each."""

    hashes: NDArray[np.uint64]
    counts: NDArray[np.int64]


def normalise(text: str) -> list[str]:
    """The words of a text's beginning: compatibility forms (NFKC) made one, case folded, all else left out.

    Python's Unicode tables grow with its version; for characters that Unicode 13 has (Python 3.10), all
    agree.
    """
    # An underscore is a letter to Python, and a line to fill in on a form.
    return _WORD.findall(unicodedata.normalize("NFKC", text[:LONGEST]).casefold().replace("_", " "))


def has_words(text: str) -> bool:
    """Whether a text has any letter or digit, and so any feature."""
    # Nearly always the first character says it; some signs are words only once they are normalised (㎏).
    return any(map(str.isalnum, text[:LONGEST])) or bool(normalise(text))


def features(text: str) -> Features:
    """The features of a text; none where it has no word."""
    words = normalise(text)
    if not words:
        return Features(np.empty(0, np.uint64), np.empty(0, np.int64))
    spaced = np.frombuffer(f" {' '.join(words)} ".encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    space = spaced == ord(" ")
    lengths = np.array([len(word) for word in words])
    hashes = np.concatenate([*_words(spaced[~space], lengths), *_runs(spaced, space)])
    return Features(*np.unique(_mixed(hashes), return_counts=True))


def _words(letters: NDArray[np.uint64], lengths: NDArray[np.int64]) -> list[NDArray[np.uint64]]:
    """Unmixed hashes of the words and of the pairs. letters: (L,) code points of all words. lengths: (W,)."""
    starts = np.cumsum(lengths) - lengths
    place = np.arange(len(letters)) - np.repeat(starts, lengths)
    words = np.add.reduceat(letters * _POWERS[place], starts)
    pairs = _mixed(words[:-1]) + words[1:] * np.uint64(_BASE)
    return [words + _salt(_WORDS), pairs + _salt(_PAIRS)]


def _runs(spaced: NDArray[np.uint64], space: NDArray[np.bool_]) -> list[NDArray[np.uint64]]:
    """Unmixed hashes of runs of characters that have a space at most at their ends."""
    before = np.concatenate([[0], np.cumsum(space)])
    found, hashes = [], spaced * _POWERS[0]
    for length in range(2, max(_RUNS) + 1):
        hashes = hashes[:-1] + spaced[length - 1 :] * _POWERS[length - 1]
        if length in _RUNS:
            inside = before[length - 1 : len(spaced)] - before[1 : len(spaced) - length + 2]
            found.append(hashes[inside == 0] + _salt(length))
    return found


def _salt(kind: int) -> np.uint64:
    salt: np.uint64 = np.uint64(kind * _SALT % (1 << 64))
    return salt


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(hashes ^ (hashes >> np.uint64(31)), dtype=np.uint64)
