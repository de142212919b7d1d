"""Measure a network on the benchmark while it trains, with the benchmark's own protocol and metrics."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from docdex.embedder import look_at
from docdex.errors import TrainingError
from docdex.evaluation.protocol import CAPTURES, Benchmark, dir_table, identify, pair_table, rank1_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from docdex.training.config import ModelConfig
    from docdex.training.network import EmbeddingNetwork


class Validation:
    """The benchmark's pictures, taken through the frozen half once and kept.

    model: says what of each is looked at. lower: images (N, 3, S, S) float32 -> maps of the frozen half.
    """

    def __init__(
        self,
        root: Path,
        model: ModelConfig,
        lower: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        batch: int = 64,
    ) -> None:
        self.benchmark = Benchmark.scan(root)
        paths = [instance.path for instance in self.benchmark.instances]
        maps, places, first = [], [], 0

        def look(path: Path) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
            return look_at(_read(path), model.side, model.views)

        # Decoding and resizing let go of the interpreter's lock: threads are enough.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(paths), batch):
                looks = list(pool.map(look, paths[start : start + batch]))
                maps.append(lower(np.concatenate([inputs for inputs, _ in looks])).astype(np.float16))
                for inputs, of_page in looks:
                    places.append(first + of_page)
                    first += len(inputs)
        self.maps = torch.from_numpy(np.concatenate(maps))
        self.places = np.concatenate(places)
        """(N, V): which of the maps show a picture."""

    @torch.no_grad()
    def embed(self, network: EmbeddingNetwork, batch: int = 128) -> NDArray[np.float32]:
        """Vectors of unit length (N, V * D) of all pictures; the network should be in evaluation mode."""
        parts = torch.split(self.maps, batch)
        outputs = torch.cat([network.embed_maps(part.float()) for part in parts]).numpy()
        vectors = outputs[self.places].reshape(len(self.places), -1)
        return np.asarray(vectors / np.float32(np.sqrt(self.places.shape[1])))

    def measure(self, network: EmbeddingNetwork) -> dict[str, float]:
        """Figures by which a checkpoint is chosen."""
        vectors = self.embed(network)
        similarities = vectors @ vectors.T
        draws = [identify(self.benchmark, number, similarities) for number in range(3)]
        figures: dict[str, float] = {}
        for capture in CAPTURES:
            figures[f"rank1_{capture}"] = rank1_table(self.benchmark, draws, capture)["mean"]
            for target, rate in dir_table(self.benchmark, draws, capture).items():
                figures[f"dir_{capture}@{target}"] = rate
            for target, rate in pair_table(self.benchmark, similarities, capture)["all"].tpr.items():
                figures[f"tpr_{capture}@{target}"] = rate
        return figures


def _read(path: Path) -> NDArray[np.uint8]:
    decoded = cv2.imread(str(path))
    if decoded is None:
        raise TrainingError(f"{path}: a picture of the benchmark that cannot be decoded.")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
