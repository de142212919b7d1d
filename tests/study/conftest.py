"""Folders with a tiny study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from study_texts import CONFIG, draw_rows, write_rows


@pytest.fixture
def study_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with texts to train, to test, and strangers."""
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "train.csv", draw_rows(1, 12))
    write_rows(tmp_path / "test.csv", draw_rows(2, 8))
    write_rows(tmp_path / "strangers.csv", draw_rows(3, 5, ("clouds",)))
    return tmp_path


@pytest.fixture
def tiny_study(study_folder: Path) -> Callable[..., Path]:
    """tiny_study("[imbalance]", ...): the path of a config with these lines as well."""

    def write(*lines: str) -> Path:
        path = study_folder / "tiny.toml"
        path.write_text("\n".join([CONFIG, *lines]), encoding="utf-8")
        return path

    return write
