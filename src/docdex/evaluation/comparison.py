"""Ask all peers the same questions in one pass, so that their figures may stand side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from docdex.embedder import ROTATIONS
from docdex.evaluation.peers import open_peer, peer_names
from docdex.evaluation.protocol import (
    CAPTURES,
    DRAWS,
    Benchmark,
    PairRates,
    dir_table,
    identify,
    pair_table,
    rank1_table,
    search_cost_table,
)
from docdex.evaluation.results import PairResult, PeerResult, Rates, TurnedResult
from docdex.images import read_pages

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from docdex.embedder import Embedder
    from docdex.evaluation.peers import Peer

_PICTURES_AT_ONCE = 8
_DECIMALS = 6


def evaluate(
    root: str | os.PathLike[str],
    peers: Sequence[str] = (),
    *,
    train: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[PeerResult]:
    """Run the protocol on a benchmark folder; results in the order of the peers.

    root: holds `flat/<set>/<type>/<instance>.jpg`, copies of the same names below `stress/`, and pages of
    other types below `strangers/{flat,stress}/<set>/`. peers: names of `peer_names` or `docdex:PATH`; all
    by default. train: pictures for the peer that fits a projection, by default the folder `train` beside
    `root`. progress: called with the pictures done and their number.

    Raises EmptySource when the folder holds no benchmark, what `open_peer` raises, and InputError for a
    picture that cannot be read: leaving it out would measure something else.
    """
    root = Path(root)
    benchmark = Benchmark.scan(root)
    pictures = root.resolve().parent / "train" if train is None else Path(train)
    opened = [open_peer(name, train=pictures) for name in peers or peer_names()]
    vectors = embed_benchmark(benchmark, opened, progress=progress)
    return [measure(benchmark, peer.name, own) for peer, own in zip(opened, vectors, strict=True)]


def embed_benchmark(
    benchmark: Benchmark,
    peers: Sequence[Peer | Embedder],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[NDArray[np.float32]]:
    """Vectors (N, 4, D) of each peer for all N pictures in all orientations, each read once, at full size."""
    paths = [instance.path for instance in benchmark.instances]
    parts: list[list[NDArray[np.float32]]] = [[] for _ in peers]
    for start in range(0, len(paths), _PICTURES_AT_ONCE):
        pages = [next(read_pages(path)).pixels for path in paths[start : start + _PICTURES_AT_ONCE]]
        for own, peer in zip(parts, peers, strict=True):
            own.append(peer.embed(pages, rotations=ROTATIONS))
        if progress is not None:
            progress(start + len(pages), len(paths))
    return [np.concatenate(own) for own in parts]


def compare(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Similarities (N, N) of upright pages, and at the best of a probe's orientations.

    Row a probe, column a sample; samples are always upright. vectors: (N, R, D), the first orientation
    upright.
    """
    samples = vectors[:, 0].T
    upright = vectors[:, 0] @ samples
    searched = upright.copy()
    for number in range(1, vectors.shape[1]):
        np.maximum(searched, vectors[:, number] @ samples, out=searched)
    return upright, searched


def measure(benchmark: Benchmark, name: str, vectors: NDArray[np.float32]) -> PeerResult:
    """All figures of one peer. vectors: (N, 4, D) of unit length, in the order of the benchmark.

    A page turned by a quarter has the same four orientations as an upright one: what search finds does not
    depend on how a page lies, and one table serves all turns.
    """
    upright, searched = compare(vectors)
    plain = [identify(benchmark, number, upright) for number in range(DRAWS)]
    turned = [identify(benchmark, number, searched) for number in range(DRAWS)]
    return PeerResult(
        peer=name,
        types=plain[0].types,
        strangers=len(plain[0].strangers),
        rank1={capture: _rates(rank1_table(benchmark, plain, capture)) for capture in CAPTURES},
        dir={capture: _rates(dir_table(benchmark, plain, capture)) for capture in CAPTURES},
        pairs={
            capture: {
                name: _pair_result(rates) for name, rates in pair_table(benchmark, upright, capture).items()
            }
            for capture in CAPTURES
        },
        turned=TurnedResult(
            rank1=_rates(rank1_table(benchmark, turned, "stress")),
            dir=_rates(dir_table(benchmark, turned, "stress")),
            fpir_at_upright_threshold=_rates(search_cost_table(plain, turned)),
        ),
    )


def _pair_result(rates: PairRates) -> PairResult:
    return PairResult(tpr=_rates(rates.tpr), auroc=_rate(rates.auroc))


def _rates(rates: Mapping[str, float]) -> Rates:
    return {name: _rate(rate) for name, rate in rates.items()}


def _rate(rate: float) -> float | None:
    """What JSON can say: no NaN, and no more digits than a benchmark of some hundred pages has."""
    return None if math.isnan(rate) else round(rate, _DECIMALS)
