"""Describe pages by a network that nobody trained for it, because that is the bar that training must clear.

The peers of `docdex.evaluation` that need torch: EfficientNet-Lite0 to stride 16 with its ImageNet weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.embedder import UPRIGHT
from docdex.errors import EmptySource
from docdex.evaluation.peers import unit_length
from docdex.images import Page, read_pages
from docdex.preprocess import squeeze
from docdex.training.backbones import build_trunk
from docdex.training.export import to_onnx
from docdex.training.views import open_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 128
CELLS = SIDE // 16
_GRID = 4
_DIMENSION = 256
_FITTED_ON_EVERY = 4
_INPUTS_AT_ONCE = 32


class UntrainedTrunk:
    """Pages to maps of stride 16, in ONNX Runtime on one thread. Raises what `build_trunk` raises."""

    def __init__(self) -> None:
        trunk = build_trunk("lite0")
        self._channels = trunk.channels
        self._session = open_session(to_onnx(trunk.whole, SIDE, "maps"))

    def maps(
        self, pages: Sequence[NDArray[np.uint8]], rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Maps (N, R, 112, 8, 8) of N pages (H, W, 3) uint8 RGB, each turned by R rotations."""
        squares = np.stack([squeeze(page, SIDE) for page in pages])
        turned = np.stack([np.rot90(squares, degrees // 90, axes=(2, 3)) for degrees in rotations], axis=1)
        inputs = turned.reshape(-1, 3, SIDE, SIDE)
        maps = [
            self._session.run(None, {"images": inputs[start : start + _INPUTS_AT_ONCE]})[0]
            for start in range(0, len(inputs), _INPUTS_AT_ONCE)
        ]
        return np.concatenate(maps).reshape(len(pages), len(rotations), self._channels, CELLS, CELLS)


class GridPeer:
    """The map averaged to 4 x 4 and flattened: 1,792 numbers."""

    def __init__(self, name: str, trunk: UntrainedTrunk) -> None:
        self.name = name
        self._trunk = trunk

    def embed(
        self, pages: Sequence[NDArray[np.uint8]], *, rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Vectors (N, R, 1792) of unit length."""
        return average_grid(self._trunk.maps(pages, rotations))


class CellsPeer:
    """The map's 8 x 8 cells, each of unit length, projected to 256 half-whitened principal components.

    mean: (7168,) of the pictures it was fitted on; projection: (7168, D).
    """

    def __init__(
        self, name: str, trunk: UntrainedTrunk, mean: NDArray[np.float32], projection: NDArray[np.float32]
    ) -> None:
        self.name = name
        self._trunk, self._mean, self._projection = trunk, mean, projection

    @classmethod
    def fit(cls, name: str, trunk: UntrainedTrunk, train: Path) -> CellsPeer:
        """Fitted on every fourth of `<source>/<picture>.jpg` below `train`, in order of their paths.

        Raises EmptySource when there are fewer than two of them.
        """
        paths = sorted(train.glob("*/*.jpg"))[::_FITTED_ON_EVERY]
        if len(paths) < 2:
            raise EmptySource(
                f"{train} holds too few pictures for {name}: expected <source>/<picture>.jpg below it."
            )
        cells = np.concatenate([unit_cells(trunk.maps([page.pixels])[:, 0]) for page in _read_all(paths)])
        return cls(name, trunk, *half_whitened_pca(cells, _DIMENSION))

    def embed(
        self, pages: Sequence[NDArray[np.uint8]], *, rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Vectors (N, R, D) of unit length."""
        centred = unit_cells(self._trunk.maps(pages, rotations)) - self._mean
        return unit_length(np.matmul(centred, self._projection, dtype=np.float32))


def _read_all(paths: Iterable[Path]) -> Iterator[Page]:
    return (page for path in paths for page in read_pages(path))


def average_grid(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps (..., C, 8, 8) averaged to 4 x 4: (..., C * 16) of unit length."""
    *outer, channels, height, width = maps.shape
    blocks = maps.reshape(*outer, channels, _GRID, height // _GRID, _GRID, width // _GRID)
    means = blocks.mean(axis=(-3, -1), dtype=np.float32)
    return unit_length(means.reshape(*outer, -1))


def unit_cells(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps (..., C, G, G) with each cell's channels scaled to unit length, flattened: (..., C * G * G)."""
    lengths = np.linalg.norm(maps, axis=-3, keepdims=True)
    unit = maps / np.maximum(lengths, np.float32(1e-12))
    return np.asarray(unit.reshape(*maps.shape[:-3], -1), dtype=np.float32)


def half_whitened_pca(
    rows: NDArray[np.float32], dimension: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (F,) and projection (F, D) of rows (N, F), with D at most `dimension` and N - 1.

    Each direction is divided by the fourth root of its variance: between raw PCA and full whitening.
    """
    mean = rows.mean(axis=0)
    _, strengths, directions = np.linalg.svd(rows - mean, full_matrices=False)
    kept = min(dimension, len(rows) - 1)
    variances = np.maximum(np.square(strengths[:kept]) / len(rows), 1e-12)
    return mean, np.ascontiguousarray((directions[:kept] / variances[:, None] ** 0.25).T, dtype=np.float32)
