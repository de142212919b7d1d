"""Run a benchmark folder's fixed protocol on any recogniser, so that all answer the same questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from docdex.errors import EmptySource
from docdex.evaluation.metrics import (
    auroc,
    detection_and_identification_rate,
    false_positive_rate,
    pair_scores,
    threshold_at_fpr,
    tpr_at_fpr,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Capture = Literal["flat", "stress"]
CAPTURES: tuple[Capture, ...] = ("flat", "stress")
DRAWS = 3
FPIR_TARGETS = (0.1, 0.03, 0.01)
PAIR_TARGETS = {"1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2}


@dataclass(frozen=True, slots=True)
class Instance:
    """One picture of the benchmark: `kind` is its `<set>/<type>`, None for a stranger.

    A flat picture and its stress copy have the same `name`.
    """

    path: Path
    set: str
    kind: str | None
    capture: Capture
    name: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All pictures of a benchmark folder in a fixed order."""

    instances: tuple[Instance, ...]

    @classmethod
    def scan(cls, root: Path) -> Benchmark:
        """Find `flat`, `stress` and `strangers/{flat,stress}` under a folder.

        Raises EmptySource when there is nothing to measure.
        """
        found: list[Instance] = []
        for capture in CAPTURES:
            for path in sorted((root / capture).glob("*/*/*.jpg")):
                set_name, kind = path.parts[-3], f"{path.parts[-3]}/{path.parts[-2]}"
                found.append(Instance(path, set_name, kind, capture, path.stem))
            strangers = root / "strangers" / capture
            for path in sorted(strangers.glob("*/**/*.jpg")):
                found.append(Instance(path, path.relative_to(strangers).parts[0], None, capture, path.stem))
        if not any(i.kind and i.capture == "flat" for i in found):
            raise EmptySource(
                f"{root} holds no benchmark: expected flat/<set>/<type>/<instance>.jpg below it."
            )
        return cls(tuple(found))

    def indices(self, capture: Capture | None = None, *, strangers: bool = False) -> NDArray[np.intp]:
        """Positions of the pictures of one capture (None: both), of registered types or of strangers."""
        chosen = [
            n
            for n, i in enumerate(self.instances)
            if (capture is None or i.capture == capture) and (i.kind is None) == strangers
        ]
        return np.array(chosen, dtype=np.intp)

    def draw(self, number: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Gallery and probes: instance `number` modulo their count of every flat type is registered.

        Probes are all other pictures of registered types but the stress copies of the registered ones.
        """
        kinds: dict[str | None, list[int]] = {}
        for n in self.indices("flat"):
            kinds.setdefault(self.instances[n].kind, []).append(int(n))
        gallery = [members[number % len(members)] for members in kinds.values()]
        registered = {(self.instances[n].kind, self.instances[n].name) for n in gallery}
        probes = [
            n
            for n in self.indices()
            if self.instances[n].kind in kinds
            and (self.instances[n].kind, self.instances[n].name) not in registered
        ]
        return np.array(gallery, dtype=np.intp), np.array(probes, dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Identification:
    """Outcome of one draw: what was asked about, how near the nearest sample was, and whether it is right.

    probes: (P,) positions in the benchmark. best: (P,) similarity of each probe's nearest sample. correct:
    (P,) whether that sample has the probe's type. strangers: (S,) similarity of each stranger's nearest
    sample. types: samples in the gallery, one a type.
    """

    probes: NDArray[np.intp]
    best: NDArray[np.floating]
    correct: NDArray[np.bool_]
    strangers: NDArray[np.floating]
    types: int


def identify(benchmark: Benchmark, number: int, similarities: NDArray[np.floating]) -> Identification:
    """Identification in the joint gallery of one draw; of samples equally near, the first counts.

    similarities: (N, N) over all instances of the benchmark, row a probe, column a sample.
    """
    gallery, probes = benchmark.draw(number)
    strangers = benchmark.indices(strangers=True)
    kinds = np.array([i.kind or "" for i in benchmark.instances])
    against = similarities[np.ix_(probes, gallery)]
    return Identification(
        probes=probes,
        best=against.max(axis=1),
        correct=kinds[probes] == kinds[gallery[against.argmax(axis=1)]],
        strangers=similarities[np.ix_(strangers, gallery)].max(axis=1),
        types=len(gallery),
    )


def rank1_table(benchmark: Benchmark, draws: Sequence[Identification], capture: Capture) -> dict[str, float]:
    """Share of probes whose nearest sample has their type, by set, mean over draws.

    A set without probes of this capture is left out. `mean` is over the sets; NaN when there are none.
    """
    rates: dict[str, list[float]] = {}
    for outcome in draws:
        probes = [benchmark.instances[p] for p in outcome.probes]
        sets = np.array([i.set if i.capture == capture else "" for i in probes])
        for set_name in sorted(set(sets) - {""}):
            rates.setdefault(str(set_name), []).append(float(outcome.correct[sets == set_name].mean()))
    table = {name: float(np.mean(values)) for name, values in sorted(rates.items())}
    return {**table, "mean": _mean(list(table.values()))}


def dir_table(benchmark: Benchmark, draws: Sequence[Identification], capture: Capture) -> dict[str, float]:
    """DIR at each FPIR target, mean over draws; one threshold over all strangers of both captures.

    NaN without probes of this capture or without strangers.
    """
    table = {}
    for target in FPIR_TARGETS:
        rates = []
        for outcome in draws:
            mask = np.array(
                [benchmark.instances[p].capture == capture for p in outcome.probes], dtype=np.bool_
            )
            rates.append(
                detection_and_identification_rate(
                    outcome.best[mask], outcome.correct[mask], outcome.strangers, target
                )
            )
        table[f"{target:g}"] = _mean(rates)
    return table


def search_cost_table(
    upright: Sequence[Identification], searched: Sequence[Identification]
) -> dict[str, float]:
    """FPIR that each FPIR target becomes when orientations are searched at the threshold of upright pages.

    The same draws twice, without and with search; mean over draws, NaN without strangers.
    """
    return {
        f"{target:g}": _mean(
            [
                false_positive_rate(after.strangers, threshold_at_fpr(before.strangers, target))
                for before, after in zip(upright, searched, strict=True)
            ]
        )
        for target in FPIR_TARGETS
    }


@dataclass(frozen=True, slots=True)
class PairRates:
    """Verification over pairs: TPR by per-pair FPR, and AUROC; NaN where there is nothing to tell."""

    tpr: dict[str, float]
    auroc: float


def pair_table(
    benchmark: Benchmark, similarities: NDArray[np.floating], capture: Capture
) -> dict[str, PairRates]:
    """Verification over every pair of one capture, within each set and over `all` sets together.

    similarities: (N, N), symmetric, over all instances of the benchmark.
    """
    members = benchmark.indices(capture)
    kinds = [benchmark.instances[n].kind for n in members]
    sets = np.array([benchmark.instances[n].set for n in members])
    codes = np.unique([kind or "" for kind in kinds], return_inverse=True)[1]
    table: dict[str, PairRates] = {}
    for name in [*sorted({str(s) for s in sets}), "all"]:
        chosen = np.flatnonzero((sets == name) | (name == "all"))
        block = similarities[np.ix_(members[chosen], members[chosen])]
        positives, negatives = pair_scores(block, codes[chosen])
        table[name] = PairRates(
            {target: tpr_at_fpr(positives, negatives, fpr) for target, fpr in PAIR_TARGETS.items()},
            auroc(positives, negatives),
        )
    return table


def _mean(rates: Sequence[float]) -> float:
    return float(np.mean(rates)) if rates else float("nan")
