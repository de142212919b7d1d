"""Describe a training run in one TOML file, so that a committed config makes a committed model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import msgspec

from docdex.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class SourceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One folder of images, each its own class.

    weight: how often one of its images is drawn, relative to the others'; folders of look-alikes deserve less.
    """

    folder: str
    weight: float = 1.0
    turned: bool = True
    """Also learn each image turned by a quarter or a half as another class."""


class DataConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned: images from folders, and templates drawn by code."""

    sources: tuple[SourceConfig, ...]
    templates: int = 12_000
    template_share: float = 0.4
    pictures: str | None = None
    """Folder of pictures for the templates' logos and portraits; one of the sources or any other."""
    fields: float = 0.8
    severity: tuple[float, float] = (0.1, 1.0)
    photo_side: int = 184
    page_side: int = 208
    """Images are kept in memory at this short side: what a training photo can show, and no more."""


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network: `trunk` to stride 16, a 1x1 squeeze, flatten, Linear-LayerNorm-BatchNorm twice."""

    trunk: Literal["lite0", "dense"] = "lite0"
    side: int = 144
    squeeze: int = 32
    dimension: int = 256


class LossConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CosFace (arXiv 1801.09414) over a sampled share of the class centres (PartialFC, arXiv 2203.15565)."""

    scale: float = 32.0
    margin: float = 0.35
    sampled: float = 0.3


class OptimConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AdamW, and gradient descent for the centres, with warm-up and a cosine to zero; the run lasts `minutes` of wall time or `steps`, whichever is set."""

    batch: int = 192
    minutes: float | None = None
    steps: int | None = None
    trunk_rate: float = 3e-4
    head_rate: float = 1e-3
    centre_rate: float = 1.0
    weight_decay: float = 0.01
    warmup: int = 200
    ema: float = 0.998
    clip: float = 5.0


class TrainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole run. Paths may start with `$DOCDEX_DATA` or `$DOCDEX_EXTRA`."""

    name: str
    data: DataConfig
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()
    seed: int = 0
    workers: int = 2
    threads: int = 1
    checkpoint_minutes: float = 5.0
    validate_minutes: float = 10.0


def read_config(path: Path) -> TrainConfig:
    """Parse and check a run's TOML.

    Raises TrainingError with the line or key at fault; a misspelt key is an error, never a silent default.
    """
    try:
        config = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), TrainConfig)
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such config.") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: {error}") from error
    if (config.optim.minutes is None) == (config.optim.steps is None):
        raise TrainingError(f"{path}: give either optim.minutes or optim.steps.")
    if config.model.side % 16:
        raise TrainingError(f"{path}: model.side is {config.model.side}; it must be a multiple of 16.")
    return config
