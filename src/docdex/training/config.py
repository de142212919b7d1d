"""Describe a training run in one TOML file, so that a committed config makes a committed model."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

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
_Kind = TypeVar("_Kind")

_FREE = {
    "data.cache",
    "distil.cache",
    "data.memory_gigabytes",
    "optim.minutes",
    "optim.steps",
    "workers",
    "threads",
    "centre_memory",
    "checkpoint_minutes",
    "validate_minutes",
}
"""Keys that may change between a run and its resuming."""


class SourceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Images to learn from: a folder, or a list of files with one path a line; either holds images, PDFs
    (each page is an image) and tar files as WebDataset packs them. Configs may share a file of sources
    (`read_config`).

    weight: how often one of its classes is drawn, relative to the others'; look-alikes deserve less. classes:
    what an image is. `one`: a class. `turned`: a class, and another one when turned by a quarter or a half.
    `twinned`: these two, and a near twin of it, with another heading or other colours.
    `24`: a class whole, by its upper and by its lower half, each in 8 turns and flips. `labelled`: one more
    image of the class that its folder is (in a tar file, what `KEY.cls` beside it says).
    """

    folder: str | None = None
    weight: Positive = 1.0
    classes: Literal["one", "turned", "twinned", "24", "labelled"] = "turned"
    list: str | None = None

    def __post_init__(self) -> None:
        if (self.folder is None) == (self.list is None):
            raise ValueError("a source has either a `folder` or a `list`")


class _Sources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of sources that configs share."""

    sources: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1)]


class DataConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned: images from folders, and templates drawn by code.

    share: of each source's files, evenly spaced in their order; a pack is one file. templates: how many.
    offices: how many, with eight forms each that share a letterhead and a style. editions: forms of which
    there are eight that begin alike. shops: slips of so many, beside those among the templates.
    template_share: of all views, those of what code draws. typeset: these are set in real typefaces, not in
    OpenCV's plotter fonts. pictures: folder for their logos and portraits,
    one of the sources or any other. fields: share of views whose contents are changed. margins: share of
    views whose blank margins are. misplaced: share of the squares at a page's head that are cut a little
    wrong. scans: share of views that are scanned; the others are photographed. severity: of either, drawn
    between these. photo_side: pixels of a view before it is prepared. page_side: short side to which images
    are shrunk: what a view of that size can show, and no more. memory_gigabytes: for images; what goes beyond
    is decoded whenever it is drawn. cache: folder for what is known of the sources' files, instead of the
    run's.
    """

    sources: Annotated[tuple[SourceConfig, ...], Meta(min_length=1)]
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    templates: Annotated[int, Meta(ge=0)] = 12_000
    offices: Annotated[int, Meta(ge=0)] = 0
    editions: Annotated[int, Meta(ge=0)] = 0
    shops: Annotated[int, Meta(ge=0)] = 0
    typeset: bool = False
    template_share: Share = 0.4
    pictures: str | None = None
    fields: Share = 0.8
    margins: Share = 0.0
    misplaced: Share = 0.0
    scans: Share = 0.0
    severity: tuple[Share, Share] = (0.1, 1.0)
    photo_side: Count = 184
    page_side: Count = 208
    memory_gigabytes: NotNegative = 4.0
    cache: str | None = None


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network: a trunk to stride 16, a head that flattens its grid, Linear and norms twice.

    trunk: `lite0`, `lite1`, `lite2`, `lcnet`, `dense`, or `timm:` and a model of timm. weights: `package`,
    `random`, or a file. frozen_stride: the trunk is frozen up to this stride; 1 freezes nothing.
    learn_depthwise: spatial kernels learn too. distil_minutes: for so long the trunk first learns the maps of
    `distil.teacher`, or of `lite0`. side: of the square input, in pixels. head, squeeze, cells, norm: of
    `docdex.training.heads.Head`. dimension: of the vectors. views: what of a page the network sees
    (`docdex.preprocess.View`): in training one of them by chance, afterwards each, and a page's vector is
    made of one vector a view.
    """

    trunk: Annotated[str, Meta(pattern="^(lite[012]|lcnet|dense|timm:.+)$")] = "lite0"
    weights: str = "package"
    frozen_stride: Literal[1, 2, 4, 8, 16] = 8
    learn_depthwise: bool = False
    distil_minutes: NotNegative = 0.0
    side: Annotated[int, Meta(ge=32, multiple_of=16)] = 144
    head: Literal["flatten", "squeeze", "cells", "average"] = "squeeze"
    squeeze: Count = 32
    cells: Count = 4
    norm: Literal["layer", "batch", "both"] = "both"
    dimension: Count = 256
    views: Annotated[tuple[Literal["whole", "top"], ...], Meta(min_length=1)] = ("whole",)


class LossConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A margin loss (`training/margins.py`) over sampled class centres (PartialFC, arXiv 2203.15565).

    kind: `softmax` has no margin; `margin` is of the cosine in `cosface`, of the angle in radians in
    `arcface`; `combined` has `margins`: the angle's factor, what is added to it, what is taken from the
    cosine. scale: of the logits. subcentres: centres a class, of which the nearest counts. sampled: centres
    that take part in a step, a share of all up to 1, a number from 2 up. start: of the centres; `clean`:
    where the network puts each class's clean page; `random`: anywhere, as in the published recipe, and for
    so many classes that a look at each of their pages would take too long.
    """

    kind: Literal["softmax", "cosface", "arcface", "combined"] = "cosface"
    scale: Positive = 32.0
    margin: Annotated[float, Meta(ge=0, lt=1.5)] = 0.35
    margins: tuple[Annotated[float, Meta(ge=1, le=4)], Annotated[float, Meta(ge=0, lt=1.5)], Share] = (
        1.0,
        0.3,
        0.2,
    )
    subcentres: Count = 1
    sampled: Positive = 0.3
    start: Literal["clean", "random"] = "clean"


class DistilConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A teacher beside the margin loss, on clean copies of pages in every batch.

    teacher: `onnx:` and a file that takes images as docdex prepares them and gives maps or vectors, such as
    an exported model; `lite0`, `lite1`, `lite2`, `lcnet` or `timm:NAME` for their maps; `clip:NAME` of
    open_clip for its vectors. weights: of those, as in the model; a file for CLIP. side: of the images that
    the teacher gets; the student's unless given. loss: of `docdex.training.distil`; `none` leaves only the
    clean copies, to compare with. weight: of the loss. temperature: of `similarities`. clean: clean copies a
    batch. cache: folder where what the teacher said is kept.
    """

    teacher: Annotated[str, Meta(pattern="^(lite[012]|lcnet|(timm|onnx|clip):.+)$")] | None = None
    weights: str = "package"
    side: Count | None = None
    loss: Literal[
        "map_cosine", "map_smooth_l1", "cosine", "similarities", "relational", "published", "none"
    ] = "none"
    weight: Positive = 1.0
    temperature: Positive = 0.1
    clean: Annotated[int, Meta(ge=3)] = 32
    cache: str = "runs/taught"


class OptimConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AdamW, and for the centres what `centres` says, with warm-up and a cosine to zero.

    The run lasts `minutes` of wall time or `steps`, whichever is set. trunk_rate, head_rate, centre_rate:
    peaks of the learning rates. centres: gradient descent to unit length, or momentum, or AdamW, for the rows
    that take part (`training/optim.py`). centre_momentum: of the second. centre_decay: weight decay of the
    last two. warmup: steps. ema: how much of the averaged weights is kept a step. clip:
    norm of the gradient.
    """

    batch: Annotated[int, Meta(ge=2)] = 192
    minutes: Positive | None = None
    steps: Count | None = None
    trunk_rate: NotNegative = 3e-4
    head_rate: NotNegative = 1e-3
    centre_rate: NotNegative = 1.0
    weight_decay: NotNegative = 0.01
    centres: Literal["descent", "momentum", "adamw"] = "descent"
    centre_momentum: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    centre_decay: NotNegative = 0.0
    warmup: Annotated[int, Meta(ge=0)] = 200
    ema: Annotated[float, Meta(ge=0, lt=1)] = 0.998
    clip: Positive = 5.0


class TrainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole run. Paths may start with `$DOCDEX_DATA` or another variable of the environment.

    start_from: what this run starts from: a packaged model's name, the path of an ONNX file with its
    passport, or the folder of another run, whose last averaged weights are taken, and whose centres too if
    its classes are this run's, or the first of them. The network must be the same, but for its side; of a
    model file it is taken over by a config that has no `model`. workers: processes that make views, for each
    that trains; any number makes the same run. threads: of a training process. centre_memory: GiB of class
    centres and what their optimiser remembers that a training process keeps in memory; when they take more,
    it maps them from a file in the run's folder.
    """

    name: str
    data: DataConfig
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    distil: DistilConfig | None = None
    optim: OptimConfig = OptimConfig()
    start_from: str | None = None
    seed: Annotated[int, Meta(ge=0)] = 0
    workers: Annotated[int, Meta(ge=0)] = 2
    threads: Count = 1
    centre_memory: NotNegative = 4.0
    checkpoint_minutes: Positive = 5.0
    validate_minutes: Positive = 10.0


def read_config(path: Path) -> TrainConfig:
    """Parse and check a run's TOML.

    `data.sources = { from = "FILE" }` takes them from another TOML file, by its path from this one's folder;
    what else the table says is meant for each of them. Without a table `model`, a run that starts from a
    model file has the network of that file.

    Raises TrainingError with the line or key at fault; a misspelt key is an error, never a silent default.
    Also for such a model file that is missing, or does not say of which network it is.
    """
    tables = _read_tables(path)
    data = tables.get("data")
    if isinstance(data, dict) and isinstance(each := data.get("sources"), dict) and "from" in each:
        listed = path.parent / str(each.pop("from"))
        sources = _convert(_read_tables(listed), _Sources, listed).sources
        tables["data"] = {**data, "sources": [{**source, **each} for source in sources]}
    config = _convert(tables, TrainConfig, path)
    check_config(config, str(path))
    if config.start_from is None or "model" in tables:
        return config
    return _with_network_of_start(config, config.start_from)


def _read_tables(path: Path) -> dict[str, Any]:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise TrainingError(f"{path}: no config that can be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: {error}") from error


def _convert(tables: dict[str, Any], kind: type[_Kind], path: Path) -> _Kind:
    try:
        return msgspec.convert(tables, kind)
    except msgspec.ValidationError as error:
        raise TrainingError(f"{path}: {error}") from error


def _with_network_of_start(config: TrainConfig, start_from: str) -> TrainConfig:
    from docdex.training.origin import find_model, network_of  # which is made of configs

    model = find_model(start_from)
    return config if model is None else msgspec.structs.replace(config, model=network_of(model))


def check_config(config: TrainConfig, name: str) -> None:
    """Raise TrainingError, with `name` in it, for keys that are fine each by itself and not together."""
    if (config.optim.minutes is None) == (config.optim.steps is None):
        raise TrainingError(f"{name}: give either optim.minutes or optim.steps.")
    check_sampled(config.loss, name)
    if config.optim.centre_decay and config.optim.centres == "descent":
        raise TrainingError(f"{name}: optim.centre_decay does nothing to centres of unit length (`descent`).")
    if config.data.severity[0] > config.data.severity[1]:
        raise TrainingError(f"{name}: data.severity must go from low to high; it is {config.data.severity}.")
    if config.model.distil_minutes and config.start_from is not None:
        raise TrainingError(f"{name}: model.distil_minutes is for a trunk of its own, not for start_from's.")
    if config.model.distil_minutes and config.model.frozen_stride == 16:
        raise TrainingError(f"{name}: model.distil_minutes has nothing to teach a trunk that is all frozen.")
    _check_distillation(config, name)


def check_sampled(loss: LossConfig, name: str) -> None:
    """Raise TrainingError, with `name` in it, for a number of classes that is not whole."""
    if loss.sampled > 1 and not loss.sampled.is_integer():
        raise TrainingError(
            f"{name}: loss.sampled is a share up to 1, or a whole number of classes; it is {loss.sampled:g}."
        )


def _check_distillation(config: TrainConfig, name: str) -> None:
    distil = config.distil
    if distil is None:
        return
    if distil.loss != "none" and distil.teacher is None:
        raise TrainingError(f"{name}: distil.loss {distil.loss} needs a distil.teacher.")
    if distil.loss == "none" and distil.teacher is not None and not config.model.distil_minutes:
        raise TrainingError(
            f"{name}: distil.teacher is never asked: give distil.loss or model.distil_minutes."
        )
    if distil.clean > config.optim.batch:
        raise TrainingError(
            f"{name}: distil.clean is {distil.clean}, more than optim.batch, {config.optim.batch}."
        )


def restore_config(values: Any) -> TrainConfig:
    """The config that a checkpoint or passport holds as plain values, of this docdex or one before it.

    Raises msgspec.ValidationError for what is no config.
    """
    values = copy.deepcopy(values)
    with suppress(TypeError, KeyError):  # of another form altogether: the conversion says so
        for source in values["data"]["sources"]:
            if "turned" in source:  # what `classes` was called while it had two values
                source["classes"] = "turned" if source.pop("turned") else "one"
    return msgspec.convert(values, TrainConfig)


def differences(one: TrainConfig, other: TrainConfig) -> list[str]:
    """Dotted keys by which two configs would make other weights: all but the budget and how it is spent."""
    values, others = (dict(flatten(msgspec.to_builtins(config))) for config in (one, other))
    keys = values.keys() | others.keys()  # a table that only one has makes keys that only one has
    return sorted(key for key in keys - _FREE if values.get(key) != others.get(key))


def flatten(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested tables."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
