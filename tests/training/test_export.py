from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.embedder import OnnxEmbedder
from docdex.errors import InvalidSetting, TrainingError
from docdex.models import Threshold, read_passport
from docdex.preprocess import prepare
from docdex.training import checkpoint, export
from docdex.training.config import TrainConfig, read_config
from docdex.training.export import export_model
from docdex.training.loop import Trainer
from docdex.training.network import EmbeddingNetwork
from docdex.training.release import release_model

THRESHOLD = Threshold(
    fpr=0.01, per="probe", threshold=0.61, rotations=(0,), gallery_labels=5, strangers=9, data="dev"
)
TERMS = {"name": "tiny", "licence": "CC0-1.0", "default_threshold": 0.6, "default_margin": 0.02}


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


def page(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (90, 70, 3), dtype=np.uint8)


def test_an_exported_run_is_a_model_that_embeds_like_its_averaged_weights(run: Path, tmp_path: Path) -> None:
    output = tmp_path / "weights" / "tiny.onnx"
    export_model(run, output, **TERMS, thresholds=[THRESHOLD])
    embedder = OnnxEmbedder.open(output)
    state = checkpoint.load(run / "last.pt")
    network = EmbeddingNetwork.build(msgspec.convert(state["config"], TrainConfig).model).eval()
    network.load_state_dict(state["averaged"])
    vectors = embedder.embed([page(0), page(1)])[:, 0]
    with torch.no_grad():
        images = torch.from_numpy(np.stack([prepare(page(0), 64), prepare(page(1), 64)]))
        assert np.abs(vectors - network(images).numpy()).max() < 1e-4


def test_the_passport_says_how_the_model_was_made(run: Path, tiny_run: Path, tmp_path: Path) -> None:
    output = tmp_path / "tiny.onnx"
    issued = export_model(run, output, **TERMS, thresholds=[THRESHOLD])
    passport = read_passport(output)
    assert passport == issued
    assert (passport.input.name, passport.input.side) == ("images", 64)
    assert (passport.output.name, passport.output.dimension) == ("vectors", 32)
    assert (passport.name, passport.licence) == ("tiny", "CC0-1.0")
    assert (passport.default_threshold, passport.default_margin) == (0.6, 0.02)
    assert passport.thresholds == (THRESHOLD,)
    assert msgspec.convert(passport.training["config"], TrainConfig) == read_config(tiny_run)
    assert (passport.training["steps"], passport.training["images"]) == (6, 48)
    assert passport.training["classes"] == 44
    assert passport.training["versions"].keys() >= {"docdex", "torch", "onnxruntime", "python"}
    assert passport.measured == {}


def test_the_best_checkpoint_goes_out_with_the_figures_measured_at_it(run: Path, tmp_path: Path) -> None:
    state = checkpoint.load(run / "last.pt")
    state["step"] = state["progress"]["step"] = 4
    state["progress"]["history"] = [
        {"step": 0, "score": 0.1},
        {"step": 4, "score": 0.87654, "rank1_flat": 1.0},
    ]
    checkpoint.save(run / "best.pt", state)
    passport = export_model(run, tmp_path / "tiny.onnx", **TERMS)
    assert passport.training["steps"] == 4
    assert passport.measured == {"score": 0.8765, "rank1_flat": 1.0}


