from __future__ import annotations

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.training.config import ModelConfig
from docdex.training.export import least_cosine, to_onnx
from docdex.training.network import EmbeddingNetwork
from docdex.training.pack import pack_model, unpack
from docdex.training.views import open_session

SIDE = 64
IMAGES = np.random.default_rng(0).uniform(-1, 1, (8, 3, SIDE, SIDE)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> bytes:
    torch.manual_seed(0)
    network = EmbeddingNetwork.build(ModelConfig(side=SIDE, squeeze=16, dimension=64)).eval()
    with torch.no_grad():
        network.head.start_from(network.upper(network.lower(torch.from_numpy(IMAGES).repeat(8, 1, 1, 1))))
    return to_onnx(network, SIDE, "vectors")


def initialisers(content: bytes) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    graph = onnx.load_model_from_string(content).graph
    return {part.name: onnx.numpy_helper.to_array(part) for part in graph.initializer}


def test_a_packed_model_takes_much_less_room_and_says_nearly_the_same(model: bytes) -> None:
    packed = pack_model(model)
    assert len(packed) < 0.4 * len(model)
    assert least_cosine(model, packed, [IMAGES]) > 0.99


def test_no_weight_is_further_off_than_half_a_step_of_its_row(model: bytes) -> None:
    before, after = initialisers(model), unpack(initialisers(pack_model(model)))
    assert before.keys() == after.keys()
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    assert changed
    for name in changed:
        rows, restored = (values[name].reshape(len(values[name]), -1) for values in (before, after))
        step = np.abs(rows).max(axis=1, keepdims=True) / 127
        assert (np.abs(rows - restored) <= step / 2 * 1.001).all()


def test_spatial_kernels_and_norms_stay_as_they_are(model: bytes) -> None:
    packed = {name for name in initialisers(pack_model(model)) if name.endswith(".int8")}
    shapes = {name: values.shape for name, values in initialisers(model).items()}
    for name, shape in shapes.items():
        assert (f"{name}.int8" in packed) == (len(shape) > 1 and int(np.prod(shape[1:])) >= 32)


def test_packing_twice_changes_nothing_more(model: bytes) -> None:
    once = pack_model(model)
    assert pack_model(once) == once


def test_a_row_of_zeros_stays_zero(model: bytes) -> None:
    loaded = onnx.load_model_from_string(model)
    (weight,) = (part for part in loaded.graph.initializer if part.name == "head.second.weight")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[3] = 0
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    packed = pack_model(loaded.SerializeToString())
    assert not unpack(initialisers(packed))["head.second.weight"][3].any()
    (vectors,) = open_session(packed).run(None, {"images": IMAGES})
    assert np.isfinite(vectors).all()
