"""Fixtures of many tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from docdex.recognizer import Recognizer
from fakes import TINY, PageOf, Pixels, draw_blocks, open_fake

# A busy machine is slow, not wrong: no test may fail by the clock.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def page_of() -> PageOf:
    """The page whose vector under `FakeEmbedder` has the direction of these numbers, -1 to 1, then zeros."""

    def make(*numbers: float) -> Pixels:
        vector = np.zeros(12)
        vector[: len(numbers)] = numbers
        return np.round(128 + 127 * vector).astype(np.uint8).reshape(2, 2, 3)

    return make


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Recognizer]:
    """A recogniser on a gallery not yet made, with `FakeEmbedder`."""
    with open_fake(tmp_path / "fake.db") as recognizer:
        yield recognizer


@pytest.fixture
def tiny() -> Path:
    """A real ONNX model with its passport: 64 px, 32 dimensions, tells pages apart by coarse layout."""
    return TINY


@pytest.fixture
def blocks() -> Callable[[int], Pixels]:
    """See `draw_blocks`."""
    return draw_blocks