def test_the_same_run_is_exported_with_the_same_digest(run: Path, tmp_path: Path) -> None:
    one, other = (export_model(run, tmp_path / f"{name}.onnx", **TERMS) for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize("difference", [1.1e-4, float("nan")])
def test_a_model_that_computes_something_else_is_not_let_out(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, difference: float
) -> None:
    monkeypatch.setattr(export, "largest_difference", lambda *_: difference)
    with pytest.raises(TrainingError, match="differ from PyTorch's"):
        export_model(run, tmp_path / "out" / "tiny.onnx", **TERMS)
    assert not (tmp_path / "out").exists()


def test_the_parity_gate_looks_at_noise_in_several_sizes_and_at_pages() -> None:
    noise, photos = export._parity_images(32)[:3], export._parity_images(32)[3]
    assert [len(batch) for batch in noise] == [1, 3, 8]
    assert photos.shape == (17, 3, 32, 32)
    assert all(-1 <= batch.min() <= batch.max() <= 1 + 1e-6 for batch in (*noise, photos))


def test_a_run_without_checkpoint_or_of_another_docdex_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no such checkpoint"):
        export_model(tmp_path / "nowhere", tmp_path / "tiny.onnx", **TERMS)
    state = checkpoint.load(run / "last.pt")
    for broken in (
        {"step": 1},
        {**state, "averaged": {}},
        {**state, "config": {**state["config"], "surprise": 1}},
    ):
        shutil.rmtree(run)
        checkpoint.save(run / "last.pt", broken)
        with pytest.raises(TrainingError, match="another docdex"):
            export_model(run, tmp_path / "tiny.onnx", **TERMS)
    assert not (tmp_path / "tiny.onnx").exists()


def test_the_passport_names_the_run_that_its_own_started_from(
    trained: Path, tiny_run: Path, tmp_path: Path
) -> None:
    config = msgspec.structs.replace(read_config(tiny_run), name="next", start_from=str(trained))
    Trainer(config, tmp_path / "next", say=lambda _: None).train()
    passport = export_model(tmp_path / "next", tmp_path / "next.onnx", **TERMS)
    (before,) = passport.training["before"]
    assert (before["name"], before["steps"], before["images"]) == ("tiny", 6, 48)
    assert passport.training["config"]["name"] == "next"


def test_runs_are_joined_and_packed_and_the_passport_names_them_all(run: Path, tmp_path: Path) -> None:
    alone, joined = tmp_path / "alone.onnx", tmp_path / "joined.onnx"
    export_model(run, alone, **TERMS)
    passport = export_model(run, joined, **TERMS, join=[run], packed=True)
    assert passport.output.dimension == 64
    (other,) = passport.training["joined"]
    assert other["steps"] == passport.training["steps"] == 6
    assert passport.measured["packed_least_cosine"] > 0.99
    assert joined.stat().st_size < alone.stat().st_size
    vectors, twice = (OnnxEmbedder.open(path).embed([page(0), page(1)])[:, 0] for path in (alone, joined))
    assert np.abs(vectors @ vectors.T - twice @ twice.T).max() < 0.02


def test_weights_of_runs_that_went_on_from_each_other_are_averaged(
    trained: Path, tiny_run: Path, tmp_path: Path
) -> None:
    config = read_config(tiny_run)
    model = msgspec.structs.replace(config.model, norm="layer")
    runs = [tmp_path / "one", tmp_path / "two"]
    config = msgspec.structs.replace(config, model=model)
    Trainer(config, runs[0], say=lambda _: None).train()
    config = msgspec.structs.replace(config, name="two", start_from=str(runs[0]), seed=5)
    Trainer(config, runs[1], say=lambda _: None).train()
    passport = export_model(runs[1], tmp_path / "mean.onnx", **TERMS, average=[runs[0]])
    (other,) = passport.training["averaged"]
    assert (other["config"]["name"], passport.training["config"]["name"]) == ("tiny", "two")
    assert not passport.measured
    network = EmbeddingNetwork.build(model, load=False).eval()
    states = [
        checkpoint.load(run / "best.pt" if (run / "best.pt").exists() else run / "last.pt") for run in runs
    ]
    one, two = (state["averaged"] for state in states)
    network.load_state_dict({name: (one[name] + two[name]) / 2 for name in one})
    images = torch.from_numpy(np.stack([prepare(page(number), model.side) for number in range(3)]))
    with torch.inference_mode():
        expected = network(images).numpy()
    vectors = OnnxEmbedder.open(tmp_path / "mean.onnx").embed([page(number) for number in range(3)])[:, 0]
    assert np.abs(vectors - expected).max() < 1e-4
    assert any((one[name] != two[name]).any() for name in one)


def test_batch_norms_and_other_networks_are_not_averaged(
    run: Path, trained: Path, tiny_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="batch norms cannot be averaged"):
        export_model(run, tmp_path / "mean.onnx", **TERMS, average=[run])
    config = read_config(tiny_run)
    for name, dimension in (("one", 16), ("two", 24)):
        model = msgspec.structs.replace(config.model, norm="layer", dimension=dimension)
        Trainer(msgspec.structs.replace(config, model=model), tmp_path / name, say=lambda _: None).train()
    with pytest.raises(TrainingError, match=r"two is of another network .* model\.dimension is 24"):
        export_model(tmp_path / "one", tmp_path / "mean.onnx", **TERMS, average=[tmp_path / "two"])
    assert not (tmp_path / "mean.onnx").exists()


def test_a_packed_model_that_says_something_else_is_not_let_out(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "least_cosine", lambda *_: float("nan"))
    with pytest.raises(TrainingError, match="packed model"):
        export_model(run, tmp_path / "tiny.onnx", **TERMS, packed=True)
    assert not (tmp_path / "tiny.onnx").exists()


def test_a_rate_that_no_table_has_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"0\.5 a probe; choose one of 0\.003"):
        release_model(
            tmp_path / "no run",
            tmp_path / "model.onnx",
            name="x",
            licence="CC0-1.0",
            benchmark=tmp_path,
            target_fpr=0.5,
            margin=0.03,
        )
    assert not list(tmp_path.iterdir())
