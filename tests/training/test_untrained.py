from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.embedder import ROTATIONS
from docdex.errors import EmptySource
from docdex.training.untrained import (
    CellsPeer,
    GridPeer,
    UntrainedTrunk,
    average_grid,
    half_whitened_pca,
    unit_cells,
)


@pytest.fixture(scope="module")
def trunk() -> UntrainedTrunk:
    return UntrainedTrunk()


def page(seed: int) -> NDArray[np.uint8]:
    """A page (128, 128, 3) of random blocks: exactly what the network takes, so that turning is exact."""
    cells = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return np.repeat(np.repeat(cells, 8, axis=0), 8, axis=1)


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources of 10 and 7 pictures."""
    root = tmp_path_factory.mktemp("train")
    for source, count in (("maps", 10), ("forms", 7)):
        (root / source).mkdir()
        for number in range(count):
            cv2.imwrite(str(root / source / f"{number:02}.jpg"), page(number + 100 * count))
    return root


def test_the_grid_averages_two_by_two_cells() -> None:
    maps = np.random.default_rng(0).random((2, 3, 5, 8, 8), dtype=np.float32)
    found = average_grid(maps)
    assert found.shape == (2, 3, 5 * 16)
    expected = np.array(
        [
            [maps[1, 2, channel, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean()]
            for channel in range(5)
            for row in range(4)
            for column in range(4)
        ]
    ).ravel()
    np.testing.assert_allclose(found[1, 2], expected / np.linalg.norm(expected), rtol=1e-5)


def test_every_cell_has_unit_length_and_an_empty_one_stays_empty() -> None:
    maps = np.random.default_rng(1).random((2, 5, 4, 4), dtype=np.float32)
    maps[0, :, 1, 2] = 0
    cells = unit_cells(maps).reshape(2, 5, 4, 4)
    lengths = np.linalg.norm(cells, axis=1)
    assert lengths[0, 1, 2] == 0
    lengths[0, 1, 2] = 1
    assert lengths == pytest.approx(np.ones((2, 4, 4)))


def test_the_projection_centres_decorrelates_and_half_whitens() -> None:
    rng = np.random.default_rng(2)
    rows = (rng.standard_normal((200, 12)) * np.linspace(3, 0.2, 12) + 5).astype(np.float32)
    mean, projection = half_whitened_pca(rows, 6)
    assert projection.shape == (12, 6)
    projected = (rows - mean) @ projection
    covariance = projected.T @ projected / len(rows)
    strongest = np.sort(np.linalg.eigvalsh(np.cov(rows.T, bias=True)))[::-1][:6]
    # Fully whitened this were the identity, raw PCA would leave the variances themselves.
    np.testing.assert_allclose(covariance, np.diag(np.sqrt(strongest)), atol=1e-3)
    assert np.abs(projected.mean(axis=0)).max() < 1e-4


def test_fewer_pictures_than_dimensions_give_fewer_dimensions() -> None:
    rows = np.random.default_rng(3).standard_normal((5, 12)).astype(np.float32)
    assert half_whitened_pca(rows, 256)[1].shape == (12, 4)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_input_is_turning_the_page(trunk: UntrainedTrunk, turns: int) -> None:
    turned = np.ascontiguousarray(np.rot90(page(4), turns))
    expected = trunk.maps([turned])[0, 0]
    np.testing.assert_allclose(trunk.maps([page(4)], ROTATIONS)[0, turns], expected, atol=1e-4)


def test_maps_are_the_same_alone_and_in_any_batch(trunk: UntrainedTrunk) -> None:
    pages = [page(seed) for seed in range(11)]
    together = trunk.maps(pages, ROTATIONS)
    assert together.shape == (11, 4, 112, 8, 8)
    for number in (0, 8, 10):
        np.testing.assert_allclose(trunk.maps([pages[number]], ROTATIONS)[0], together[number], atol=1e-4)


def test_peers_tell_pages_apart(trunk: UntrainedTrunk, train: Path) -> None:
    for peer, dimension in (
        (GridPeer("grid", trunk), 4 * 4 * 112),
        (CellsPeer.fit("cells", trunk, train), 4),
    ):
        vectors = peer.embed([page(1), page(2)], rotations=ROTATIONS)
        assert vectors.shape == (2, 4, dimension)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=2) == pytest.approx(np.ones((2, 4)), abs=1e-5)
        assert vectors[0, 0] @ vectors[1, 0] < 0.95


def test_the_projection_is_fitted_on_every_fourth_picture(trunk: UntrainedTrunk, train: Path) -> None:
    # 17 pictures, forms before maps: numbers 0, 4, 8, 12, 16 of them, so four dimensions.
    chosen = [f"forms/{n:02}.jpg" for n in (0, 4)] + [f"maps/{n:02}.jpg" for n in (1, 5, 9)]
    pages = [cv2.cvtColor(cv2.imread(str(train / name)), cv2.COLOR_BGR2RGB) for name in chosen]
    expected = half_whitened_pca(unit_cells(trunk.maps(pages)[:, 0]), 256)
    found = CellsPeer.fit("cells", trunk, train).embed([page(5)])[0, 0]
    projected = (unit_cells(trunk.maps([page(5)]))[0, 0] - expected[0]) @ expected[1]
    # Directions are only known up to their sign.
    assert np.abs(found) == pytest.approx(np.abs(projected) / np.linalg.norm(projected), abs=1e-3)


def test_nothing_to_fit_on_is_an_error(trunk: UntrainedTrunk, tmp_path: Path) -> None:
    with pytest.raises(EmptySource, match="holds too few pictures for cells: expected <source>/<picture>"):
        CellsPeer.fit("cells", trunk, tmp_path)
