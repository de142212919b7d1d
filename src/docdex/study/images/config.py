"""Describe a study of losses on images in one TOML file: a recipe, a budget, and a row for each loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from docdex.errors import InvalidSetting, TrainingError
from docdex.training.ablation.plan import Changes, Seed, Words, changed
from docdex.training.config import Count, Positive, TrainConfig, check_config, read_config

if TYPE_CHECKING:
    from pathlib import Path

CENTRED = {"normalised-softmax": "softmax", "cosface": "cosface", "arcface": "arcface"}
"""Losses with a centre a class, by what they are called in the study and in a run's config: of thousands of
classes only a share takes part in a step, as docdex trains them."""
SELF_SUPERVISED = "simclr"
_ANY = 2


class RowConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One loss as it is to be trained.

    loss: a name of `docdex.study.losses`, or `simclr`. views: of each picture in a batch; what compares pairs
    needs two. settings: of that loss; of one with centres those of a run's table `loss`; of `simclr` its
    `temperature`. rate: of learning, as a multiple of the recipe's. batch: views a step, instead of the
    recipe's.
    """

    name: Words
    loss: str
    views: Count = 2
    settings: dict[str, Any] = {}
    rate: Positive = 1.0
    batch: Annotated[int, Meta(ge=2)] | None = None


class ImagesPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A study of images as its file has it.

    base: path of a run's config, from the plan's own folder. cpu_seconds: budget of each row, of its own
    preparations, views and steps. every: changes to the base that all rows have. The first row is what the
    others are compared with.
    """

    base: str
    cpu_seconds: Positive
    rows: Annotated[tuple[RowConfig, ...], Meta(min_length=2)]
    kind: Literal["images"] = "images"
    seeds: Annotated[tuple[Seed, ...], Meta(min_length=1)] = (1, 2, 3)
    every: Changes = {}


class ImagesStudy(msgspec.Struct, frozen=True):
    """A plan with its base read and its rows checked. base: with the changes that all rows have."""

    base: TrainConfig
    cpu_seconds: float
    rows: tuple[RowConfig, ...]
    seeds: tuple[int, ...]

    def config(self, row: RowConfig, seed: int) -> TrainConfig:
        """What a row is trained by. Its own process makes its views: CPU time is then counted to it alone."""
        return _of_row(msgspec.structs.replace(self.base, seed=seed, workers=0, threads=1), row)


def read_images_study(path: Path) -> ImagesStudy:
    """Read a plan and its base.

    Raises TrainingError for a plan or base that cannot be read, and for a row that is refused, with its name.
    """
    try:
        plan = msgspec.toml.decode(path.read_bytes(), type=ImagesPlan)
    except OSError as error:
        raise TrainingError(f"{path}: no study that can be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: {error}") from error
    base = changed(read_config(path.parent / plan.base), plan.every, f"{path}: every")
    given = [row.name for row in plan.rows]
    if len(set(given)) < len(given):
        twice = sorted({name for name in given if given.count(name) > 1})
        raise TrainingError(f"{path}: rows of the same name: {', '.join(twice)}.")
    for row in plan.rows:
        _check(base, row, f"{path}: {row.name}")
    return ImagesStudy(base, plan.cpu_seconds, plan.rows, plan.seeds)


def _check(base: TrainConfig, row: RowConfig, name: str) -> None:
    from docdex.study.losses import make_loss, names  # torch: what was found can be read without it

    batch = row.batch or base.optim.batch
    if batch % row.views:
        raise TrainingError(f"{name}: {batch} views are no whole number of pictures with {row.views} each.")
    if row.loss in CENTRED:
        check_config(_of_row(base, row, name), name)
        return
    asked, settings = row.loss, row.settings
    if row.loss == SELF_SUPERVISED:
        if set(settings) - {"temperature"}:
            raise TrainingError(f"{name}: {SELF_SUPERVISED} has no settings but its temperature.")
        asked = "supervised-contrastive"
    elif row.loss not in names():
        raise TrainingError(
            f"{name}: there is no loss {row.loss!r}: give one of {', '.join(names())}, simclr."
        )
    if row.views < 2:
        raise TrainingError(f"{name}: {row.loss} compares views of one picture: views must be 2 or more.")
    try:
        make_loss(asked, _ANY, _ANY, **settings)
    except InvalidSetting as error:
        raise TrainingError(f"{name}: {error.message}") from error


def _of_row(base: TrainConfig, row: RowConfig, name: str = "") -> TrainConfig:
    optim: dict[str, Any] = {
        key: row.rate * getattr(base.optim, key) for key in ("trunk_rate", "head_rate", "centre_rate")
    }
    if row.batch is not None:
        optim["batch"] = row.batch
    loss = {"kind": CENTRED[row.loss], **row.settings} if row.loss in CENTRED else {}
    return changed(base, {"optim": optim, "loss": loss}, name or row.name)
