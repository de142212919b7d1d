"""Run the fixed protocol of a benchmark folder on any recogniser, so that all peers answer exactly the same questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from docdex.errors import EmptySource
from docdex.evaluation.metrics import (
    auroc,
    detection_and_identification_rate,
    pair_scores,
    tpr_at_fpr,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Capture = Literal["flat", "stress"]
CAPTURES: tuple[Capture, ...] = ("flat", "stress")
DRAWS = 3
FPIR_TARGETS = (0.1, 0.03, 0.01)
PAIR_TARGETS = (1e-4, 1e-3, 1e-2)


@dataclass(frozen=True, slots=True)
class Instance:
    """One picture of the benchmark: `kind` is its `<set>/<type>`, None for a stranger."""

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
            for path in sorted((root / "strangers" / capture).rglob("*.jpg")):
                set_name = path.relative_to(root / "strangers" / capture).parts[0]
                found.append(Instance(path, set_name, None, capture, path.stem))
        if not any(i.kind and i.capture == "flat" for i in found):
            raise EmptySource(f"{root} holds no benchmark: expected flat/<set>/<type>/<instance>.jpg below it.")
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
        """Gallery and probes of one draw: instance `number` modulo the count of every flat type is registered.

        Probes are all other pictures of registered types but the stress copies of the registered ones.
        """
        kinds: dict[str, list[int]] = {}
        for n in self.indices("flat"):
            kinds.setdefault(self.instances[n].kind or "", []).append(int(n))
        gallery = [members[number % len(members)] for members in kinds.values()]
        registered = {(self.instances[n].kind, _original(self.instances[n])) for n in gallery}
        probes = [
            int(n) for n in self.indices() if (self.instances[n].kind, _original(self.instances[n])) not in registered
        ]
        return np.array(gallery, dtype=np.intp), np.array(probes, dtype=np.intp)


def _original(instance: Instance) -> str:
    """Name of the flat picture that an instance is, or is a copy of."""
    return instance.name


@dataclass(frozen=True, slots=True)
class Identification:
    """Outcome of one draw: for each probe and stranger the nearest sample's similarity and whether it is right."""

    probes: NDArray[np.intp]
    best: NDArray[np.floating]
    correct: NDArray[np.bool_]
    strangers: NDArray[np.floating]
    types: int


def identify(
    benchmark: Benchmark,
    number: int,
    similarities: NDArray[np.floating],
) -> Identification:
    """Identification in the joint gallery.

    similarities: (N, N), row a probe, column a sample, over all instances of the benchmark.
    """
    gallery, probes = benchmark.draw(number)
    strangers = benchmark.indices(strangers=True)
    kinds = [i.kind for i in benchmark.instances]
    against = similarities[np.ix_(probes, gallery)]
    nearest = against.argmax(axis=1)
    correct = np.array([kinds[p] == kinds[gallery[n]] for p, n in zip(probes, nearest, strict=True)])
    return Identification(
        probes, against.max(axis=1), correct, similarities[np.ix_(strangers, gallery)].max(axis=1), len(gallery)
    )


def rank1_table(benchmark: Benchmark, draws: Sequence[Identification], capture: Capture) -> dict[str, float]:
    """Share of probes whose nearest sample has their type, by set, mean over draws; `mean` is the mean over sets."""
    rates: dict[str, list[float]] = {}
    for outcome in draws:
        instances = [benchmark.instances[p] for p in outcome.probes]
        for set_name in sorted({i.set for i in instances}):
            mask = np.array([i.set == set_name and i.capture == capture for i in instances])
            if mask.any():
                rates.setdefault(set_name, []).append(float(outcome.correct[mask].mean()))
    table = {name: float(np.mean(values)) for name, values in rates.items()}
    return {**table, "mean": float(np.mean(list(table.values())))}


def dir_table(benchmark: Benchmark, draws: Sequence[Identification], capture: Capture) -> dict[str, float]:
    """DIR at each FPIR target, mean over draws; one threshold over all strangers of both captures."""
    table = {}
    for target in FPIR_TARGETS:
        rates = []
        for outcome in draws:
            mask = np.array([benchmark.instances[p].capture == capture for p in outcome.probes])
            rates.append(
                detection_and_identification_rate(outcome.best[mask], outcome.correct[mask], outcome.strangers, target)
            )
        table[f"{target:g}"] = float(np.mean(rates))
    return table


def pair_table(
    benchmark: Benchmark, similarities: NDArray[np.floating], capture: Capture
) -> Mapping[str, Mapping[str, object]]:
    """Verification over every pair of one capture, within each set and over `all` sets together."""
    members = benchmark.indices(capture)
    kinds = np.array([benchmark.instances[n].kind for n in members])
    sets = np.array([benchmark.instances[n].set for n in members])
    codes = np.unique(kinds, return_inverse=True)[1]
    table: dict[str, Mapping[str, object]] = {}
    for name in [*sorted(set(sets)), "all"]:
        chosen = np.flatnonzero((sets == name) | (name == "all"))
        block = similarities[np.ix_(members[chosen], members[chosen])]
        positives, negatives = pair_scores(block, codes[chosen])
        table[name] = {
            "tpr": {_short(t): tpr_at_fpr(positives, negatives, t) for t in PAIR_TARGETS},
            "auroc": auroc(positives, negatives),
        }
    return table


def _short(target: float) -> str:
    """1e-4 rather than 0.0001."""
    mantissa, exponent = f"{target:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
