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


class PairResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Verification over pairs: TPR by per-pair FPR, and AUROC; None in a set that has only one type."""

    tpr: Rates
    auroc: float | None


class TurnedResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stress probes turned by 90, 180 or 270 degrees, each tried in four orientations, strangers too.

    fpir_at_upright_threshold: what the FPIR of strangers becomes, for each target, when their four
    orientations are tried at the threshold that was found for upright pages.
    """

    rank1: Rates
    dir: Rates
    fpir_at_upright_threshold: Rates


class PeerResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was measured of one recogniser.

    types: labels in the gallery, one sample each. strangers: pages of other types. rank1: by capture and set,
    with `mean` over the sets. dir: by capture and FPIR per probe. pairs: by capture and set, with `all`.
    """

    peer: str
    types: int
    strangers: int
    rank1: dict[Capture, Rates]
    dir: dict[Capture, Rates]
    pairs: dict[Capture, dict[str, PairResult]]
    turned: TurnedResult


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
