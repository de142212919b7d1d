"""Run a benchmark folder's fixed protocol on any recogniser, so that all answer the same questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from docdex.errors import EmptySource, InvalidSetting
from docdex.evaluation.metrics import (
    auroc,
    detection_and_identification_rate,
    false_positive_rate,
    oscr_area,
    pair_scores,
    threshold_at_fpr,
    tpr_at_fpr,
)
from docdex.evaluation.pairs import PairRates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Capture = Literal["flat", "stress"]
CAPTURES: tuple[Capture, ...] = ("flat", "stress")
DRAWS = 3
FPIR_TARGETS = (0.1, 0.03, 0.01)
_NO_SETS = {"all", "mean"}
PAIR_TARGETS = {"1e-5": 1e-5, "1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}


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

        Raises EmptySource when there is nothing to measure, InvalidSetting for a set that is called as
        results call what they say of several.
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
        taken = sorted({i.set for i in found if i.kind} & _NO_SETS)
        if taken:
            raise InvalidSetting(
                f"{root} has a set called {taken[0]}, which is what results call the figure of all sets: "
                "rename that folder."
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

    def types(self) -> NDArray[np.str_]:
        """The type of each picture (N,), empty for a stranger."""
        return np.array([i.kind or "" for i in self.instances])

    def stranger_pages(self) -> NDArray[np.str_]:
        """`<set>/<page>` of each stranger (S,): a flat picture and its copies `<page>-0`… are one page."""
        flat = {(self.instances[n].set, self.instances[n].name) for n in self.indices("flat", strangers=True)}
        pages = []
        for n in self.indices(strangers=True):
            of, name = self.instances[n].set, self.instances[n].name
            copied = name.rpartition("-")[0]
            pages.append(f"{of}/{copied if (of, name) not in flat and (of, copied) in flat else name}")
        return np.array(pages, dtype=np.str_)

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

    probes: (P,) positions in the benchmark. best: (P,) similarity of each probe's nearest sample, nearest:
    (P,) its position, correct: (P,) whether it has the probe's type. strangers: (S,) similarity of each
    stranger's nearest sample, asked_strangers: (S,) positions of the strangers, nearest_strangers: (S,) of
    those samples. types: samples in the gallery, one a type.
    """

    probes: NDArray[np.intp]
    best: NDArray[np.floating]
    nearest: NDArray[np.intp]
    correct: NDArray[np.bool_]
    strangers: NDArray[np.floating]
    asked_strangers: NDArray[np.intp]
    nearest_strangers: NDArray[np.intp]
    types: int


def identify(benchmark: Benchmark, number: int, similarities: NDArray[np.floating]) -> Identification:
    """Identification in the joint gallery of one draw; of samples equally near, the first counts.

    similarities: (N, N) over all instances of the benchmark, row a probe, column a sample.
    """
    gallery, _ = benchmark.draw(number)
    return identify_rows(benchmark, number, np.arange(len(similarities)), similarities[:, gallery])


def identify_rows(
    benchmark: Benchmark, number: int, rows: NDArray[np.intp], against: NDArray[np.floating]
) -> Identification:
    """Identification of those pictures alone that were compared with the samples of one draw.

    rows: (M,) positions in the benchmark, rising; those that are no probes of this draw are passed over.
    against: (M, T) similarities to its samples, in the order of `Benchmark.draw`.
    """
    gallery, probes = benchmark.draw(number)
    kinds = benchmark.types()
    known, unknown = np.isin(rows, probes), np.isin(rows, benchmark.indices(strangers=True))
    best, nearest = against.max(axis=1), gallery[against.argmax(axis=1)]
    return Identification(
        probes=rows[known],
        best=best[known],
        nearest=nearest[known],
        correct=kinds[rows[known]] == kinds[nearest[known]],
        strangers=best[unknown],
        asked_strangers=rows[unknown],
        nearest_strangers=nearest[unknown],
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
    asked = [(outcome, of_capture(benchmark, outcome.probes, capture)) for outcome in draws]
    return {
        f"{target:g}": _mean(
            [
                detection_and_identification_rate(
                    outcome.best[mask], outcome.correct[mask], outcome.strangers, target
                )
                for outcome, mask in asked
            ]
        )
        for target in FPIR_TARGETS
    }


def mean_oscr_area(benchmark: Benchmark, draws: Sequence[Identification], capture: Capture) -> float:
    """Area below the OSCR curve, mean over draws; NaN without probes of this capture or without strangers."""
    areas = []
    for outcome in draws:
        mask = of_capture(benchmark, outcome.probes, capture)
        areas.append(oscr_area(outcome.best[mask], outcome.correct[mask], outcome.strangers))
    return _mean(areas)


def of_capture(benchmark: Benchmark, positions: NDArray[np.intp], capture: Capture) -> NDArray[np.bool_]:
    """Which of these pictures (M,) are of one capture."""
    return np.array([benchmark.instances[n].capture == capture for n in positions], dtype=np.bool_)


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


def pair_table(
    benchmark: Benchmark, similarities: NDArray[np.floating], capture: Capture
) -> dict[str, PairRates]:
    """Verification over every pair of one capture, within each set and over `all` sets together.

    similarities: (N, N), symmetric, over all instances of the benchmark.
    """
    table: dict[str, PairRates] = {}
    for name, (chosen, codes) in pair_members(benchmark, capture).items():
        positives, negatives = pair_scores(similarities[np.ix_(chosen, chosen)], codes)
        table[name] = PairRates(
            {target: tpr_at_fpr(positives, negatives, fpr) for target, fpr in PAIR_TARGETS.items()},
            auroc(positives, negatives),
        )
    return table


def pair_members(
    benchmark: Benchmark, capture: Capture
) -> dict[str, tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Whose pairs are compared: by set, and `all`, positions (M,) in the benchmark and type numbers (M,)."""
    members = benchmark.indices(capture)
    sets = np.array([benchmark.instances[n].set for n in members], dtype=np.str_)
    codes = np.unique(benchmark.types()[members], return_inverse=True)[1]
    return {
        name: (members[chosen], codes[chosen])
        for name in [*sorted({str(s) for s in sets}), "all"]
        for chosen in [np.flatnonzero((sets == name) | (name == "all"))]
    }


def _mean(rates: Sequence[float]) -> float:
    return float(np.mean(rates)) if rates else float("nan")
