"""Describe a training run in one TOML file, so that a committed config makes a committed model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from docdex.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]

_FREE = {
    "optim.minutes",
    "optim.steps",
    "workers",
    "threads",
    "checkpoint_minutes",
    "validate_minutes",
}
"""Keys that may change between a run and its resuming."""


class SourceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One folder of images, each its own class.

    weight: how often one of its images is drawn, relative to the others'; look-alikes deserve less.
    turned: each image turned by a quarter or a half is another class to learn.
    """

    folder: str
    weight: Positive = 1.0
    turned: bool = True


class DataConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned: images from folders, and templates drawn by code.

    templates: how many; template_share: of all views. pictures: folder for the templates' logos and
    portraits, one of the sources or any other. fields: share of views whose contents are changed. scans:
    share of views that are scanned; the others are photographed. severity: of either, drawn between these.
    photo_side: pixels of a view before it is prepared. page_side: short side at which images are kept in
    memory: what a view of that size can show, and no more.
    """

    sources: Annotated[tuple[SourceConfig, ...], Meta(min_length=1)]
    templates: Annotated[int, Meta(ge=0)] = 12_000
    template_share: Share = 0.4
    pictures: str | None = None
    fields: Share = 0.8
    scans: Share = 0.0
    severity: tuple[Share, Share] = (0.1, 1.0)
    photo_side: Count = 184
    page_side: Count = 208


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network: `trunk` to stride 16, a 1x1 squeeze, flatten, Linear-LayerNorm-BatchNorm twice.

    trunk: `lite0` with its ImageNet weights, or `dense`, which first learns the maps of `lite0` for
    `distil_minutes`. side: of the square input, in pixels. squeeze: channels kept a cell. dimension: of the
    vectors.
    """

    trunk: Literal["lite0", "dense"] = "lite0"
    distil_minutes: NotNegative = 0.0
    side: Annotated[int, Meta(ge=32, multiple_of=16)] = 144
    squeeze: Annotated[int, Meta(ge=1, le=112)] = 32
    dimension: Count = 256


class LossConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CosFace (arXiv 1801.09414) over a sampled share of the class centres (PartialFC, arXiv 2203.15565)."""

    scale: Positive = 32.0
    margin: NotNegative = 0.35
    sampled: Annotated[float, Meta(gt=0, le=1)] = 0.3


class OptimConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AdamW, and gradient descent for the centres, with warm-up and a cosine to zero.

    The run lasts `minutes` of wall time or `steps`, whichever is set. trunk_rate, head_rate, centre_rate:
    peaks of the learning rates. warmup: steps. ema: how much of the averaged weights is kept a step. clip:
    norm of the gradient.
    """

    batch: Annotated[int, Meta(ge=2)] = 192
    minutes: Positive | None = None
    steps: Count | None = None
    trunk_rate: NotNegative = 3e-4
    head_rate: NotNegative = 1e-3
    centre_rate: NotNegative = 1.0
    weight_decay: NotNegative = 0.01
    warmup: Annotated[int, Meta(ge=0)] = 200
    ema: Annotated[float, Meta(ge=0, lt=1)] = 0.998
    clip: Positive = 5.0


class TrainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole run. Paths may start with `$DOCDEX_DATA` or another variable of the environment.

    start_from: folder of another run of the same network, whose last averaged weights this one starts from;
    its side may be another. workers: processes that make views; any number makes the same run. threads: of
    the training process.
    """

    name: str
    data: DataConfig
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()
    start_from: str | None = None
    seed: Annotated[int, Meta(ge=0)] = 0
    workers: Annotated[int, Meta(ge=0)] = 2
    threads: Count = 1
    checkpoint_minutes: Positive = 5.0
    validate_minutes: Positive = 10.0


def read_config(path: Path) -> TrainConfig:
    """Parse and check a run's TOML.

    Raises TrainingError with the line or key at fault; a misspelt key is an error, never a silent default.
    """
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=TrainConfig)
    except OSError as error:
        raise TrainingError(f"{path}: no config that can be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: {error}") from error
    if (config.optim.minutes is None) == (config.optim.steps is None):
        raise TrainingError(f"{path}: give either optim.minutes or optim.steps.")
    if config.data.severity[0] > config.data.severity[1]:
        raise TrainingError(f"{path}: data.severity must go from low to high; it is {config.data.severity}.")
    return config


def differences(one: TrainConfig, other: TrainConfig) -> list[str]:
    """Dotted keys by which two configs would make other weights: all but the budget and how it is spent."""
    values, others = (dict(_flatten(msgspec.to_builtins(config))) for config in (one, other))
    return sorted(key for key in values if key not in _FREE and values[key] != others[key])


def _flatten(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
