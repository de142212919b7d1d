from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

import docdex.training
from docdex import models
from docdex.embedder import ROTATIONS, OnnxEmbedder
from docdex.errors import InvalidSetting, MissingExtra, ModelNotFound
from docdex.evaluation.peers import (
    Matcher,
    Peer,
    cheap_peer_names,
    open_peer,
    peer_names,
    phash,
    shrink_grey,
    thumbnail,
    training_cost,
    unit_length,
)
from docdex.evaluation.results import TrainingCost

Picture = Callable[[int], NDArray[np.uint8]]
NOWHERE = Path("nowhere")


@pytest.fixture(params=["phash", "thumbnail", "hog", "docdex"])
def peer(request: pytest.FixtureRequest, tiny: Path) -> Peer:
    return open_embedding(f"docdex:{tiny}" if request.param == "docdex" else request.param)


def open_embedding(name: str) -> Peer:
    """A peer that is known to give vectors."""
    peer = open_peer(name, train=NOWHERE)
    assert not isinstance(peer, Matcher)
    return peer


def test_the_cosine_of_two_hashes_counts_their_different_bits(picture: Picture) -> None:
    one, other = (phash(shrink_grey(picture(seed), 64)) for seed in (1, 2))
    different = int(((one > 0) != (other > 0)).sum())
    assert one.shape == (256,)
    assert 0 < different < 256
    assert float(one @ other) == 1 - 2 * different / 256


def test_a_hash_is_the_low_frequencies_above_their_median(picture: Picture) -> None:
    square = shrink_grey(picture(3), 64)
    # The cosine transform by its definition, not by OpenCV.
    waves = np.cos(np.pi * (2 * np.arange(64) + 1) * np.arange(16)[:, None] / 128)
    waves[0] /= np.sqrt(2)
    lowest = (waves @ square @ waves.T).ravel()
    clear = np.abs(lowest - np.median(lowest)) > 1e-2
    assert clear.sum() > 250
    assert ((phash(square) > 0) == (lowest > np.median(lowest)))[clear].all()


def test_a_hash_does_not_see_contrast(picture: Picture) -> None:
    square = shrink_grey(picture(4), 64)
    np.testing.assert_array_equal(phash(square), phash(square * np.float32(0.5)))


def test_thumbnails_compare_by_their_correlation(picture: Picture) -> None:
    one, other = (shrink_grey(picture(seed), 16) for seed in (5, 6))
    expected = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert float(thumbnail(one) @ thumbnail(other)) == pytest.approx(expected, abs=1e-6)


def test_a_blank_page_resembles_nothing_by_thumbnail(picture: Picture) -> None:
    blank = np.full((40, 30, 3), 255, dtype=np.uint8)
    vectors = open_embedding("thumbnail").embed([blank, picture(7)])
    assert np.isfinite(vectors).all()
    assert (vectors[0] @ vectors[1].T == 0).all()


