"""Say which weights a run starts from: those of another run, or of a model file that was let out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from docdex.errors import TrainingError
from docdex.models import golden_page
from docdex.preprocess import VERSION, prepare
from docdex.training.checkpoint import class_count, load, load_centres
from docdex.training.classes import drawn_counts, expand
from docdex.training.config import DataConfig, ModelConfig, restore_config
from docdex.training.heads import GRID_KINDS, resize_head
from docdex.training.network import EmbeddingNetwork
from docdex.training.origin import find_model, network_of
from docdex.training.pack import unpack
from docdex.training.views import open_session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from docdex.models import Model
    from docdex.training.partial_fc import PartialFC

_EXACT = 1e-4
"""Largest difference in any number of a vector between a model file and the network read back from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Weights to start from. weights: of a network that `model` describes. origin: for the user.

    checkpoint: of the run that they are of, with its state; None for those of a model file.
    """

    weights: Mapping[str, Tensor]
    model: ModelConfig
    origin: str
    checkpoint: tuple[Path, dict[str, Any]] | None = None

    def load_into(self, network: EmbeddingNetwork, model: ModelConfig) -> None:
        """Give them to a network built from `model`; where its side is another, the head is resized.

        Raises TrainingError for a network of another architecture.
        """
        weights = self.weights
        try:
            if self.model.side != model.side and model.head in GRID_KINDS:
                weights = resize_head(weights, self.model.side // 16, model.side // 16)
            network.load_state_dict(weights)
        except (KeyError, RuntimeError) as error:
            keys = [key for key in model.__struct_fields__ if getattr(self.model, key) != getattr(model, key)]
            named = ", ".join(f"model.{key} is {getattr(self.model, key)}" for key in keys if key != "side")
            raise TrainingError(
                f"{self.origin} is of another network than this config's: {named or error}."
            ) from error

    def load_centres_into(self, layer: PartialFC, data: DataConfig, made_of: str) -> int:
        """Give the centres of a run whose classes come first among a class layer's; how many these are.

        data: what the layer's classes are made of. made_of: their `ClassTable.identity`; a checkpoint from
        before there was one is believed. Raises TrainingError for centres of another kind.
        """
        if self.checkpoint is None:
            return 0
        path, state = self.checkpoint
        before = restore_config(state["config"]).data
        count = class_count(state)
        # Files came or went, or have other names: other classes, or the same in another order.
        if (
            not _begins_with(data, before)
            or count > layer.classes
            or state.get("made_of", made_of) != made_of
        ):
            return 0
        load_centres(path, state, layer)
        return count


def _begins_with(data: DataConfig, before: DataConfig) -> bool:
    """Whether the classes of `data` are those of `before`, and perhaps more drawn ones behind them."""
    if _images(data) != _images(before):
        return False
    now, then = drawn_counts(data), drawn_counts(before)
    differs = next((index for index in range(len(now)) if now[index] != then[index]), None)
    return differs is None or (now[differs] > then[differs] and not any(then[differs + 1 :]))


def _images(data: DataConfig) -> tuple[object, ...]:
    return data.share, tuple((source.folder, source.list, source.classes) for source in data.sources)


def read_start(given: str) -> Start:
    """What a config's `start_from` names.

    given: name of a packaged model, path of an ONNX file with its passport, or folder of a run, whose last
    averaged weights are taken. Raises TrainingError for anything else, and for a model file whose weights
    cannot be read back to the same vectors.
    """
    if (model := find_model(given)) is not None:
        return _of_model(model)
    run = expand(given)
    path = run / "last.pt"
    state = load(path)
    try:
        config = restore_config(state["config"]).model  # of all of it: its data say whose the centres are
        return Start(state["averaged"], config, f"step {state['step']} of {run}", (path, state))
    except (KeyError, msgspec.ValidationError) as error:
        raise TrainingError(f"{run}: a checkpoint of another docdex: {error}") from error


def _of_model(model: Model) -> Start:
    """The weights of a model file, from the initialisers of its graph: they have kept the network's names."""
    config = network_of(model)
    network = EmbeddingNetwork.build(config, load=False).eval()
    state = network.state_dict()
    kept = _initialisers(model.content)
    # How many batches a norm has seen is not in the file, and is used by norms without momentum only.
    lacking = [name for name in state if name not in kept and not name.endswith("num_batches_tracked")]
    lacking += [name for name in state if name in kept and kept[name].shape != state[name].shape]
    if lacking:
        raise TrainingError(
            f"{model.path} does not hold {lacking[0]} as it was trained ({len(lacking)} such): what is "
            f"folded or quantised cannot be read back. Start from the folder of its run."
        )
    network.load_state_dict({name: kept.get(name, value) for name, value in state.items()})
    difference = _difference(network, model, config.side)
    if not difference <= _EXACT:
        raise TrainingError(
            f"{model.path}: the network read back from it differs by {difference:.2g} in its vectors: it was "
            f"written by a docdex whose network was another. Start from the folder of its run."
        )
    before = model.passport.input.preprocess
    told = f" (of preprocess {before}, now {VERSION})" if before != VERSION else ""
    return Start(network.state_dict(), config, f"the model {model.passport.name}{told}")


def _initialisers(content: bytes) -> dict[str, Tensor]:
    import onnx

    graph = onnx.load_model_from_string(content).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return {name: torch.from_numpy(array.copy()) for name, array in unpack(arrays).items()}


@torch.no_grad()
def _difference(network: EmbeddingNetwork, model: Model, side: int) -> float:
    """Largest difference in any number of the vectors of a page and of noise."""
    noise = np.random.default_rng(0).uniform(-1, 1, (3, 3, side, side)).astype(np.float32)
    images = np.concatenate([prepare(golden_page(), side)[None], noise])
    (vectors,) = open_session(model.content).run(None, {model.passport.input.name: images})
    return float(np.abs(network(torch.from_numpy(images)).numpy() - vectors).max())
