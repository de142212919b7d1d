"""Find the model file that a run goes on from, without what trains: a config is read with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from docdex import models
from docdex.errors import ModelError, TrainingError
from docdex.training.classes import expand
from docdex.training.config import ModelConfig

if TYPE_CHECKING:
    from docdex.models import Model


def find_model(given: str) -> Model | None:
    """The model that a config's `start_from` names, None where that is the folder of a run.

    Raises TrainingError for a model file that is missing, or that its passport does not fit.
    """
    name = given if given in models.names() else str(expand(given))
    if name not in models.names() and not name.endswith(".onnx"):
        return None
    try:
        return models.load(name)
    except ModelError as error:
        raise TrainingError(f"start_from: {error}") from error


def network_of(model: Model) -> ModelConfig:
    """The network that a model file was trained as.

    Raises TrainingError where its passport does not say, and for several networks joined in one file.
    """
    if model.passport.training.get("joined"):
        raise TrainingError(
            f"{model.path} is several networks in one: start from a model that is one of them."
        )
    try:
        return msgspec.convert(model.passport.training["config"]["model"], ModelConfig)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise TrainingError(
            f"{model.path}: its passport does not say of which network it is: {error}. Start from the folder "
            f"of its run."
        ) from error
