from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import onnx
import torch

from docdex import models
from docdex.embedder import issue_passport
from docdex.errors import TrainingError
from docdex.training import checkpoint, start
from docdex.training.config import ModelConfig, TrainConfig, read_config, restore_config
from docdex.training.export import export_model, to_onnx
from docdex.training.loop import Trainer
from docdex.training.network import EmbeddingNetwork
from docdex.training.origin import find_model
from docdex.training.pack import pack_model
from docdex.training.start import read_start
from docdex.training.views import open_session

TERMS: dict[str, Any] = {
    "name": "tiny",
    "licence": "CC0-1.0",
    "default_threshold": 0.6,
    "default_margin": 0.02,
}


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run as a model file with its passport; not to be written to."""
    output = tmp_path_factory.mktemp("exported") / "tiny.onnx"
    export_model(trained, output, **TERMS)
    return output


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.parent, tmp_path / "model")) / "tiny.onnx"


def rewrite(path: Path, change: Any) -> None:
    """Change a model file's graph and give it a new passport that says the same of the network."""
    passport = models.read_passport(path)
    loaded = onnx.load(path)
    change(loaded.graph)
    onnx.save(loaded, path)
    issue_passport(path, **TERMS, training=passport.training)


def test_a_model_file_gives_back_the_very_weights_that_were_exported(trained: Path, exported: Path) -> None:
    read = read_start(str(exported))
    averaged = checkpoint.load(trained / "last.pt")["averaged"]
    learned = [name for name in averaged if not name.endswith("num_batches_tracked")]
    assert all(torch.equal(read.weights[name], averaged[name]) for name in learned)
    assert read.weights.keys() == averaged.keys()
    assert read.origin == "the model tiny"


@torch.no_grad()
def test_a_packaged_model_gives_back_a_network_that_embeds_like_it() -> None:
    read = read_start("small")
    network = EmbeddingNetwork.build(read.model, load=False).eval()
    read.load_into(network, read.model)
    loaded = models.load("small")
    images = np.random.default_rng(5).uniform(-1, 1, (3, 3, read.model.side, read.model.side))
    images = images.astype(np.float32)
    vectors = open_session(loaded.content).run(None, {loaded.passport.input.name: images})[0]
    assert np.abs(network(torch.from_numpy(images)).numpy() - vectors).max() < 1e-4


def test_a_run_starts_from_a_model_and_says_so_in_its_own_passport(
    exported: Path, tiny_run: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    config = msgspec.structs.replace(read_config(tiny_run), name="own", start_from=str(exported))
    trainer = Trainer(config, tmp_path / "own", say=told.append)
    assert told[0] == "starting from the model tiny"
    before = read_start(str(exported)).weights
    assert all(torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())
    trainer.train()
    passport = export_model(tmp_path / "own", tmp_path / "own.onnx", **{**TERMS, "name": "own"})
    (first,) = passport.training["before"]
    assert (first["name"], first["steps"], first["images"]) == ("tiny", 6, 48)
    assert first["digest"] == models.read_passport(exported).digest
    again = Trainer(config, tmp_path / "own", resume=True, say=told.append)
    assert again.progress.step == 6


@pytest.fixture
def lcnet_model(tmp_path: Path) -> Path:
    """A model like the one that ships: PP-LCNet, all of it learned, seen by two views, weights at random."""
    config = ModelConfig(
        trunk="lcnet",
        frozen_stride=1,
        learn_depthwise=True,
        side=64,
        squeeze=8,
        dimension=32,
        norm="layer",
        views=("whole", "top"),
    )
    torch.manual_seed(0)
    network = EmbeddingNetwork.build(config, load=False).eval()
    with torch.no_grad():
        for value in network.parameters():  # equal ones would be one in the file
            value.add_(0.1 * torch.randn(value.shape))
    path = tmp_path / "lcnet.onnx"
    path.write_bytes(to_onnx(network, config.side, "vectors"))
    issue_passport(
        path,
        **{**TERMS, "name": "lcnet"},
        views=config.views,
        training={"config": {"model": msgspec.to_builtins(config)}},
    )
    return path


def test_a_run_goes_on_from_a_model_of_two_views_without_the_package_of_its_trunk(
    lcnet_model: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    text = tiny_run.read_text(encoding="utf-8").partition("[model]")
    rest = text[2].partition("[data]")
    tiny_run.write_text(f'start_from = "{lcnet_model}"\n{text[0]}[data]{rest[2]}', encoding="utf-8")
    config = read_config(tiny_run)
    assert (config.model.trunk, config.model.views) == ("lcnet", ("whole", "top"))
    before = read_start(str(lcnet_model)).weights
    trainer = Trainer(config, tmp_path / "own", say=lambda _: None)
    assert all(torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())
    trainer.train()
    passport = export_model(tmp_path / "own", tmp_path / "own.onnx", **{**TERMS, "name": "own"})
    assert passport.input.views == ("whole", "top")
    assert any(not torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())


def test_packed_weights_are_taken_as_the_model_computes_with_them(lcnet_model: Path) -> None:
    whole = read_start(str(lcnet_model)).weights
    passport = models.read_passport(lcnet_model)
    lcnet_model.write_bytes(pack_model(lcnet_model.read_bytes()))
    issue_passport(lcnet_model, **TERMS, views=passport.input.views, training=passport.training)
    packed = read_start(str(lcnet_model)).weights
    name = "head.first.weight"
    assert packed.keys() == whole.keys()
    assert not torch.equal(packed[name], whole[name])
    assert torch.allclose(packed[name], whole[name], atol=float(whole[name].abs().max()) / 100)


def test_several_networks_in_one_file_are_refused(model: Path) -> None:
    training = models.read_passport(model).training
    issue_passport(model, **TERMS, training={**training, "joined": [training]})
    with pytest.raises(TrainingError, match="several networks in one"):
        read_start(str(model))


def test_a_model_of_another_side_starts_with_its_head_resized(exported: Path) -> None:
    read = read_start(str(exported))
    larger = msgspec.structs.replace(read.model, side=96)
    network = EmbeddingNetwork.build(larger)
    read.load_into(network, larger)
    assert network.head.first.weight.shape == (32, 8 * 6 * 6)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"squeeze": 4}, "model.squeeze is 8"), ({"dimension": 16}, "model.dimension is 32")],
)
def test_a_network_of_another_architecture_is_refused_by_what_differs(
    exported: Path, change: dict[str, int], named: str
) -> None:
    read = read_start(str(exported))
    other = msgspec.structs.replace(read.model, **change)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match=named):
        read.load_into(EmbeddingNetwork.build(other), other)


