from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_texts import LABELS, draw_rows, write_rows

pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")

from docdex.errors import StudyError
from docdex.study import read_config
from docdex.study.corpus import Corpus, Texts, Vocabulary

Tiny = Callable[..., Path]


def texts_of(*words: list[int]) -> Texts:
    """A text for each list of words, labelled 0, 1, and so on."""
    ends = np.cumsum([len(each) for each in words])
    return Texts(np.concatenate([np.array(each, np.int32) for each in words]), ends, np.arange(len(words)))


def words_of(texts: Texts) -> list[list[int]]:
    starts = [0, *texts.ends.tolist()][:-1]
    return [texts.words[start:end].tolist() for start, end in zip(starts, texts.ends.tolist(), strict=True)]


def test_words_are_lower_case_and_split_at_white_space(tiny_study: Tiny, study_folder: Path) -> None:
    config = read_config(tiny_study())
    write_rows(study_folder / "train.csv", [("a", "The  the\tEND."), ("b", "end. tHe")])
    write_rows(study_folder / "test.csv", [("b", "END end.")])
    corpus = Corpus.read(config)
    the, end = 0, 1
    assert words_of(corpus.train) == [[the, the, end], [end, the]]
    assert corpus.test.words[1] == end
    assert corpus.labels == ("a", "b")
    assert corpus.test.labels.tolist() == [1]
    assert set(corpus.strangers.labels.tolist()) == {-1}


def test_a_kept_corpus_is_the_one_that_was_read(tiny_study: Tiny, study_folder: Path) -> None:
    target = 'target = { train = ["train.csv"], test = ["test.csv"] }'
    corpus = Corpus.read(read_config(tiny_study("[transfer]", target)))
    corpus.write(study_folder / "corpus.npz")
    kept = Corpus.load(study_folder / "corpus.npz")
    assert (kept.labels, kept.known, kept.digest) == (LABELS, corpus.known, corpus.digest)
    assert kept.target_labels == LABELS
    for name in ("train", "test", "strangers", "target_train", "target_test"):
        one, other = getattr(kept, name), getattr(corpus, name)
        assert words_of(one) == words_of(other)
        assert (one.labels == other.labels).all()


def test_other_texts_or_labels_have_another_digest(tiny_study: Tiny, study_folder: Path) -> None:
    config = read_config(tiny_study())
    digest = Corpus.read(config).digest
    assert Corpus.read(config).digest == digest
    rows = draw_rows(2, 8)
    write_rows(study_folder / "test.csv", [*rows[:-1], (rows[0][0], rows[-1][1])])
    assert Corpus.read(config).digest != digest


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1), min_size=1, max_size=8),
    st.lists(st.integers(0, 7), max_size=12),
)
def test_taken_texts_have_their_words_in_order(words: list[list[int]], rows: list[int]) -> None:
    texts, chosen = texts_of(*words), [row % len(words) for row in rows]
    taken = texts.take(np.array(chosen, dtype=np.int64))
    assert words_of(taken) == [words[row] for row in chosen]
    assert taken.labels.tolist() == chosen


def test_rare_words_share_one_vector_and_the_others_have_their_own() -> None:
    some, more = texts_of([3, 1, 3], [1]), texts_of([0, 1])
    vocabulary = Vocabulary.of((some, more), known=5, min_count=2)
    assert vocabulary.size == 3
    assert vocabulary(texts_of([0, 1, 2, 3, 4])).tolist() == [0, 1, 0, 2, 0]
    assert Vocabulary.of((some,), known=5, min_count=1).size == 3


def test_a_test_label_that_training_lacks_is_an_error_that_names_it(
    tiny_study: Tiny, study_folder: Path
) -> None:
    config = read_config(tiny_study())
    write_rows(study_folder / "test.csv", [("comets", "Word1"), ("birds", "Word2")])
    with pytest.raises(StudyError, match="labels that no training text has: comets"):
        Corpus.read(config)


def test_a_single_label_is_an_error(tiny_study: Tiny, study_folder: Path) -> None:
    config = read_config(tiny_study())
    write_rows(study_folder / "train.csv", draw_rows(1, 3, ("birds",)))
    with pytest.raises(StudyError, match="only one label, birds"):
        Corpus.read(config)
