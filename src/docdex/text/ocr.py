"""Reads the words in a picture, through the extra `ocr`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from docdex.errors import MissingExtra

Ocr: TypeAlias = Callable[[NDArray[np.uint8]], str]
"""Page (H, W, 3) uint8 RGB -> its text, a line for each that was found; empty where there is none."""

_opening = Lock()


def open_ocr() -> Ocr:
    """PP-OCR (arXiv 2009.09941) on one thread; one call at a time. Raises MissingExtra without `rapidocr`."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingExtra("Reading words in pictures needs an extra: pip install 'docdex[ocr]'.") from error

    # The wheel has no weights for the direction of lines; asking for them would download them.
    engine: Any = RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    # The engine keeps the settings of a call in itself.
    calling = Lock()

    def read(page: NDArray[np.uint8]) -> str:
        with calling:
            found = engine(cv2.cvtColor(page, cv2.COLOR_RGB2BGR), use_cls=False)
        return "\n".join(found.txts or ())

    return read


def read_words(page: NDArray[np.uint8]) -> str:
    """The text of one page, by an engine that is opened at the first and kept. Raises MissingExtra."""
    with _opening:
        engine = _kept()
    return engine(page)


@cache
def _kept() -> Ocr:
    return open_ocr()
