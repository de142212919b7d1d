from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from docdex import models
from docdex.embedder import ROTATIONS, Embedded, OnnxEmbedder, embed_batches, issue_passport, look_at
from docdex.errors import (
    DeviceUnavailable,
    EmptySource,
    InvalidPassport,
    InvalidSetting,
    ModelError,
    ModelMismatch,
)
from docdex.images import Page, Refusal
from docdex.preprocess import View, prepare

VIEWS: tuple[tuple[View, ...], ...] = (("whole",), ("top",), ("whole", "top"))
Blocks = Callable[[int], NDArray[np.uint8]]


@pytest.fixture
def embedder(tiny: Path) -> OnnxEmbedder:
    return OnnxEmbedder.open(tiny)


@pytest.fixture
def model(tmp_path: Path, tiny: Path) -> Path:
    for suffix in (".onnx", ".json"):
        shutil.copy(tiny.with_suffix(suffix), tmp_path / f"mine{suffix}")
    return tmp_path / "mine.onnx"


@pytest.mark.parametrize("number", [1, 3, 8, 40])
@pytest.mark.parametrize("rotations", [(0,), ROTATIONS, (180, 0)])
def test_a_page_has_the_same_vector_alone_and_in_a_batch(
    embedder: OnnxEmbedder, blocks: Blocks, number: int, rotations: tuple[int, ...]
) -> None:
    pages = [blocks(seed) for seed in range(number)]
    together = embedder.embed(pages, rotations=rotations)
    alone = np.concatenate([embedder.embed([page], rotations=rotations) for page in pages])
    assert together.shape == (number, len(rotations), 32)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, atol=1e-5, rtol=0)


def test_vectors_have_unit_length(embedder: OnnxEmbedder, blocks: Blocks) -> None:
    vectors = embedder.embed([blocks(1), blocks(2)], rotations=ROTATIONS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=2), 1, atol=1e-6)


def test_no_pages_give_no_vectors(embedder: OnnxEmbedder) -> None:
    assert embedder.embed([], rotations=ROTATIONS).shape == (0, 4, 32)


@pytest.mark.parametrize("degrees", ROTATIONS)
def test_a_rotation_is_the_page_turned_counter_clockwise(
    embedder: OnnxEmbedder, blocks: Blocks, degrees: int
) -> None:
    page = blocks(5)
    turned = np.ascontiguousarray(np.rot90(page, degrees // 90))
    np.testing.assert_allclose(
        embedder.embed([page], rotations=(degrees,)), embedder.embed([turned]), atol=1e-4, rtol=0
    )


def with_views(model: Path, *views: View) -> OnnxEmbedder:
    """The model at a path, its passport changed to these views."""
    passport = models.read_passport(model)
    issue_passport(
        model, name=passport.name, licence="test", default_threshold=0.5, default_margin=0.0, views=views
    )
    return OnnxEmbedder.open(model)


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (240, 240), (700, 90)])
def test_a_vector_of_two_views_is_made_of_one_of_each(model: Path, shape: tuple[int, int]) -> None:
    page = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    one = {views: with_views(model, *views).embed([page], rotations=ROTATIONS) for views in VIEWS}
    both = one["whole", "top"]
    assert both.shape == (1, 4, 64)
    np.testing.assert_allclose(np.linalg.norm(both, axis=2), 1, atol=1e-6)
    parts = np.concatenate([one["whole",], one["top",]], axis=2) / np.sqrt(2)
    np.testing.assert_allclose(both, parts, atol=1e-6)


