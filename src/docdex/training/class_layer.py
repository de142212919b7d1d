"""Make the layer of class centres that a config describes, each process its block of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from docdex.training.margins import ArcFace, Combined, CosFace, Softmax
from docdex.training.optim import RowAdamW, RowDescent, RowMomentum
from docdex.training.partial_fc import PartialFC
from docdex.training.rows import zeros

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from docdex.training.config import LossConfig, OptimConfig, TrainConfig
    from docdex.training.optim import RowOptimiser
    from docdex.training.processes import Processes

_REMEMBERED = {"descent": (), "momentum": ("momentum",), "adamw": ("first", "second")}
"""Tables of the centres' shape that an optimiser keeps."""
_DRAWN_AT_ONCE = 4096
"""Centres drawn from one stream of random numbers: a process draws those of its block, and few besides."""
_CENTRES = 3 << 30
"""Sets the random numbers of centres apart from those of views and of negatives."""
_SPREAD = 0.3
"""How far from a class's first centre its other ones start, as a share of its length."""


def build_margin(loss: LossConfig) -> Softmax:
    """The margin a config asks for."""
    if loss.kind == "combined":
        return Combined(loss.scale, *loss.margins)
    if loss.kind == "softmax":
        return Softmax(loss.scale)
    return (ArcFace if loss.kind == "arcface" else CosFace)(loss.scale, loss.margin)


def build_class_layer(config: TrainConfig, classes: int, processes: Processes, scratch: Path) -> PartialFC:
    """A layer of this process's centres, all zero: to be filled.

    scratch: folder in which the tables are mapped when they take more than `centre_memory`. Raises
    TrainingError when they do not fit there either.
    """
    loss, optim = config.loss, config.optim
    rows, dimension = len(processes.block(classes)), config.model.dimension
    shape = (rows, dimension) if loss.subcentres == 1 else (rows, loss.subcentres, dimension)
    names = _REMEMBERED[optim.centres]
    size = math.prod(shape) * 4 * (1 + len(names)) + 8 * rows
    folder = scratch if size > config.centre_memory * 2**30 else None
    tables = {name: zeros(shape, torch.float32, folder) for name in names}
    if names:
        tables["touched"] = zeros((rows,), torch.int64, folder)
    return PartialFC(
        zeros(shape, torch.float32, folder),
        margin=build_margin(loss),
        sampled=loss.sampled,
        optimiser=_optimiser(optim, tables),
        processes=processes,
        classes=classes,
    )


def _optimiser(optim: OptimConfig, tables: dict[str, Tensor]) -> RowOptimiser:
    if optim.centres == "momentum":
        return RowMomentum(tables, momentum=optim.centre_momentum, decay=optim.centre_decay)
    if optim.centres == "adamw":
        return RowAdamW(tables, decay=optim.centre_decay)
    return RowDescent()


def place_centres(layer: PartialFC, first: int, centres: Tensor) -> None:
    """Set the centres (n, ...) of classes from `first` on, those of them that are this process's."""
    start = layer.block.start
    low, high = max(first, start), min(first + len(centres), layer.block.stop)
    if low < high:  # else none of them is, and a bound below zero would count from the end
        layer.centres[low - start : high - start] = centres[low - first : high - first]


def place_at_random(layer: PartialFC, seed: int, first: int = 0) -> None:
    """Set centres from class `first` on to random unit vectors, the same however many processes hold them."""
    block, shape = layer.block, layer.centres.shape[1:]
    for chunk in range(max(block.start, first) // _DRAWN_AT_ONCE, math.ceil(block.stop / _DRAWN_AT_ONCE)):
        rng = np.random.default_rng([seed, chunk, _CENTRES])
        drawn = torch.from_numpy(rng.standard_normal((_DRAWN_AT_ONCE, *shape), dtype=np.float32))
        known = max(first - chunk * _DRAWN_AT_ONCE, 0)
        place_centres(layer, chunk * _DRAWN_AT_ONCE + known, F.normalize(drawn[known:], dim=-1))


def starting_centres(vectors: Tensor, shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Centres of unit length at vectors (n, D) of the classes' pages.

    shape: that of a class's row, (D,), or (K, D) for sub-centres: the first of these starts at the vector,
    the others a little aside, or they would never part.
    """
    unit = F.normalize(vectors)
    if len(shape) == 1:
        return unit
    centres = unit[:, None].repeat(1, shape[0], 1)
    aside = torch.randn((len(unit), shape[0] - 1, shape[1]), generator=generator)
    centres[:, 1:] += _SPREAD * F.normalize(aside, dim=-1)
    return F.normalize(centres, dim=-1)
