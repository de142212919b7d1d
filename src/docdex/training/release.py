"""Turn a run into the model that users get, its thresholds measured and its defaults from a stated rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from docdex.embedder import ROTATIONS, OnnxEmbedder
from docdex.errors import InvalidSetting
from docdex.evaluation import threshold_table
from docdex.evaluation.thresholds import FPR_PER_PROBE
from docdex.models import write_passport
from docdex.training.export import export_model
from docdex.training.quantize import quantize_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from docdex.models import Passport


def release_model(
    run: Path,
    output: Path,
    *,
    name: str,
    licence: str,
    benchmark: Path,
    target_fpr: float,
    margin: float,
    calibrate: Path | None = None,
    average: Sequence[Path] = (),
    join: Sequence[Path] = (),
    packed: bool = False,
    say: Callable[[str], None] = print,
) -> Passport:
    """Export a run with a passport whose default thresholds let at most `target_fpr` of strangers through.

    run: folder of a training run. benchmark: folder that the threshold table is measured on. target_fpr:
    per probe, one of the table's, with the four rotations tried. margin: the passport's default margin, a
    difference of similarities. calibrate: folder of pages; with it, the model is written in 8-bit
    integers whose ranges are found on them, and thresholds are its own. average, join, packed: of
    `export_model`. say: is told what that cost.

    Raises InvalidSetting for a target that the table lacks, before anything is written; and what
    `export_model`, `quantize_model` and `threshold_table` raise.
    """
    if target_fpr not in FPR_PER_PROBE:
        measured = ", ".join(f"{fpr:g}" for fpr in sorted(FPR_PER_PROBE))
        raise InvalidSetting(f"No threshold is measured at {target_fpr:g} a probe; choose one of {measured}.")
    passport = export_model(
        run,
        output,
        name=name,
        licence=licence,
        default_threshold=1.0,
        default_margin=margin,
        average=average,
        join=join,
        packed=packed,
    )
    if calibrate is not None:
        passport, loss = quantize_model(output, calibrate, say=say)
        say(
            f"int8: cosine to the float model {loss.mean_cosine:.4f} on average, {loss.least_cosine:.4f} at "
            f"least, on {loss.measured} pages; ranges from {loss.calibrated} others"
        )
    # The model itself must measure its thresholds, so it is first written with one that claims nothing.
    table = threshold_table(benchmark, OnnxEmbedder.open(output), data=benchmark.name)
    strictest = max(
        row.threshold
        for row in table
        if row.per == "probe" and row.rotations == ROTATIONS and row.fpr == target_fpr
    )
    passport = msgspec.structs.replace(
        passport, default_fpr=target_fpr, default_threshold=strictest, thresholds=table
    )
    write_passport(passport, output)
    return passport
