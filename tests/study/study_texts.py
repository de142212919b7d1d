"""Texts of made-up topics, and a study of them that takes seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

LABELS = ("birds", "rivers", "stars", "tools")

CONFIG = """
name = "tiny"
losses = ["cross-entropy", "triplet", "untrained", "tf-idf"]
seeds = [1, 2]
smallest = 2
workers = 0
pictured = 20

[data]
train = ["{folder}/train.csv"]
test = ["{folder}/test.csv"]
strangers = ["{folder}/strangers.csv"]

[model]
dimension = 8

[optim]
rates = [0.3]
epochs = 2
batch = 16
"""


def draw_rows(seed: int, each: int, labels: tuple[str, ...] = LABELS) -> list[tuple[str, str]]:
    """So many texts of each label: three of eight words of its topic among five of twenty that all share."""
    rng = np.random.default_rng(seed)
    rows = []
    for label in labels * each:
        own = [f"{label}{number}" for number in rng.integers(8, size=3)]
        shared = [f"Word{number}" for number in rng.integers(20, size=5)]
        rows.append((label, " ".join(rng.permutation([*own, *shared]))))
    return rows


def write_rows(path: Path, rows: list[tuple[str, str]], heads: tuple[str, str] = ("label", "text")) -> Path:
    """A CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heads, *rows])
    return path


def write_study(folder: Path, *lines: str) -> Path:
    """Texts to train, to test, and strangers, in a folder, and the path of a config with these lines too."""
    write_rows(folder / "train.csv", draw_rows(1, 12))
    write_rows(folder / "test.csv", draw_rows(2, 8))
    write_rows(folder / "strangers.csv", draw_rows(3, 5, ("clouds",)))
    path = folder / "tiny.toml"
    path.write_text("\n".join([CONFIG.replace("{folder}", folder.as_posix()), *lines]), encoding="utf-8")
    return path
