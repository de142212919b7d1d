"""Train and measure each variant of an ablation, one after the other, whatever becomes of the one before."""

from __future__ import annotations

import gc
import hashlib
import math
import re
import time
from typing import TYPE_CHECKING

import msgspec

from docdex.errors import DocdexError, TrainingError
from docdex.training.ablation.plan import describe
from docdex.training.ablation.record import Failure, Run, open_record, write_record
from docdex.training.classes import expand
from docdex.training.loop import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docdex.training.ablation.plan import Ablation, Variant
    from docdex.training.ablation.record import Record


def ablate(ablation: Ablation, runs: Path, results: Path, say: Callable[[str], None] = print) -> Record:
    """Make every run that `results` does not hold yet; the record in the end.

    runs: folder of the runs' folders, and of what they share. results: JSON, written anew after each run. A
    run that ends with an error is reported, and the others go on. say: is told of progress.

    Raises TrainingError when there is nothing to measure on, when `results` is of another ablation or cannot
    be written; KeyboardInterrupt when interrupted: what was finished stays.
    """
    if not (expand("$DOCDEX_DATA") / "dev").is_dir():
        raise TrainingError("An ablation measures on the folder dev below $DOCDEX_DATA, which is not there.")
    record = open_record(results, ablation)
    for number, variant in enumerate(ablation.variants, start=1):
        if record.run(variant.changes, variant.seed) is not None:
            continue
        what = describe(variant.changes) or "the base as it is"
        say(f"{number} of {len(ablation.variants)}: {variant.row}, seed {variant.seed} ({what})")
        began = time.monotonic()
        try:
            run = _train(variant, runs, say)
        except Exception as error:  # of whatever kind: the other rows have nothing to do with it
            told = error.message if isinstance(error, DocdexError) else f"{type(error).__name__}: {error}"
            say(f"failed: {told}")
            record = record.with_failure(Failure(variant.changes, variant.seed, told))
        else:
            record = record.with_run(run)
            say(f"done in {time.monotonic() - began:.0f} s, {run.images / run.seconds:.0f} images/s")
        write_record(record, results)
        gc.collect()  # the pages of a run that is over must not stay beside those of the next
    return record


def _train(variant: Variant, runs: Path, say: Callable[[str], None]) -> Run:
    """Train a variant, from its checkpoint if there is one, and measure it once."""
    folder, config = runs / folder_name(variant), variant.config
    if config.data.cache is None:  # files are looked at once for all rows
        data = msgspec.structs.replace(config.data, cache=str(runs / "scans"))
        config = msgspec.structs.replace(config, data=data)
    trainer = Trainer(config, folder, resume=(folder / "last.pt").exists(), say=say)
    # One look at the benchmark, when the budget is spent: nothing can be chosen by it.
    validation, trainer.validation = trainer.validation, None
    trainer.train()
    assert validation is not None
    figures = validation.measure(trainer.averaged.eval())
    progress = trainer.progress
    return Run(
        changes=variant.changes,
        seed=variant.seed,
        classes=len(trainer.table),
        steps=progress.step,
        images=progress.step * config.optim.batch,
        seconds=progress.seconds,
        cpu_seconds=progress.cpu,
        figures={name: figure if math.isfinite(figure) else None for name, figure in figures.items()},
    )


def folder_name(variant: Variant) -> str:
    """`margin-softmax-1-` and the beginning of a digest of the config: another config, another folder."""
    words = re.sub(r"[^a-z0-9]+", "-", variant.row.lower()).strip("-")
    digest = hashlib.sha256(msgspec.json.encode(variant.config)).hexdigest()
    return f"{words}-{variant.seed}-{digest[:8]}"
