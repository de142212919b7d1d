"""Save and load a run's whole state so that a kill costs minutes, never the last good checkpoint."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from docdex.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path


def save(path: Path, state: dict[str, Any]) -> None:
    """Write beside, flush, then rename over: the old checkpoint stays until the new one is whole.

    state: tensors, numbers, strings, lists, tuples, dictionaries, nothing else; its `step` marks it as ours.
    Raises TrainingError when it cannot be written (a full disk); the old one is then untouched.
    """
    beside = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, RuntimeError) as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise TrainingError(
            f"{path}: not written: {error}. The checkpoint before it is untouched."
        ) from error


def load(path: Path) -> dict[str, Any]:
    """State written by `save`, on the CPU. Raises TrainingError when it is missing or no checkpoint."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such checkpoint.") from None
    except Exception as error:  # torch raises whatever its unpickler meets
        raise TrainingError(f"{path}: not a checkpoint of docdex: {error}") from error
    if not isinstance(state, dict) or "step" not in state:
        raise TrainingError(f"{path}: not a checkpoint of docdex.")
    return state
