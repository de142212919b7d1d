"""List what a study trains: one cell for each loss, seed and question, each of which stands by itself."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

import msgspec

from docdex.study.config import TF_IDF, UNTRAINED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docdex.study.config import StudyConfig

Part = Literal["rates", "base", "variants", "imbalance", "counts", "unseen", "transfer"]
Rates = dict[tuple[str | None, str], float]
"""Rate of each variant (None: the study as it is) and loss."""


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One training and what is measured of it.

    rate: of learning; 0 where nothing learns. variant: of the part `variants`, and of its rates. label,
    share: the class that is cut, and to what share. classes: how many there are, where fewer than all.
    """

    part: Part
    loss: str
    seed: int
    rate: float
    variant: str | None = None
    label: str | None = None
    share: float | None = None
    classes: int | None = None

    @property
    def of(self) -> str:
        """Which question of its part it answers, in words; empty where its part has only one."""
        if self.label is not None:
            return f"{self.label} at {100 * (self.share or 0):g} %"
        return self.variant or (str(self.classes) if self.classes else "")

    @property
    def name(self) -> str:
        """`base-triplet-seed-3`: of its file, and no other cell's of the study.

        A question in words is cut short and marked by a digest: two labels may differ in signs alone.
        """
        words = [self.part, self.loss]
        if self.of:
            words += [self.of[:40], hashlib.sha256(self.of.encode()).hexdigest()[:6]]
        if self.part == "rates":
            words.append(f"rate {self.rate:g}")
        return re.sub(r"[^\w.]+", "-", " ".join([*words, f"seed {self.seed}"]).lower())


def rate_cells(config: StudyConfig) -> list[Cell]:
    """What is trained only to choose rates by; nothing where there is no choice."""
    return [
        Cell("rates", loss, config.seeds[0], rate, variant=variant)
        for variant, loss, rates in _choices(config)
        if len(rates) > 1
        for rate in rates
    ]


def choose_rates(config: StudyConfig, found: Mapping[Cell, float | None]) -> Rates:
    """The rate of each loss, by the quality of those tried; of equals the lower."""
    chosen: Rates = {}
    for variant, loss, rates in _choices(config):
        tried = [
            (found.get(Cell("rates", loss, config.seeds[0], rate, variant=variant)), rate) for rate in rates
        ]
        best = max((quality, -rate) for quality, rate in ((q or 0.0, r) for q, r in tried))
        chosen[variant, loss] = -best[1] if len(rates) > 1 else rates[0]
    return chosen


def cells(config: StudyConfig, labels: tuple[str, ...], rates: Rates) -> list[Cell]:
    """All that is measured, seed by seed: a study that was stopped has something of everything.

    labels: of the C classes. Numbers of classes that are not there are left out.
    """
    found = []
    for place, seed in enumerate(config.seeds):
        for loss in config.losses:
            if loss == TF_IDF and place:
                continue  # nothing in it is drawn
            found.append(Cell("base", loss, seed, _rate(rates, loss)))
        for loss in config.sides:
            found += _of_side(config, labels, rates, loss, seed)
        if config.unseen:
            for loss in config.unseen.losses or config.losses:
                if loss == TF_IDF:
                    continue  # it has no vectors that could be registered
                found.append(Cell("unseen", loss, seed, _rate(rates, loss)))
        if config.transfer:
            for loss in (*config.sides, UNTRAINED):
                found.append(Cell("transfer", loss, seed, _rate(rates, loss)))
    return found


def _of_side(
    config: StudyConfig, labels: tuple[str, ...], rates: Rates, loss: str, seed: int
) -> Iterator[Cell]:
    for variant in config.variants:
        if set(variant.changes) == {"settings"} and loss not in variant.changes["settings"]:
            continue  # for this side it is the study as it is
        rate = rates.get((variant.name, loss), rates[None, loss])
        yield Cell("variants", loss, seed, rate, variant=variant.name)
    if config.imbalance:
        for label in labels:
            for share in config.imbalance.shares:
                yield Cell("imbalance", loss, seed, rates[None, loss], label=label, share=share)
    for count in config.counts:
        if count <= len(labels):
            yield Cell("counts", loss, seed, rates[None, loss], classes=count)


def _choices(config: StudyConfig) -> Iterator[tuple[str | None, str, tuple[float, ...]]]:
    """Variant, loss and the rates it may have: a variant has the study's, unless it gives its own."""
    unseen = config.unseen.losses if config.unseen else ()
    for loss in dict.fromkeys((*config.losses, *config.sides, *unseen)):
        if loss in (UNTRAINED, TF_IDF):
            continue
        yield None, loss, config.optim.rates
    for variant in config.variants:
        if "rates" in variant.changes.get("optim", {}):
            for loss in config.sides:
                yield variant.name, loss, config.varied(variant.name).optim.rates


def _rate(rates: Rates, loss: str) -> float:
    return rates.get((None, loss), 0.0)
