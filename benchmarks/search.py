"""What a search costs against the numpy product that it cannot do without; prints one JSON object.

    python benchmarks/search.py [--small]

SQLite galleries of 10,000 and 1,000,000 samples, as long as the default model's vectors; 1 probe, and 4 (a
page in its rotations); the 5 best labels asked for. `search_ms` is the median of `SqliteGallery.search`,
`product_ms` that of `matrix @ probes.T` of the same size. The two run in turn, so that noise meets both, and
each is timed on the second of two runs, so that both find their numbers in the cache where it has room.
`_cpu_ms` is the same in CPU time, which other work on the machine disturbs less. Each size is measured in a
process with one BLAS thread and in one with as many as the BLAS likes. `memory_mb` is what the process grew
by from before the gallery was opened until after the first search, which reads all vectors. `--small` leaves
out the million.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docdex import models
from docdex.contract import Contract
from docdex.gallery import Sample, SqliteGallery

CONTRACT = Contract(model="0" * 64, preprocess=1, dimension=models.load().passport.contract.dimension)
SAMPLES_PER_LABEL = 3
LABELS_ASKED = 5
ROUNDS = {10_000: 300, 1_000_000: 3}
WRITTEN_AT_ONCE = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="10,000 samples only")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.measure)))
        return
    results = []
    for size in sorted(ROUNDS)[: 1 if options.small else None]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "gallery.db"
            started = time.perf_counter()
            make_gallery(path, size)
            seconds = round(time.perf_counter() - started, 1)
            for threads in ("1", "default"):
                results.append(
                    {"samples": size, "threads": threads, "written_s": seconds, **run(path, threads)}
                )
    print(json.dumps({"benchmark": "search", "dimension": CONTRACT.dimension, "results": results}, indent=2))


def run(path: Path, threads: str) -> dict[str, object]:
    """`measured` in a process of its own: BLAS reads its number of threads once, memory starts at nothing."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    if threads != "default":
        environment["OPENBLAS_NUM_THREADS"] = environment["OMP_NUM_THREADS"] = threads
    command = [sys.executable, __file__, "--measure", str(path)]
    result: dict[str, object] = json.loads(
        subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    )
    return result


def make_gallery(path: Path, size: int) -> None:
    with SqliteGallery.open(path, CONTRACT) as gallery:
        for start in range(0, size, WRITTEN_AT_ONCE):
            vectors = unit_vectors(WRITTEN_AT_ONCE, seed=start)
            gallery.upsert([sample(start + i, vector) for i, vector in enumerate(vectors)])


def sample(number: int, vector: NDArray[np.float32]) -> Sample:
    return Sample(
        id=f"{number:032x}",
        label=f"made-up/{number // SAMPLES_PER_LABEL:06}",
        digest=f"{number:064x}",
        source=f"{number}.jpg",
        page=1,
        time="2024-01-01T00:00:00Z",
        vector=vector,
        thumbnail=b"",
    )


def unit_vectors(count: int, seed: int) -> NDArray[np.float32]:
    numbers = np.random.default_rng(seed).random((count, CONTRACT.dimension), np.float32)
    vectors: NDArray[np.float32] = numbers - np.float32(0.5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def measured(path: Path) -> dict[str, object]:
    """Times and memory for the gallery at `path`, in this process."""
    before = resident_mb()
    with SqliteGallery.open(path) as gallery:
        size = gallery.count()
        started = time.perf_counter()
        gallery.search(unit_vectors(1, seed=1), LABELS_ASKED)
        result: dict[str, object] = {
            "first_search_s": round(time.perf_counter() - started, 2),
            "memory_mb": round(resident_mb() - before),
            "vectors_mb": round(size * CONTRACT.dimension * 4 / 2**20),
        }
        matrix = np.tile(unit_vectors(WRITTEN_AT_ONCE, seed=2), (size // WRITTEN_AT_ONCE, 1))
        for count in (1, 4):
            probes = unit_vectors(count, seed=count)
            search = Timed(partial(gallery.search, probes, LABELS_ASKED))
            product = Timed(partial(np.matmul, matrix, probes.T))
            for _ in range(ROUNDS[size]):
                search.run()
                product.run()
            result[f"probes_{count}"] = {
                "search_ms": round(statistics.median(search.wall) * 1e3, 3),
                "product_ms": round(statistics.median(product.wall) * 1e3, 3),
                "ratio": round(statistics.median(search.wall) / statistics.median(product.wall), 2),
                "search_cpu_ms": round(statistics.median(search.cpu) * 1e3, 3),
                "product_cpu_ms": round(statistics.median(product.cpu) * 1e3, 3),
                "ratio_cpu": round(statistics.median(search.cpu) / statistics.median(product.cpu), 2),
            }
        return result


class Timed:
    """A call, and the seconds it took whenever it was run."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def run(self) -> None:
        """Once to warm up, and once measured."""
        self.call()
        wall, cpu = time.perf_counter(), time.process_time()
        self.call()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


def resident_mb() -> float:
    """Memory of this process now, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
