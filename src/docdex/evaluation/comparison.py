"""Ask all peers the same questions in one pass, so that their figures may stand side by side."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from docdex.embedder import ROTATIONS
from docdex.errors import InvalidSetting
from docdex.evaluation.html import require_extra, write_report
from docdex.evaluation.intervals import bounds_of, differences
from docdex.evaluation.measurement import Measurement, measure_matches, measure_vectors
from docdex.evaluation.peers import Matcher, ModelPeer, cheap_peer_names, open_peer
from docdex.evaluation.protocol import Benchmark
from docdex.evaluation.replicates import Resampling
from docdex.evaluation.results import Lead, write_results
from docdex.images import read_pages

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from docdex.embedder import Embedder
    from docdex.evaluation.peers import Peer
    from docdex.evaluation.results import PeerResult

_PICTURES_AT_ONCE = 8


def evaluate(
    root: str | os.PathLike[str],
    peers: Sequence[str] = (),
    *,
    against: str | None = None,
    train: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    report: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[PeerResult]:
    """Run the protocol on a benchmark folder; results in the order of the peers.

    root: holds `flat/<set>/<type>/<instance>.jpg`, copies of the same names below `stress/`, and pages of
    other types below `strangers/{flat,stress}/<set>/`. peers: names of `peer_names` or `docdex:PATH`; by
    default all of `cheap_peer_names`. against: one of them; how far those that are asked the same questions
    are ahead of it is told. train: pictures for the peer that fits a projection, by default the folder
    `train` beside `root`. cache: folder where texts that were read from pages are kept for the next run; by
    default they are not. output: path of the results as JSON, written before the report is drawn. report:
    path of an HTML page to write beside, with pictures; it needs the extra `report`. progress: called with
    the pictures done and their number, for each costly peer anew.

    Raises EmptySource when the folder holds no benchmark, InvalidSetting for one of its sets that is called
    `all` or `mean` and when `against` is not among the peers or has its name from two of them, MissingExtra
    for a report without its extra, OSError for a file that cannot be written, what `open_peer` raises, and
    InputError for a picture that cannot be read: leaving it out would measure something else.
    """
    root = Path(root)
    benchmark = Benchmark.scan(root)
    # What is bound to fail fails before hours of measuring, not after.
    if report is not None:
        require_extra()
    for file in (file for file in (output, report) if file is not None):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    pictures = root.resolve().parent / "train" if train is None else Path(train)
    texts = None if cache is None else Path(cache)
    names = list(peers or cheap_peer_names())
    if against is not None and against not in names:
        raise InvalidSetting(
            f"Cannot compare with {against}, which is not measured; what is: {', '.join(names)}."
        )
    opened = [open_peer(name, train=pictures, cache=texts) for name in names]
    other = None if against is None else names.index(against)
    if other is not None and [peer.name for peer in opened].count(opened[other].name) > 1:
        raise InvalidSetting(f"Two of these are called {opened[other].name}: a lead over which is asked for?")
    measurements = measure_peers(benchmark, opened, progress=progress)
    if other is not None:
        measurements = [_with_lead(measurement, measurements[other]) for measurement in measurements]
    results = [measurement.result for measurement in measurements]
    if output is not None:
        write_results(results, Path(output))
    if report is not None:
        write_report(benchmark, measurements, Path(report))
    return results


def _with_lead(one: Measurement, other: Measurement) -> Measurement:
    # Other draws and other probes are other questions: their difference would be one of luck too.
    asked = [(measurement.result.draws, measurement.result.every) for measurement in (one, other)]
    if one is other or asked[0] != asked[1]:
        return one
    lead = Lead(other.result.peer, bounds_of(differences(one.replicates, other.replicates)))
    return dataclasses.replace(one, result=msgspec.structs.replace(one.result, lead=lead))


def measure_peers(
    benchmark: Benchmark,
    peers: Sequence[Peer | Matcher[Any]],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Measurement]:
    """All figures of each peer, and what pictures are drawn from: those with vectors share one pass."""
    resampling = Resampling(benchmark)
    embedding = [peer for peer in peers if not isinstance(peer, Matcher)]
    vectors = iter(embed_benchmark(benchmark, embedding, progress=progress) if embedding else [])
    measurements = []
    for peer in peers:
        if isinstance(peer, Matcher):
            rows, against = match_benchmark(benchmark, peer, progress=progress)
            measurements.append(measure_matches(resampling, peer.name, rows, against, every=peer.every))
        else:
            cost = peer.cost if isinstance(peer, ModelPeer) else None
            measurements.append(measure_vectors(resampling, peer.name, next(vectors), cost))
    return measurements


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


def match_benchmark(
    benchmark: Benchmark, peer: Matcher[Any], *, progress: Callable[[int, int], None] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Positions (M,) of a share of probes and strangers, and scores (M, T) with the first draw's samples.

    Every so-manieth in the benchmark's order, as `Matcher.every` says: the same pictures in each run.
    """
    gallery, probes = benchmark.draw(0)
    asked = np.sort(np.concatenate([probes, benchmark.indices(strangers=True)]))[:: peer.every]
    total = len(gallery) + len(asked)

    def describe(position: int, done: int) -> Any:
        described = peer.describe(next(read_pages(benchmark.instances[position].path)).pixels)
        if progress is not None:
            progress(done, total)
        return described

    samples = [describe(n, done) for done, n in enumerate(gallery, 1)]
    scores = [peer.compare(describe(n, done), samples) for done, n in enumerate(asked, len(gallery) + 1)]
    return asked, np.stack(scores)


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