@pytest.mark.parametrize("degrees", ROTATIONS)
def test_with_two_views_too_a_rotation_is_the_page_turned(model: Path, degrees: int) -> None:
    page = np.random.default_rng(1).integers(0, 256, (310, 200, 3), dtype=np.uint8)
    turned = np.ascontiguousarray(np.rot90(page, degrees // 90))
    embedder = with_views(model, "whole", "top")
    np.testing.assert_allclose(
        embedder.embed([page], rotations=(degrees,)), embedder.embed([turned]), atol=1e-4, rtol=0
    )


def test_nothing_is_looked_at_twice() -> None:
    high = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    inputs, places = look_at(high, 32, ("whole", "top"), ROTATIONS)
    assert inputs.shape == (6, 3, 32, 32)
    assert places.tolist() == [[0, 1], [2, 2], [3, 4], [5, 5]]
    assert np.array_equal(inputs[0], prepare(high, 32))
    assert np.array_equal(inputs[1], prepare(high, 32, "top"))
    wide = np.ascontiguousarray(np.rot90(high))
    assert look_at(wide, 32, ("whole", "top"))[1].tolist() == [[0, 0]]
    assert look_at(wide, 32, ("top",))[1].tolist() == [[0]]


def test_vectors_of_other_views_are_not_compared(model: Path) -> None:
    one, two = with_views(model, "whole").contract, with_views(model, "whole", "top").contract
    assert (one.dimension, two.dimension) == (32, 64)
    assert one != two


@pytest.mark.parametrize("rotations", [(), (45,), (0, 360)])
def test_only_quarter_turns_are_rotations(
    embedder: OnnxEmbedder, blocks: Blocks, rotations: tuple[int, ...]
) -> None:
    with pytest.raises(InvalidSetting):
        embedder.embed([blocks(1)], rotations=rotations)


def test_more_threads_change_nothing(embedder: OnnxEmbedder, tiny: Path, blocks: Blocks) -> None:
    other = OnnxEmbedder.open(tiny, threads=2)
    np.testing.assert_allclose(other.embed([blocks(1)]), embedder.embed([blocks(1)]), atol=1e-6)


def test_cuda_without_cuda_is_an_error_and_no_warning(tiny: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA")
    with warnings.catch_warnings(), pytest.raises(DeviceUnavailable, match="cuda would not be used"):
        warnings.simplefilter("error")
        OnnxEmbedder.open(tiny, device="cuda")


def test_cuda_that_is_promised_but_not_used_is_an_error(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As with onnxruntime-gpu and no driver: the provider is listed, and the session falls back to the CPU.
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(tiny.read_bytes(), providers=["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: session)
    with pytest.raises(DeviceUnavailable):
        OnnxEmbedder.open(tiny, device="cuda")


@pytest.mark.parametrize("settings", [{"device": "tpu"}, {"threads": 0}])
def test_settings_outside_what_is_allowed_are_refused(tiny: Path, settings: dict[str, object]) -> None:
    with pytest.raises(InvalidSetting):
        OnnxEmbedder.open(tiny, **settings)  # type: ignore[arg-type]


def test_the_provider_in_use_is_told(embedder: OnnxEmbedder) -> None:
    assert embedder.provider == "CPUExecutionProvider"


def reissue(onnx_path: Path, **changes: object) -> None:
    passport = msgspec.structs.replace(models.read_passport(onnx_path), **changes)
    models.write_passport(passport, onnx_path)


def test_a_model_that_computes_something_else_is_refused(model: Path) -> None:
    golden = models.read_passport(model).golden
    moved = (golden.vector[0] + 0.01, *golden.vector[1:])
    reissue(model, golden=msgspec.structs.replace(golden, vector=moved))
    with pytest.raises(ModelMismatch, match=r"golden vector .*difference 0\.01"):
        OnnxEmbedder.open(model)


def test_a_golden_vector_that_is_not_a_number_is_refused(model: Path) -> None:
    text = model.with_suffix(".json").read_text()
    start = text.index('"vector": [') + len('"vector": [')
    end = text.index(",", start)
    model.with_suffix(".json").write_text(text[:start] + "NaN" + text[end:])
    with pytest.raises(InvalidPassport):
        OnnxEmbedder.open(model)


def test_a_model_of_another_preprocess_is_refused(model: Path) -> None:
    made_by = models.read_passport(model).input
    reissue(model, input=msgspec.structs.replace(made_by, preprocess=made_by.preprocess + 1))
    with pytest.raises(ModelMismatch, match="preprocess"):
        OnnxEmbedder.open(model)


def test_a_model_of_another_shape_than_promised_is_refused(model: Path) -> None:
    made_by = models.read_passport(model).input
    reissue(model, input=msgspec.structs.replace(made_by, side=32))
    with pytest.raises(ModelMismatch, match=r"\(N, 3, 64, 64\).*promises.*\(N, 3, 32, 32\)"):
        OnnxEmbedder.open(model)


def save(
    path: Path,
    shape: Sequence[int | str],
    nodes: list[onnx.NodeProto],
    width: int = 12,
    kind: int = TensorProto.FLOAT,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("images", kind, shape)],
        [helper.make_tensor_value_info("vectors", kind, [shape[0], width])],
        [
            numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
            numpy_helper.from_array(np.array([1, 12]), "one row"),
            numpy_helper.from_array(np.array(0), "first axis"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def issue(path: Path) -> models.Passport:
    return issue_passport(path, name="made", licence="MIT", default_threshold=0.5, default_margin=0)


@pytest.mark.parametrize("shape", [["N", 1, 2, 6], [1, 3, 2, 2], ["N", 3, 4, 1], ["N", 12]])
def test_a_model_of_no_usable_shape_gets_no_passport(tmp_path: Path, shape: list[int | str]) -> None:
    path = save(tmp_path / "odd.onnx", shape, [helper.make_node("Flatten", ["images"], ["vectors"])])
    with pytest.raises(InvalidPassport, match="must take"):
        issue(path)


def test_a_model_of_half_precision_gets_no_passport(tmp_path: Path) -> None:
    nodes = [helper.make_node("Flatten", ["images"], ["vectors"])]
    path = save(tmp_path / "half.onnx", ["N", 3, 2, 2], nodes, kind=TensorProto.FLOAT16)
    with pytest.raises(InvalidPassport, match=r"must take and give float32.*tensor\(float16\)"):
        issue(path)


# What says that it takes any number of pages, and takes one at a time, or makes one vector of all.
OF_ONE_PAGE = {
    "breaks down": [helper.make_node("Reshape", ["images", "one row"], ["vectors"])],
    "gave": [helper.make_node("Flatten", ["images"], ["vectors"], axis=0)],
}


@pytest.mark.parametrize("fault", OF_ONE_PAGE)
def test_a_model_that_takes_one_page_at_a_time_gets_no_passport(tmp_path: Path, fault: str) -> None:
    path = save(tmp_path / "one.onnx", ["N", 3, 2, 2], OF_ONE_PAGE[fault])
    with pytest.raises(InvalidPassport, match=rf"one\.onnx gets no passport: .* {fault}.* 3 inputs"):
        issue(path)
    assert not path.with_suffix(".json").exists()


@pytest.mark.parametrize("fault", OF_ONE_PAGE)
def test_a_model_that_breaks_down_on_a_page_is_an_error(tmp_path: Path, blocks: Blocks, fault: str) -> None:
    flatten = [helper.make_node("Flatten", ["images"], ["vectors"])]
    passport = issue(save(tmp_path / "good.onnx", ["N", 3, 2, 2], flatten))
    path = save(tmp_path / "one.onnx", ["N", 3, 2, 2], OF_ONE_PAGE[fault])
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    with pytest.raises(ModelError, match=f"{fault}.* 4 inputs"):
        OnnxEmbedder(session, passport).embed([blocks(1)], rotations=ROTATIONS)


def test_a_model_that_mixes_pages_gets_no_passport(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("CumSum", ["flat", "first axis"], ["vectors"], reverse=1),
    ]
    with pytest.raises(InvalidPassport, match="another beside other pages"):
        issue(save(tmp_path / "mixing.onnx", ["N", 3, 2, 2], nodes))


def test_a_vector_without_direction_is_an_error(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Mul", ["flat", "zero"], ["vectors"]),
    ]
    with pytest.raises(ModelError, match="zero or not finite"):
        issue(save(tmp_path / "zero.onnx", ["N", 3, 2, 2], nodes))


def test_a_vector_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Div", ["flat", "zero"], ["vectors"]),
    ]
    with pytest.raises(ModelError, match="zero or not finite"):
        issue(save(tmp_path / "infinite.onnx", ["N", 3, 2, 2], nodes))


def test_a_file_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(ModelError, match="no model that ONNX Runtime can open"):
        issue(path)


def test_refusals_keep_their_place_among_embedded_pages(embedder: OnnxEmbedder, blocks: Blocks) -> None:
    refusal = Refusal("bad.jpg", None, EmptySource("bad.jpg is empty."))
    stream: list[Page | Refusal] = [Page(blocks(seed), f"{seed}.png") for seed in range(20)]
    stream[3:3] = [refusal, refusal]
    items = [item for batch in embed_batches(embedder, stream) for item in batch]
    assert [item.page if isinstance(item, Embedded) else item for item in items] == stream
    expected = embedder.embed([item.pixels for item in stream if isinstance(item, Page)])
    vectors = np.stack([item.vectors for item in items if isinstance(item, Embedded)])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_no_more_large_pages_are_held_at_once_than_memory_is_good_for(embedder: OnnxEmbedder) -> None:
    large = np.zeros((4000, 4001, 3), np.uint8)
    pages = (Page(large, "large.png") for _ in range(5))
    assert [len(batch) for batch in embed_batches(embedder, pages)] == [2, 2, 1]
