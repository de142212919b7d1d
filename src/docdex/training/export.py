"""Write a trained network as ONNX and let it out only if ONNX Runtime says the same as PyTorch."""

from __future__ import annotations

import platform
import tempfile
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import torch
from torch import nn

from docdex.capture import capture
from docdex.embedder import issue_passport
from docdex.errors import TrainingError
from docdex.models import golden_page
from docdex.preprocess import prepare
from docdex.training import checkpoint
from docdex.training.classes import expand
from docdex.training.config import restore_config
from docdex.training.dense import fold_branches
from docdex.training.network import EmbeddingNetwork, JoinedNetworks
from docdex.training.origin import find_model
from docdex.training.pack import pack_model
from docdex.training.start import Start
from docdex.training.templates import draw
from docdex.training.views import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from docdex.models import Passport, Threshold
    from docdex.training.config import TrainConfig

PARITY = 1e-4
"""Largest difference in any number of a vector between PyTorch and ONNX Runtime."""
PACKED_PARITY = 0.99
"""Smallest cosine between vectors of a model before and after its weights were packed."""
_LIBRARIES = ("docdex", "torch", "onnxruntime", "numpy", "opencv-python-headless")
"""What a run's numbers depend on besides its config."""


def export_model(
    run: Path,
    output: Path,
    *,
    name: str,
    licence: str,
    default_threshold: float,
    default_margin: float,
    thresholds: Sequence[Threshold] = (),
    average: Sequence[Path] = (),
    join: Sequence[Path] = (),
    packed: bool = False,
) -> Passport:
    """Write the averaged weights of a run's best checkpoint as an ONNX file, its passport beside it.

    run: folder of a training run; `best.pt`, or `last.pt` where nothing was measured. average: runs of the
    same network, at any side, whose weights are averaged with this one's: for those that went on from each
    other, which the mean is often better than either (arXiv 2203.05482). join: runs whose vectors follow this
    one's (`JoinedNetworks`); all look at what this one does. packed: weights are kept as 8-bit integers
    (`docdex.training.pack`). The rest goes into the passport, with the run's config, cost and figures, and
    those of what it was averaged or joined with; an average has no figures of its own.

    A run that started from another one, or a model, names it with its cost, and so on; they must still be
    there.

    Raises TrainingError when there is no checkpoint; for an average of other networks, or of batch norms,
    whose statistics no mean gives; when ONNX Runtime's vectors differ from PyTorch's by more than `PARITY`
    (before packing), or those of a packed model by more than a cosine of `PACKED_PARITY`; no file is written
    then.
    """
    members = [_Trained.read(folder) for folder in (run, *join)]
    if average:
        members[0] = _average(members[0], [(_Trained.read(folder), folder) for folder in average])
    first = members[0]
    side, views = first.config.model.side, first.config.model.views
    network: nn.Module = first.network
    if join:
        network = JoinedNetworks([(member.network, member.config.model.side) for member in members])
    model, images = to_onnx(network, side, "vectors"), _parity_images(side)
    difference = largest_difference(network, model, images)
    if not difference <= PARITY:  # not a number is no parity either
        raise TrainingError(
            f"{run}: ONNX Runtime's vectors differ from PyTorch's by {difference:.2g}; at most {PARITY:g} is "
            f"let out."
        )
    measured = first.measured
    if packed:
        whole, model = model, pack_model(model)
        cosine = least_cosine(whole, model, images)
        if not cosine >= PACKED_PARITY:
            raise TrainingError(
                f"{run}: a vector of the packed model has a cosine of {cosine:.4f} to what it was; at least "
                f"{PACKED_PARITY:g} is let out."
            )
        measured = {**measured, "packed_least_cosine": round(cosine, 5)}
    training = {**first.facts, "joined": [member.facts for member in members[1:]]} if join else first.facts
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(model)
    return issue_passport(
        output,
        name=name,
        licence=licence,
        views=views,
        default_threshold=default_threshold,
        default_margin=default_margin,
        training=training,
        measured=measured,
        thresholds=thresholds,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Trained:
    """A run's averaged weights, how it was made, and what was measured of them."""

    config: TrainConfig
    network: EmbeddingNetwork
    facts: dict[str, Any]
    measured: dict[str, Any]

    @classmethod
    def read(cls, run: Path) -> _Trained:
        best = run / "best.pt"
        state = checkpoint.load(best if best.exists() else run / "last.pt")
        try:
            config = restore_config(state["config"])
            network = EmbeddingNetwork.build(config.model, load=False)
            network.load_state_dict(state["averaged"])
            return cls(config, network, _training_facts(config, state), _measured_figures(state))
        except (KeyError, RuntimeError, msgspec.ValidationError) as error:
            raise TrainingError(f"{run}: a checkpoint of another docdex: {error}") from error


def _average(first: _Trained, others: Sequence[tuple[_Trained, Path]]) -> _Trained:
    """A network whose weights are the mean of all, at the first one's side."""
    model, network = first.config.model, first.network
    if any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in network.modules()):
        raise TrainingError(
            "Weights of a network with batch norms cannot be averaged: their statistics would be of none."
        )
    states = [network.state_dict()]
    for other, folder in others:
        fitted = EmbeddingNetwork.build(model, load=False)
        Start(other.network.state_dict(), other.config.model, str(folder)).load_into(fitted, model)
        states.append(fitted.state_dict())
    network.load_state_dict(
        {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
    )
    facts = {**first.facts, "averaged": [other.facts for other, _ in others]}
    return _Trained(first.config, network, facts, measured={})


def to_onnx(module: nn.Module, side: int, output: str) -> bytes:
    """ONNX of a module over images (N, 3, side, side); N is dynamic. Input `images`, output as named.

    The module is left in evaluation mode; what has branches for training only is written without them.
    """
    inference = fold_branches(module.eval())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The tracing exporter is to go one day; its successor needs more packages and writes the same graph.
        warnings.filterwarnings("ignore", "You are using the legacy TorchScript", DeprecationWarning)
        warnings.filterwarnings("ignore", "The feature will be removed", DeprecationWarning)
        # Asymmetric padding before some convolutions; ONNX Runtime folds it when it opens the file.
        warnings.filterwarnings("ignore", "Constant folding - Only steps=1", UserWarning)
        path = Path(folder) / "module.onnx"
        torch.onnx.export(
            inference,
            (torch.zeros(2, 3, side, side),),
            path,
            input_names=["images"],
            output_names=[output],
            dynamic_axes={"images": {0: "count"}, output: {0: "count"}},
            opset_version=17,
            dynamo=False,
        )
        return path.read_bytes()


@torch.no_grad()
def largest_difference(module: nn.Module, model: bytes, batches: Sequence[NDArray[np.float32]]) -> float:
    """Largest difference in any number between a module and its ONNX over batches (N, 3, S, S) float32."""
    session = open_session(model)
    return max(
        float(np.abs(module(torch.from_numpy(batch)).numpy() - session.run(None, {"images": batch})[0]).max())
        for batch in batches
    )


def least_cosine(one: bytes, other: bytes, batches: Sequence[NDArray[np.float32]]) -> float:
    """Smallest cosine between the unit vectors that two ONNX models give for batches (N, 3, S, S) float32."""
    sessions = open_session(one), open_session(other)
    cosines = []
    for batch in batches:
        first, second = (session.run(None, {"images": batch})[0] for session in sessions)
        cosines.append(float(np.sum(first * second, axis=1).min()))
    return min(cosines)


def _parity_images(side: int) -> list[NDArray[np.float32]]:
    """Noise in three batch sizes, and photos of made-up documents with the page of the golden vector."""
    rng = np.random.default_rng(0)
    noise = [rng.uniform(-1, 1, (count, 3, side, side)).astype(np.float32) for count in (1, 3, 8)]
    pages = [golden_page(), *(capture(draw(template, rng), rng) for template in range(16))]
    return [*noise, np.stack([prepare(page, side) for page in pages])]


def _training_facts(config: TrainConfig, state: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "config": msgspec.json.decode(msgspec.json.encode(config)),
        "classes": checkpoint.class_count(state),
        **_cost(config, state),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES},
    }
    if before := _runs_before(config):
        facts["before"] = before
    return facts


