"""Keep what was measured in a form that other programs read and that claims nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from docdex.errors import InvalidSetting, SourceNotFound
from docdex.evaluation.protocol import Capture
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Rates = dict[str, float | None]
"""Shares from 0 to 1 by set, or by target; None where there was nothing to measure."""

Interval = tuple[float, float]
"""Low and high bound of a share."""

Bounds = dict[str, Interval | None]
"""The interval of each of some `Rates`; None where there was nothing to measure or nothing to resample."""


class PairResult(msgspec.Struct, frozen=True):
    """Verification over pairs: TPR by per-pair FPR, and AUROC; None in a set that has only one type."""

    tpr: Rates
    auroc: float | None


class TurnedResult(msgspec.Struct, frozen=True):
    """Stress probes turned by 90, 180 or 270 degrees, each tried in four orientations, strangers too.

    fpir_at_upright_threshold: what the FPIR of strangers becomes, for each target, when their four
    orientations are tried at the threshold that was found for upright pages.
    """

    rank1: Rates
    dir: Rates
    fpir_at_upright_threshold: Rates


class PairIntervals(msgspec.Struct, frozen=True):
    """Intervals of a `PairResult`."""

    tpr: Bounds
    auroc: Interval | None


class TurnedIntervals(msgspec.Struct, frozen=True):
    """Intervals of a `TurnedResult`."""

    rank1: Bounds
    dir: Bounds


class Intervals(msgspec.Struct, frozen=True):
    """Intervals of a `PeerResult` by bootstrap over types: each stands where its figure stands in the result.

    pairs: empty for a peer without vectors, and for a benchmark of more pairs than are resampled.
    """

    confidence: float
    replicates: int
    rank1: dict[Capture, Bounds]
    dir: dict[Capture, Bounds]
    pairs: dict[Capture, dict[str, PairIntervals]]
    turned: TurnedIntervals
    oscr: dict[Capture, Interval | None]


class Lead(msgspec.Struct, frozen=True):
    """How far a peer is ahead of another: intervals of the difference, on the same replicates for both.

    over: the other one's name, which no third one has; both were asked the same questions. An interval that
    lies above zero is a lead that other types would hardly undo, one below zero the reverse.
    """

    over: str
    intervals: Intervals


class TrainingCost(msgspec.Struct, frozen=True):
    """What a model took to train, with all that it went on from, as its passport says.

    minutes: wall time; cpu_minutes: of all processes together. images: views that it learned from.
    """

    minutes: float
    cpu_minutes: float
    images: int


class PeerResult(msgspec.Struct, frozen=True):
    """All that was measured of one recogniser.

    types: labels in the gallery, one sample each. strangers: pages of other types that were asked about.
    rank1: by capture and set, with `mean` over the sets. dir: by capture and FPIR per probe. pairs: by
    capture and set, with `all`. oscr: area below the OSCR curve, by capture. unsearched: the mean rank-1, by
    the degrees by which probes were turned and by capture, when only the orientation that they have is
    tried. draws: galleries that figures are the mean over. every: only each so-manieth probe was asked about.
    cost: of a model of ours whose passport says it. lead: over the peer that all were compared with.

    What came later than the first results has a default: older files are read, with None for what they lack.
    """

    peer: str
    types: int
    strangers: int
    rank1: dict[Capture, Rates]
    dir: dict[Capture, Rates]
    pairs: dict[Capture, dict[str, PairResult]]
    turned: TurnedResult
    oscr: dict[Capture, float | None] = {}
    unsearched: dict[str, dict[Capture, float | None]] = {}
    draws: int = 3
    every: int = 1
    intervals: Intervals | None = None
    cost: TrainingCost | None = None
    lead: Lead | None = None


def write_results(results: Sequence[PeerResult], path: Path) -> None:
    """Write results as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(list(results)), indent=1) + b"\n")


def read_results(path: Path) -> list[PeerResult]:
    """Results that `write_results` wrote. Raises SourceNotFound; InvalidSetting for another form."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[PeerResult])
    except OSError as error:
        raise SourceNotFound(f"No results at {path}: `docdex evaluate` writes them.") from error
    except msgspec.MsgspecError as error:
        raise InvalidSetting(f"{path} holds no results of `docdex evaluate`: {error}") from error
