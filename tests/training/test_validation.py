from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.embedder import OnnxEmbedder, issue_passport
from docdex.errors import TrainingError
from docdex.evaluation.protocol import Benchmark
from docdex.preprocess import View
from docdex.training.config import ModelConfig
from docdex.training.export import to_onnx
from docdex.training.network import EmbeddingNetwork
from docdex.training.templates import draw
from docdex.training.validation import Validation

SIDE = 64


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four types of three pages each, under both captures, and four strangers."""
    root = tmp_path_factory.mktemp("dev")
    for template in range(4):
        for copy in range(3):
            page = draw(5 * template, np.random.default_rng(copy))[..., ::-1]
            for capture in ("flat", "stress"):
                path = root / capture / "drawn" / f"type{template}" / f"{copy}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), page if capture == "flat" else page // 2)
        stranger = root / "strangers" / "flat" / "far" / f"{template}.jpg"
        stranger.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(stranger), draw(900 + template, np.random.default_rng(0)))
    return root


@pytest.mark.parametrize("views", [("whole",), ("top",), ("whole", "top")], ids="+".join)
def test_a_checkpoint_is_measured_by_the_vectors_that_its_model_will_give(
    dev: Path, tmp_path: Path, views: tuple[View, ...]
) -> None:
    model = ModelConfig(side=SIDE, squeeze=8, dimension=32, views=views)
    torch.manual_seed(0)
    network = EmbeddingNetwork.build(model)
    with torch.no_grad():
        network.head.start_from(network.upper(network.lower(torch.randn(48, 3, SIDE, SIDE))))
    network.eval()

    def lower(images: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        with torch.no_grad():
            return network.lower(torch.from_numpy(images)).numpy()  # type: ignore[no-any-return]

    validation = Validation(dev, model, lower, batch=5)
    onnx = tmp_path / "model.onnx"
    onnx.write_bytes(to_onnx(network, SIDE, "vectors"))
    issue_passport(onnx, name="model", licence="test", default_threshold=0.5, default_margin=0.0, views=views)
    pages = [
        np.ascontiguousarray(cv2.imread(str(instance.path))[..., ::-1])
        for instance in Benchmark.scan(dev).instances
    ]
    expected = OnnxEmbedder.open(onnx).embed(pages)[:, 0]
    # Maps are kept in half precision.
    assert (validation.embed(network) * expected).sum(axis=1) == pytest.approx(1, abs=1e-4)
    figures = validation.measure(network)
    assert 0 < figures["rank1_flat"] <= 1
    assert {"rank1_stress", "dir_stress@0.1", "tpr_flat@1e-4", "tpr_stress@1e-3"} <= set(figures)


def test_a_picture_that_cannot_be_decoded_is_named(dev: Path, tmp_path: Path) -> None:
    path = tmp_path / "flat" / "drawn" / "type" / "broken.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a picture")
    with pytest.raises(TrainingError, match=r"broken\.jpg"):
        Validation(tmp_path, ModelConfig(side=SIDE), lambda images: images)