def _runs_before(config: TrainConfig) -> list[dict[str, Any]]:
    """Names and costs of the runs that this one goes on from, the last first; a model is one with its own."""
    runs: list[dict[str, Any]] = []
    while config.start_from is not None:
        if (model := find_model(config.start_from)) is not None:
            training = model.passport.training
            cost = {key: training[key] for key in _COSTS if key in training}
            own = {"name": model.passport.name, "digest": model.passport.digest, **cost}
            return [*runs, own, *training.get("before", ())]
        state = checkpoint.load(expand(config.start_from) / "last.pt")
        config = restore_config(state["config"])
        runs.append({"name": config.name, **_cost(config, state)})
    return runs


_COSTS = ("steps", "images", "minutes", "cpu_minutes")


def _cost(config: TrainConfig, state: dict[str, Any]) -> dict[str, Any]:
    progress = state["progress"]
    return {
        "steps": progress["step"],
        "images": progress["step"] * config.optim.batch,
        "minutes": round(progress["seconds"] / 60, 1),
        "cpu_minutes": round(progress["cpu"] / 60, 1),
    }


def _measured_figures(state: dict[str, Any]) -> dict[str, Any]:
    """What was measured at the checkpoint's own step, if anything was."""
    entries = [entry for entry in state["progress"]["history"] if entry["step"] == state["step"]]
    return {key: round(value, 4) for key, value in entries[-1].items() if key != "step"} if entries else {}
