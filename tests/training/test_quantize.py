from __future__ import annotations

import copy
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.capture import capture
from docdex.embedder import OnnxEmbedder, issue_passport, look_at
from docdex.errors import TrainingError
from docdex.models import Passport, read_passport
from docdex.preprocess import prepare
from docdex.training import quantize
from docdex.training.config import ModelConfig
from docdex.training.export import to_onnx
from docdex.training.network import EmbeddingNetwork, JoinedNetworks
from docdex.training.quantize import Loss, quantize_model
from docdex.training.templates import draw

SIDE = 64


def photo(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    return capture(draw(number, rng), rng)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for number in range(24):
        cv2.imwrite(str(folder / f"{number}.png"), photo(number))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return folder


@pytest.fixture(scope="module")
def network() -> EmbeddingNetwork:
    """Its head is a projection of pages: nothing trained, but no noise either."""
    torch.manual_seed(0)
    network = EmbeddingNetwork.build(ModelConfig(side=SIDE, squeeze=16, dimension=32)).eval()
    with torch.no_grad():
        images = torch.from_numpy(np.stack([prepare(photo(number), SIDE) for number in range(100, 148)]))
        network.head.start_from(network.upper(network.lower(images)))
    return network


@pytest.fixture(scope="module")
def float_model(network: EmbeddingNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "float.onnx"
    path.write_bytes(to_onnx(network, SIDE, "vectors"))
    issue_passport(
        path,
        name="tiny",
        licence="CC0-1.0",
        default_threshold=0.6,
        default_margin=0.02,
        training={"steps": 6},
        measured={"score": 0.5},
    )
    return path


@pytest.fixture(scope="module")
def quantised(
    float_model: Path, pages: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Passport, Loss, list[str]]:
    folder = tmp_path_factory.mktemp("int8")
    path = Path(shutil.copy(float_model, folder / "int8.onnx"))
    shutil.copy(float_model.with_suffix(".json"), path.with_suffix(".json"))
    told: list[str] = []
    return path, *quantize_model(path, pages, say=told.append), told


Quantised = tuple[Path, Passport, Loss, list[str]]


def test_an_int8_model_is_smaller_and_says_nearly_the_same(float_model: Path, quantised: Quantised) -> None:
    path, _, loss, _ = quantised
    assert path.stat().st_size < 0.45 * float_model.stat().st_size
    assert (loss.calibrated, loss.measured) == (12, 12)
    assert 0.95 < loss.mean_cosine < 1
    assert 0.9 < loss.least_cosine <= loss.mean_cosine
    unseen = [photo(number) for number in range(200, 206)]
    one, other = (OnnxEmbedder.open(model).embed(unseen)[:, 0] for model in (float_model, path))
    assert np.sum(one * other, axis=1).min() > 0.9


def test_its_passport_is_its_own_and_names_the_float_model(float_model: Path, quantised: Quantised) -> None:
    path, issued, loss, _ = quantised
    passport, before = read_passport(path), read_passport(float_model)
    assert passport == issued
    assert passport.digest != before.digest
    assert passport.contract != before.contract
    assert (passport.name, passport.default_margin) == ("tiny", 0.02)
    assert passport.training == {
        "steps": 6,
        "int8": {"float_digest": before.digest, "calibration_pages": 12},
    }
    assert passport.measured["int8"]["least_cosine"] == round(loss.least_cosine, 5)
    assert "score" not in passport.measured


def test_a_page_gives_an_int8_model_the_same_vector_alone_and_in_a_batch(quantised: Quantised) -> None:
    embedder = OnnxEmbedder.open(quantised[0])
    some = [photo(number) for number in range(5)]
    together = embedder.embed(some)
    alone = np.concatenate([embedder.embed([page]) for page in some])
    assert np.abs(together - alone).max() < 1e-5


def test_convolutions_of_the_trunk_are_quantised_and_the_head_computes_in_float(quantised: Quantised) -> None:
    assert_heads_compute_in_float(onnx.load(quantised[0]).graph, heads=1)


def test_so_do_the_heads_of_joined_networks(network: EmbeddingNetwork) -> None:
    other = copy.deepcopy(network).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.1)
    joined = to_onnx(JoinedNetworks([(network, SIDE), (other, SIDE)]), SIDE, "vectors")
    images = np.stack([prepare(photo(number), SIDE) for number in range(4)])
    int8 = onnx.load_from_string(quantize.to_int8(joined, "images", images))
    assert_heads_compute_in_float(int8.graph, heads=2)


def assert_heads_compute_in_float(graph: onnx.GraphProto, heads: int) -> None:
    made_by = {name: node for node in graph.node for name in node.output}
    kinds = {part.name: part.data_type for part in graph.initializer}
    for node in graph.node:
        inside = [made_by[name].op_type for name in node.input[:2] if name in made_by]
        if node.op_type == "Conv":
            quantised = [] if "/head/" in node.name else ["DequantizeLinear", "DequantizeLinear"]
            assert [kind for kind in inside if kind == "DequantizeLinear"] == quantised
        if node.op_type == "Gemm":
            steps = made_by[made_by[node.input[1]].input[0]]
            assert kinds[steps.input[0]] == onnx.TensorProto.INT8
            assert made_by[node.input[0]].op_type != "DequantizeLinear"
    assert sum(node.op_type == "Gemm" for node in graph.node) == 2 * heads


def test_a_page_that_cannot_be_read_is_told_and_left_out(quantised: Quantised) -> None:
    (told,) = quantised[3]
    assert "broken.png" in told


def test_too_few_pages_are_refused_and_the_float_model_stays(
    float_model: Path, pages: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(pages / "0.png", few)
    before = float_model.read_bytes()
    with pytest.raises(TrainingError, match="1 pages that can be read; at least two"):
        quantize_model(float_model, few)
    assert float_model.read_bytes() == before


def test_ranges_are_found_on_all_views_of_a_page_and_the_cost_measured_on_other_pages(
    float_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, path = tmp_path / "tall", Path(shutil.copy(float_model, tmp_path / "two.onnx"))
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(photo(number), (120, 200)))
    issue_passport(
        path,
        name="two",
        licence="CC0-1.0",
        views=("whole", "top"),
        default_threshold=0.6,
        default_margin=0.02,
    )
    calibrated: list[np.ndarray] = []

    def remember(model: bytes, name: str, images: np.ndarray) -> bytes:
        calibrated.append(images)
        return model

    monkeypatch.setattr(quantize, "to_int8", remember)
    _, loss = quantize_model(path, folder)
    assert (loss.calibrated, loss.measured) == (3, 3)
    pages = [
        cv2.cvtColor(cv2.imread(str(folder / f"{number}.png")), cv2.COLOR_BGR2RGB) for number in (0, 2, 4)
    ]
    expected = [look_at(page, SIDE, ("whole", "top"))[0] for page in pages]
    assert np.array_equal(calibrated[0], np.concatenate(expected))


def test_pages_are_spread_over_the_whole_folder_however_many_there_are(
    float_model: Path, pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "_MOST_PAGES", 6)
    looked: list[Path] = []

    def note(sources: list[Path], **_: object) -> list[object]:
        looked.extend(sources)
        return []

    monkeypatch.setattr(quantize, "iter_pages", note)
    some = tmp_path / "some"
    some.mkdir()
    for number in range(11):
        shutil.copy(pages / "0.png", some / f"{number:02}.png")
    with pytest.raises(TrainingError, match="0 pages that can be read"):
        quantize_model(float_model, some)
    assert [path.stem for path in looked] == ["00", "01", "03", "05", "07", "09"]