def test_a_checkpoint_of_another_architecture_is_refused_before_any_data_are_read(
    trained: Path, tiny_run: Path, tmp_path: Path
) -> None:
    config = read_config(tiny_run)
    other = msgspec.structs.replace(config.model, squeeze=4)
    config = msgspec.structs.replace(config, model=other, start_from=str(trained))
    told: list[str] = []
    with pytest.raises(TrainingError, match=r"model\.squeeze is 8"):
        Trainer(config, tmp_path / "next", say=told.append)
    assert len(told) == 1


def test_a_resumed_checkpoint_of_another_network_is_refused(
    trained: Path, tiny_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    state = checkpoint.load(run / "last.pt")
    del state["network"]["head.second.weight"]
    checkpoint.save(run / "last.pt", state)
    with pytest.raises(TrainingError, match="another network"):
        Trainer(read_config(tiny_run), run, resume=True, say=lambda _: None)


def test_a_folded_model_cannot_be_read_back_and_says_what_to_do(model: Path) -> None:
    name, folded = "upper.0._expand_conv.weight", "onnx::Conv_7"

    def rename(graph: Any) -> None:
        for tensor in graph.initializer:
            tensor.name = folded if tensor.name == name else tensor.name
        for node in graph.node:
            node.input[:] = [folded if given == name else given for given in node.input]

    rewrite(model, rename)
    with pytest.raises(TrainingError, match=rf"does not hold {name} .*folder of its run"):
        read_start(str(model))


def test_a_model_that_computes_something_else_with_these_weights_is_refused(model: Path) -> None:
    def blur(graph: Any) -> None:
        for node in graph.node:
            if node.op_type == "LayerNormalization":
                (epsilon,) = [given for given in node.attribute if given.name == "epsilon"]
                epsilon.f = 1.0

    rewrite(model, blur)
    with pytest.raises(TrainingError, match="differs by"):
        read_start(str(model))


def test_a_model_whose_passport_does_not_name_its_network_is_refused(model: Path) -> None:
    issue_passport(model, **TERMS)
    with pytest.raises(TrainingError, match="does not say of which network"):
        read_start(str(model))


def test_a_missing_model_and_one_that_was_changed_are_refused(model: Path) -> None:
    with pytest.raises(TrainingError, match=r"gone\.onnx"):
        read_start(str(model.with_name("gone.onnx")))
    model.write_bytes(model.read_bytes() + b"more")
    with pytest.raises(TrainingError, match="changed or damaged"):
        read_start(str(model))


def test_a_folder_is_a_run_and_a_name_or_an_onnx_file_is_a_model(
    trained: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCDEX_MODELS", str(exported.parent))
    assert find_model(str(trained)) is None
    for given in (str(exported), "$DOCDEX_MODELS/tiny.onnx", models.DEFAULT):
        found = find_model(given)
        assert found is not None
        assert found.passport.name in ("tiny", models.DEFAULT)


@pytest.mark.parametrize("broken", [{"step": 1}, {"step": 1, "config": {"model": {"trunk": "resnet"}}}])
def test_a_run_of_another_docdex_is_refused(tmp_path: Path, broken: dict[str, Any]) -> None:
    checkpoint.save(tmp_path / "last.pt", broken)
    with pytest.raises(TrainingError, match="another docdex"):
        read_start(str(tmp_path))


def test_weights_made_for_another_preprocess_are_taken_with_a_word(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "VERSION", 99)
    assert "now 99" in read_start(str(exported)).origin


def test_a_passport_s_config_is_read_as_one_of_today(exported: Path) -> None:
    values = models.read_passport(exported).training["config"]
    config = restore_config(values)
    assert isinstance(config, TrainConfig)
    assert isinstance(config.model, ModelConfig)
