"""Save and load a run's whole state so that a kill costs minutes, never the last good checkpoint."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from docdex.errors import TrainingError
from docdex.training.rows import SavedRows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docdex.training.partial_fc import PartialFC


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


def save_run(path: Path, state: dict[str, Any], layer: PartialFC, replacing: str | None) -> str:
    """Save a run of any number of processes, called by all of them; the name of the folder of its tables.

    state: as in `save`, without the class layer; the first process's is written. layer: its tables go into a
    folder beside `path`, each process's block by itself, where all reach the same disk. replacing: the
    folder that the checkpoint at `path` names now, if there is one.

    The tables are written first, into a folder that no checkpoint names; then `path`, which names it, is
    replaced at once; then the folder of the one before goes. A process killed anywhere in between leaves a
    checkpoint whose tables are whole. Raises TrainingError, in all processes, when any cannot write.
    """
    name = f"{path.stem}-rows-{'b' if replacing and replacing.endswith('a') else 'a'}"
    saved = SavedRows(path.parent / name, layer.classes)
    processes = layer.processes
    with processes.together():
        if processes.first:
            _attempt(saved.folder, lambda: saved.create(layer.tables))
    with processes.together():
        _attempt(saved.folder, lambda: saved.write(layer.tables, layer.block.start))
    with processes.together():
        if processes.first:
            save(path, {**state, "rows": name, "row_optimiser": layer.optimiser.state()})
            if replacing is not None:
                shutil.rmtree(path.parent / replacing, ignore_errors=True)
    return name


def _attempt(path: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        raise TrainingError(
            f"{path}: not written: {error}. The checkpoint before it is untouched."
        ) from error


def class_count(state: dict[str, Any]) -> int:
    """How many classes a run has, by what `load` gave."""
    return int(state["classes"]) if "classes" in state else len(state["centres"])


def load_layer(path: Path, state: dict[str, Any], layer: PartialFC) -> str | None:
    """Fill the layer's block from the tables of the checkpoint at `path`; the name of their folder.

    state: what `load` gave. The number of processes may be another than when it was saved. A checkpoint from
    before there was such a folder holds the centres itself. Raises TrainingError for tables that are missing
    or of another kind.
    """
    if "rows" not in state:
        load_centres(path, state, layer)
        return None
    name = str(state["rows"])
    SavedRows(path.parent / name, layer.classes).read(layer.tables, layer.block.start)
    layer.optimiser.load_state(state["row_optimiser"])
    return name


def load_centres(path: Path, state: dict[str, Any], layer: PartialFC) -> None:
    """Fill the layer's block with the centres alone, for a run that starts where another ended.

    As `load_layer`; what the other run's optimiser remembers stays behind. Where the layer has more classes,
    those behind the saved ones are left as they are.
    """
    count = class_count(state)
    centres = layer.centres[: max(count - layer.block.start, 0)]
    if "rows" not in state:
        centres.copy_(state["centres"][layer.block.start : layer.block.stop])
        return
    SavedRows(path.parent / str(state["rows"]), count).read({"centres": centres}, layer.block.start)


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
