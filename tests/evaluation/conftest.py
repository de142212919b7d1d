"""A benchmark folder small enough to be measured in a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

TYPES = {"cards/red": 3, "cards/blue": 2, "letters/acme": 2}
"""Instances by `<set>/<type>`; `letters` has one type only."""


def write(path: Path, seed: int, noise: int, number: int) -> None:
    """Write a picture of a type: coarse blocks that its seed decides, under noise that its number decides."""
    cells = np.random.default_rng(seed).integers(0, 256, (8, 8, 3))
    page = np.repeat(np.repeat(cells, 10, axis=0), 8, axis=1)
    page = page + np.random.default_rng([seed, number]).integers(-noise, noise + 1, page.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.clip(page, 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def benchmark_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets, three types with 7 instances, 3 flat strangers with 2 stress copies each: 23 pictures."""
    root = tmp_path_factory.mktemp("data") / "dev"
    for seed, (kind, count) in enumerate(TYPES.items()):
        for number in range(count):
            write(root / "flat" / kind / f"{number:02}.jpg", seed, 40, number)
            write(root / "stress" / kind / f"{number:02}.jpg", seed, 90, 100 + number)
    for stranger in range(3):
        folder = root / "strangers"
        write(folder / "flat" / "posters" / f"p{stranger}.jpg", 50 + stranger, 10, 0)
        for copy in range(2):
            write(folder / "stress" / "posters" / f"p{stranger}-{copy}.jpg", 50 + stranger, 90, copy)
    return root


@pytest.fixture
def picture() -> Callable[[int], NDArray[np.uint8]]:
    """A page (256, 192, 3) of random blocks that shrinks to 64 and 16 pixels without a remainder."""

    def make(seed: int) -> NDArray[np.uint8]:
        cells = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        return np.repeat(np.repeat(cells, 16, axis=0), 12, axis=1)

    return make