def test_grey_weighs_colours_as_eyes_do() -> None:
    red = np.zeros((32, 32, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert shrink_grey(red, 16) == pytest.approx(np.full((16, 16), 76.0))


def test_vectors_are_of_unit_length_and_alike_alone_and_in_a_batch(peer: Peer, picture: Picture) -> None:
    pages = [picture(seed) for seed in range(3)]
    together = peer.embed(pages, rotations=ROTATIONS)
    assert together.dtype == np.float32
    assert together.shape[:2] == (3, 4)
    assert np.linalg.norm(together, axis=2) == pytest.approx(np.ones((3, 4)), abs=1e-5)
    for page, vectors in zip(pages, together, strict=True):
        np.testing.assert_allclose(peer.embed([page], rotations=ROTATIONS)[0], vectors, atol=1e-5)
        np.testing.assert_allclose(peer.embed([page])[0], vectors[:1], atol=1e-5)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_page_has_the_same_orientations_in_another_order(
    peer: Peer, picture: Picture, turns: int
) -> None:
    page = picture(8)
    turned = np.ascontiguousarray(np.rot90(page, turns))
    upright = peer.embed([page], rotations=ROTATIONS)[0]
    found = peer.embed([turned], rotations=ROTATIONS)[0]
    similarities = (found * np.roll(upright, -turns, axis=0)).sum(axis=1)
    assert similarities == pytest.approx(np.ones(4), abs=0.01)


def test_unit_length_leaves_zero_alone() -> None:
    found = unit_length(np.array([[3, 4], [0, 0]], dtype=np.float32))
    np.testing.assert_array_equal(found, np.array([[0.6, 0.8], [0, 0]], dtype=np.float32))


def test_a_model_is_reported_by_its_passport_not_by_its_path(tiny: Path, picture: Picture) -> None:
    peer = open_embedding(f"docdex:{tiny}")
    assert peer.name == "docdex:tiny"
    np.testing.assert_array_equal(peer.embed([picture(9)]), OnnxEmbedder.open(tiny).embed([picture(9)]))


def test_a_model_costs_what_it_took_and_what_it_went_on_from(tiny: Path) -> None:
    passport = models.read_passport(tiny)
    run = {"config": {"name": "end"}, "minutes": 20.5, "cpu_minutes": 30.0, "images": 1000}
    other = {**run, "config": {"name": "other"}}
    before = [{"name": "start", "minutes": 70.2, "cpu_minutes": 95.0, "images": 5000}]

    def cost(**training: object) -> TrainingCost | None:
        return training_cost(msgspec.structs.replace(passport, training=training))

    assert cost(**run) == TrainingCost(20.5, 30.0, 1000)
    assert cost(**run, before=before) == TrainingCost(90.7, 125.0, 6000)
    assert cost(**run, joined=[{**other, "before": before}]) == TrainingCost(111.2, 155.0, 7000)
    # What was averaged with a run that had gone on from it is the same minutes.
    went_on = {"name": "other", "minutes": 20.5, "cpu_minutes": 30.0, "images": 1000}
    assert cost(**run, before=[went_on], averaged=[other]) == TrainingCost(41.0, 60.0, 2000)
    assert cost(**run, averaged=[other]) == TrainingCost(41.0, 60.0, 2000)
    # A part that is not known makes the whole unknown, not smaller.
    assert cost(**run, before=[*before, {"name": "older"}]) is None
    assert cost(by="somebody else") is None
    assert cost(**{**run, "minutes": "many"}) is None


def test_packaged_models_come_first_in_the_names(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    monkeypatch.setattr(models, "WEIGHTS", tiny.parent)
    cheap = ["docdex:tiny", "phash", "thumbnail", "hog", "lite0-grid", "lite0-cells-pca"]
    assert cheap_peer_names() == cheap
    assert peer_names() == [*cheap, "sift", "minilm-ocr"]
    assert open_peer("docdex:tiny", train=NOWHERE).name == "docdex:tiny"


def test_an_unknown_peer_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidSetting, match=r"No peer phsah: choose from .*phash, thumbnail, .*docdex:PATH"):
        open_peer("phsah", train=NOWHERE)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ModelNotFound, match="nosuch"):
        open_peer("docdex:nosuch", train=NOWHERE)


@pytest.mark.parametrize("name", ["lite0-grid", "lite0-cells-pca"])
def test_an_untrained_network_without_torch_names_the_extra_and_the_other_peers(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loaded by an earlier test, it would be found without torch being asked for.
    monkeypatch.delattr(docdex.training, "untrained", raising=False)
    for module in [name for name in sys.modules if name.startswith("docdex.training.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"docdex\[train\].*phash, thumbnail, hog, sift"):
        open_peer(name, train=NOWHERE)


def test_measuring_without_the_untrained_networks_loads_no_torch(tiny: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from docdex.evaluation.peers import open_peer\n"
        f"for name in ('phash', 'hog', 'sift', 'docdex:{tiny}'): open_peer(name, train=Path('nowhere'))\n"
        "print('torch' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "False\n"


def test_pages_of_any_shape_are_described(peer: Peer) -> None:
    pages = [np.zeros(shape, dtype=np.uint8) for shape in ((1, 1, 3), (7, 500, 3), (300, 20, 3))]
    for page in pages:
        cv2.circle(page, (0, 0), 5, (255, 255, 255), -1)
    assert np.isfinite(peer.embed(pages)).all()
