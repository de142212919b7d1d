from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from docdex.errors import TrainingError
from docdex.training.text.config import TextSource
from docdex.training.text.corpus import Corpus, Labelled, read_labelled

TABLE = 'label,text\r\na,"one, two"\r\nb,three\r\na,four\r\nb,---\r\n,five\r\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "texts.csv"
    path.write_bytes(TABLE.encode())
    return path


def test_rows_with_a_label_and_a_word_are_read(table: Path) -> None:
    assert read_labelled(table) == [Labelled("a", "one, two"), Labelled("b", "three"), Labelled("a", "four")]


def test_a_gzipped_table_is_the_same(table: Path, tmp_path: Path) -> None:
    packed = tmp_path / "texts.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    assert read_labelled(packed) == read_labelled(table)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "asked for are label and text"),
        (b"name,words\r\na,b\r\n", "asked for are label and text"),
        (b"label,text\r\n", "no text with a label"),
        (b"label,text\r\na,\xff\r\n", "no texts in UTF-8"),
        (b'label,text\r\na,"b', "no texts in UTF-8"),
        (gzip.compress(TABLE.encode())[:-12], "no texts in UTF-8"),
    ],
)
def test_a_file_of_anything_else_is_one_clear_error(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=rf"bad\.csv.*{said}"):
        read_labelled(path)


def test_a_folder_has_a_folder_a_label(tmp_path: Path) -> None:
    for label, name, text in [("b", "1", "two"), ("a", "2", "one"), ("a", "1", "--")]:
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{name}.txt").write_text(text, encoding="utf-8")
    assert read_labelled(tmp_path) == [Labelled("a", "one"), Labelled("b", "two")]


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"gone\.csv: no texts that can be read"):
        read_labelled(tmp_path / "gone.csv")


def test_no_text_of_a_held_out_label_is_in_the_corpus(table: Path) -> None:
    corpus = Corpus.read([TextSource(str(table), held_out=("a",))])
    assert corpus.texts == ["three"]
    assert corpus.classes == 1


def test_a_held_out_label_that_is_misspelt_is_an_error(table: Path) -> None:
    with pytest.raises(TrainingError, match="no label A to hold out"):
        Corpus.read([TextSource(str(table), held_out=("A",))])


def test_a_source_of_which_all_is_held_out_is_an_error(table: Path) -> None:
    labels = tuple(sorted({row.label for row in read_labelled(table)}))
    with pytest.raises(TrainingError, match="all of its labels are held out"):
        Corpus.read([TextSource(str(table), held_out=labels)])


def test_a_class_is_a_label_or_a_text(table: Path) -> None:
    corpus = Corpus.read([TextSource(str(table)), TextSource(str(table), classes="one")])
    assert corpus.classes == 2 + 3
    rng = np.random.default_rng(0)
    drawn = {corpus.draw(rng) for _ in range(200)}
    assert drawn == {(0, 0), (0, 2), (1, 1), (2, 3), (3, 4), (4, 5)}


def test_a_source_is_drawn_by_its_weight(table: Path) -> None:
    corpus = Corpus.read([TextSource(str(table), weight=3), TextSource(str(table), weight=1)])
    rng = np.random.default_rng(0)
    first = sum(corpus.draw(rng)[0] < 2 for _ in range(2000)) / 2000
    assert first == pytest.approx(0.75, abs=0.05)
