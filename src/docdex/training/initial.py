"""Set a head and class centres to where they start: what the trunk knows before anything is trained."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from docdex.training.class_layer import place_at_random, place_centres, starting_centres
from docdex.training.export import to_onnx
from docdex.training.views import CleanVectors
from docdex.training.workers import from_workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from docdex.training.classes import ClassTable
    from docdex.training.config import TrainConfig
    from docdex.training.network import EmbeddingNetwork
    from docdex.training.partial_fc import PartialFC
    from docdex.training.views import Batches

BEYOND = 1 << 24
"""A batch number that no run reaches: views for the start come from behind it."""
_PCA_BATCHES = 24
"""Batches of views that the head's starting projection is fitted on."""


@torch.no_grad()
def start_head(network: EmbeddingNetwork, batches: Batches, workers: int) -> None:
    """Start the head from a PCA of training views, its batch norms from the same. workers: that make them."""
    network.eval()
    views = from_workers(batches, range(BEYOND, BEYOND + _PCA_BATCHES), workers)
    maps = torch.cat([batch.maps.float() for batch in views])
    network.head.start_from(network.cells(maps))


def start_centres(
    layer: PartialFC,
    config: TrainConfig,
    table: ClassTable,
    network: EmbeddingNetwork,
    *,
    say: Callable[[str], None] = print,
    first: int = 0,
) -> None:
    """Set each class's centre where the network puts its clean page, or anywhere, as `loss.start` says.

    first: class from which on; those before have theirs.
    """
    if config.loss.start == "random":
        place_at_random(layer, config.seed, first)
        return
    network.eval()
    say(f"starting {len(table) - first} centres from clean pages")
    model = to_onnx(network, config.model.side, "vectors")
    clean, block = CleanVectors(config, table, model), layer.block
    chunks = range(max(block.start, first) // clean.chunk, math.ceil(block.stop / clean.chunk))
    for chunk, vectors in zip(chunks, from_workers(clean, chunks, config.workers), strict=True):
        aside = torch.Generator().manual_seed(config.seed + chunk)
        centres = starting_centres(vectors, layer.centres.shape[1:], aside)
        known = max(first - chunk * clean.chunk, 0)
        place_centres(layer, chunk * clean.chunk + known, centres[known:])
