from __future__ import annotations

import io

import numpy as np
import pytest

from docdex.errors import ModelError
from docdex.text.features import Features, features
from docdex.text.network import TextNetwork, places, tempered

ROWS, SLOTS, WIDTH = 50, 30, 8


def make(seed: int = 0) -> TextNetwork:
    rng = np.random.default_rng(seed)
    return TextNetwork(
        table=rng.integers(-127, 128, (ROWS, WIDTH), dtype=np.int8),
        scales=rng.uniform(0.1, 1, ROWS).astype(np.float32),
        weights=rng.integers(1, 256, SLOTS, dtype=np.uint8),
        gain=rng.uniform(0.5, 2, WIDTH).astype(np.float32),
        shift=rng.standard_normal(WIDTH).astype(np.float32),
    )


def test_a_text_is_the_weighted_sum_of_two_rows_a_feature_normalised() -> None:
    network, found = make(), features("tax invoice tax")
    bag = np.zeros(WIDTH)
    for number, count in zip(found.hashes.tolist(), found.counts.tolist(), strict=True):
        weight = float(network.weights[(number >> 40) % SLOTS]) * (1 + np.log(count))
        for row in (number % 2**20 % ROWS, (number >> 20) % 2**20 % ROWS):
            bag += weight * float(network.scales[row]) * network.table[row]
    expected = (bag - bag.mean()) / bag.std() * network.gain + network.shift
    vector = network.embed(found)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)


def test_a_long_text_is_summed_up_in_parts_and_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network, found = make(), features("a receipt of many words and no end to them")
    whole = network.embed(found)
    monkeypatch.setattr("docdex.text.network._FEATURES_AT_ONCE", 7)
    np.testing.assert_allclose(network.embed(found), whole, atol=1e-6)


def test_a_model_written_and_read_is_the_same_and_so_are_its_bytes() -> None:
    content = make().encode()
    assert make().encode() == content
    read = TextNetwork.decode(content, "mine.npz")
    np.testing.assert_array_equal(read.table, make().table)
    assert read.dimension == WIDTH


def packed(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{**vars(make()), **arrays})
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        make().encode()[:-300],
        packed(table=np.zeros(3, np.int8)),
        packed(table=np.zeros((0, WIDTH), np.int8)),
        packed(scales=np.zeros(ROWS)),
        packed(gain=np.zeros(WIDTH + 1, np.float32)),
        packed(weights=np.zeros(SLOTS, np.float32)),
        packed(more=np.zeros(3)),
        packed(table=np.array([[{}]], dtype=object)),
    ],
)
def test_a_file_of_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"mine\.npz is no model of texts"):
        TextNetwork.decode(content, "mine.npz")


def test_a_vector_without_direction_is_an_error_not_a_number() -> None:
    network = make()
    silent = TextNetwork(network.table, network.scales * 0, network.weights, network.gain, network.shift)
    with pytest.raises(ModelError, match="zero or not finite"):
        silent.embed(features("anything"))


def test_places_use_different_bits_of_a_hash() -> None:
    hashes = np.array([1, 1 << 20, 1 << 40], dtype=np.uint64)
    rows, slots = places(hashes, 1 << 20, 1 << 24)
    assert rows.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert slots.tolist() == [0, 0, 1]


def test_a_word_said_ten_times_says_little_more_than_once() -> None:
    np.testing.assert_allclose(tempered(np.array([1, 10])), [1, 1 + np.log(10)], rtol=1e-6)


def test_embedding_needs_no_order_of_features() -> None:
    network, found = make(), features("one two three")
    turned = Features(found.hashes[::-1], found.counts[::-1])
    np.testing.assert_allclose(network.embed(turned), network.embed(found), atol=1e-6)
