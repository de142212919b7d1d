"""Write a text another way, so that its class is what stays when words are lost, misread or rearranged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_FEW = 4
"""Words of which none is left out: of so short a text each may be what it is about."""
_LOOK_ALIKE = {
    "0": "oO", "1": "lI", "5": "sS", "6": "b", "8": "B", "9": "g", "o": "0", "l": "1i", "i": "l1", "s": "5",
    "b": "6h", "g": "9q", "B": "8", "O": "0", "I": "l1", "S": "5", "m": "n", "n": "m", "e": "c", "c": "e",
    "u": "v", "v": "u",
}  # fmt: skip
"""What a reader of pictures takes a character for."""


def write_differently(text: str, rng: np.random.Generator) -> str:
    """A text with words left out, lines in another order, letters mistyped or misread, in another case.

    At least one word stays.
    """
    lines = text.split("\n")
    if len(lines) > 2 and rng.random() < 0.3:
        lines = _move_lines(lines, rng)
    if len(lines) > 3 and rng.random() < 0.4:
        keep = rng.random(len(lines)) > rng.uniform(0.05, 0.4)
        lines = [line for line, kept in zip(lines, keep, strict=True) if kept] or lines
    words = [line.split() for line in lines]
    if rng.random() < 0.6:
        words = _leave_out(words, rng)
    if rng.random() < 0.3:
        rate = rng.uniform(0.03, 0.36)
        words = [[_misspell(w, rng) if rng.random() < rate else w for w in line] for line in words]
    written = "\n".join(" ".join(line) for line in words)
    if rng.random() < 0.15:
        written = written.upper() if rng.random() < 0.5 else written.lower()
    return written if any(character.isalnum() for character in written) else text


def _move_lines(lines: list[str], rng: np.random.Generator) -> list[str]:
    """Two columns of print are read one after the other, or line by line."""
    cut = int(rng.integers(1, len(lines)))
    if rng.random() < 0.5:
        return lines[cut:] + lines[:cut]
    near = rng.normal(0, 2, len(lines))
    return [lines[n] for n in sorted(range(len(lines)), key=lambda n: n + near[n])]


def _leave_out(words: list[list[str]], rng: np.random.Generator) -> list[list[str]]:
    """Some words by chance, or a few in a row."""
    count = sum(len(line) for line in words)
    if count <= _FEW:
        return words
    if rng.random() < 0.3:
        length = max(1, int(count * rng.uniform(0.05, 0.35)))
        start = int(rng.integers(count - length + 1))
        kept = [not start <= n < start + length for n in range(count)]
    else:
        kept = (rng.random(count) > rng.uniform(0.02, 0.3)).tolist()
    place = iter(kept)
    return [[word for word in line if next(place)] for line in words]


def _misspell(word: str, rng: np.random.Generator) -> str:
    """One character misread, lost, doubled, or two of them exchanged."""
    place = int(rng.integers(len(word)))
    before, here, after = word[:place], word[place], word[place + 1 :]
    kind = rng.random()
    if kind < 0.5 and here in _LOOK_ALIKE:
        options = _LOOK_ALIKE[here]
        return before + options[int(rng.integers(len(options)))] + after
    if kind < 0.7:
        return before + after if len(word) > 1 else word
    if kind < 0.85:
        return before + here + here + after
    return before + after[:1] + here + after[1:]
