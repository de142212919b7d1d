"""Folders with a tiny study."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from study_texts import write_study


@pytest.fixture
def study_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tiny_study(study_folder: Path) -> Callable[..., Path]:
    """tiny_study("[imbalance]", ...): the path of a config with these lines as well; its texts are there."""
    return partial(write_study, study_folder)
