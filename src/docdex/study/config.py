"""Describe a study in one TOML file: the texts, the model, and every choice the published one left open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from docdex.errors import InvalidSetting, StudyError
from docdex.training.config import flatten

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Count = Annotated[int, Meta(ge=1)]
Seed = Annotated[int, Meta(ge=0)]
Paths = Annotated[tuple[str, ...], Meta(min_length=1)]
Losses = Annotated[tuple[str, ...], Meta(min_length=1)]
Words = Annotated[str, Meta(pattern=r"^[^|\n/@]+$")]
"""What stands in a table's cell and in a file's name."""

UNTRAINED, TF_IDF = "untrained", "tf-idf"
"""What is measured beside the losses: the network as it starts, and word counts without any network."""

_FREE = ("name", "published", "data", "workers", "seeds", "losses", "pictured")
"""Tables and keys that may change between a study and its resuming: they ask for more cells, not other ones.
What the texts are is judged by the texts."""


class SourceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts with labels. train, test, strangers: each any number of CSV files (also .gz), of folders with a
    folder of `.txt` files a label, and of `hf:NAME#SPLIT`, which the package `datasets` fetches.

    strangers: texts of no label, to be refused. label, text: columns; texts of several columns are joined
    by a space. differs: in what these texts are not the published ones, for the report.
    """

    train: Paths
    test: Paths
    strangers: tuple[str, ...] = ()
    label: str = "label"
    text: Paths = ("text",)
    differs: str = ""


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The published model: the mean of a text's word vectors, and one linear layer.

    dimension: of both. span: all weights start uniformly between plus and minus this. min_count: words that
    the training texts have less often share one vector. 2, because the shared vector must learn from
    something if unknown words of a test are to mean anything. classifier, metric: which layer's output is a
    text's embedding where the loss classifies, and where it compares. `bag`: the mean of the word vectors.
    `linear`: what the linear layer makes of it; of a classifier these are the logits. A classifier's linear
    layer is bound to its classes, and what is kept of such a network is what lies before it; where vectors
    are compared, the loss shapes what the layer gives. Both are then of `dimension` numbers.
    """

    dimension: Count = 32
    span: Positive = 0.5
    min_count: Count = 2
    classifier: Literal["bag", "linear"] = "bag"
    metric: Literal["bag", "linear"] = "linear"


class OptimConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How both sides learn: the same steps over the same texts in the same order.

    optimiser: `adagrad` is the default as it was made for gradients that are sparse: a rare word takes larger
    steps. `adam`: its sparse form for the words. `sgd`: without momentum. rates: with several, each loss gets
    the one that serves it best on a tenth of the training texts, which is then kept out of training: a rate
    that suits one loss may not suit another, and to give both the same would decide the comparison.
    sampler: `shuffled`: each epoch is every text once, as a classifier is trained. `balanced`: a batch has 4
    texts of each of some classes, or more where classes are few.
    """

    optimiser: Literal["adagrad", "adam", "sgd"] = "adagrad"
    rates: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (0.03, 0.1, 0.3)
    epochs: Count = 10
    batch: Annotated[int, Meta(ge=2)] = 64
    sampler: Literal["shuffled", "balanced"] = "shuffled"


class VariantConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An open point decided otherwise, for both sides. changes: to `model`, `optim`, `settings`."""

    name: Words
    changes: dict[str, Any]


class ImbalanceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each class in turn is cut to each of the shares. rows: texts a class before the cut; all, unless
    given.
    """

    shares: Annotated[tuple[Share, ...], Meta(min_length=1)] = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
    rows: Count | None = None


class UnseenConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Classes kept out of training, another choice for each seed, of whose texts a few are then registered.

    share: of the classes. samples: registered texts a class. draws: of the samples. losses: all of the
    study's, unless given.
    """

    share: Share = 1 / 3
    samples: Annotated[tuple[Count, ...], Meta(min_length=1)] = (1, 5, 10)
    draws: Count = 3
    losses: tuple[str, ...] = ()


class TransferConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was learned here, used on other texts: by a linear probe and by the published fine-tuning.

    rows: texts of the target to learn from, each a row of the table; 0 is all. The published head is
    dropout of 0.2, batch norm, layers of 32 to 64 to 4, tanh on the outputs: of each layer, unless `tanh`
    is `last`, as the hidden layer could do nothing without. Words that only the target's training texts
    have get vectors too, of which the fine-tuning alone learns something. frozen: word vectors stay as they
    are in fine-tuning. rate: the middle of those that training may have.
    """

    target: SourceConfig
    rows: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1)] = (400, 0)
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.2
    hidden: Count = 64
    tanh: Literal["each", "last"] = "each"
    frozen: bool = False
    epochs: Count = 10
    rate: Positive = 0.1


class StudyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole study of texts.

    published: which of the published tables stands beside. losses: of `docdex.study.losses`, and
    `untrained` and `tf-idf`. sides: the two that were published, a classifier and a metric loss: variants,
    imbalance, class counts and transfer compare these. settings: of losses, by name. seeds: each decides
    the weights at the start and the order of texts, the same for all losses. smallest: how many of the
    smallest classes with two test texts or more are looked at by themselves. counts: of classes, for the
    part that asks how many there are; drawn anew for each seed. pictured: test texts in a picture. workers:
    processes, one cell each; 0 works in this one.
    """

    name: Words
    data: SourceConfig
    kind: Literal["text"] = "text"
    published: Literal["ag_news", "dbpedia_classes"] | None = None
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    losses: Losses = ("cross-entropy", "triplet")
    sides: tuple[str, str] = ("cross-entropy", "triplet")
    settings: dict[str, dict[str, Any]] = {}
    seeds: Annotated[tuple[Seed, ...], Meta(min_length=2)] = (1, 2, 3, 4, 5)
    smallest: Count = 30
    variants: tuple[VariantConfig, ...] = ()
    imbalance: ImbalanceConfig | None = None
    counts: tuple[Annotated[int, Meta(ge=2)], ...] = ()
    unseen: UnseenConfig | None = None
    transfer: TransferConfig | None = None
    pictured: Annotated[int, Meta(ge=10)] = 1000
    workers: Annotated[int, Meta(ge=0)] = 2

    def varied(self, name: str) -> StudyConfig:
        """The study with a variant's changes."""
        return changed(self, next(variant for variant in self.variants if variant.name == name))


class _Kind(msgspec.Struct):
    kind: str = "text"


def read_kind(path: Path) -> str:
    """What a study's TOML is about, `text` or `images`. Raises StudyError for a file that is no TOML."""
    return _decode(path, _Kind).kind


def read_config(path: Path) -> StudyConfig:
    """Parse and check a study's TOML.

    Raises StudyError with the line or key at fault; a misspelt key is an error, never a silent default.
    """
    config = _decode(path, StudyConfig)
    check_config(config, str(path))
    return config


def _decode(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise StudyError(f"{path}: no config that can be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: {error}") from error


def with_paths(
    config: StudyConfig,
    *,
    train: tuple[str, ...] = (),
    test: tuple[str, ...] = (),
    strangers: tuple[str, ...] = (),
    target_train: tuple[str, ...] = (),
    target_test: tuple[str, ...] = (),
) -> StudyConfig:
    """The study on other texts, where any are given; what it says of how its own differ is then left out.

    Raises StudyError for texts of a transfer where the study has none.
    """
    data = _with_sources(config.data, train=train, test=test, strangers=strangers)
    transfer = config.transfer
    if transfer is not None:
        target = _with_sources(transfer.target, train=target_train, test=target_test)
        transfer = msgspec.structs.replace(transfer, target=target)
    elif target_train or target_test:
        raise StudyError("The study has no transfer: there is nothing to do with texts of a target.")
    return msgspec.structs.replace(config, data=data, transfer=transfer)


def _with_sources(source: SourceConfig, **paths: tuple[str, ...]) -> SourceConfig:
    given = {name: value for name, value in paths.items() if value}
    return msgspec.structs.replace(source, **given, differs="") if given else source


def check_config(config: StudyConfig, name: str) -> None:
    """Raise StudyError, with `name` in it, for keys that are fine each by itself and not together."""
    from docdex.study.losses import make_loss  # which needs torch; a study that is only read does not

    unseen = config.unseen.losses if config.unseen else ()
    asked = [*config.losses, *config.sides, *unseen, *config.settings]
    for loss in dict.fromkeys(asked):
        if loss in (UNTRAINED, TF_IDF):
            if loss in (*config.sides, *config.settings):
                raise StudyError(f"{name}: {loss} is no loss: it may stand in `losses`.")
            continue
        try:
            make_loss(loss, 2, config.model.dimension, **config.settings.get(loss, {}))
        except InvalidSetting as error:
            raise StudyError(f"{name}: {error.message}") from error
    for key, values in (
        ("losses", config.losses),
        ("sides", config.sides),
        ("seeds", config.seeds),
        ("counts", config.counts),
        ("variants", tuple(variant.name for variant in config.variants)),
    ):
        if len(set(values)) < len(values):
            raise StudyError(f"{name}: {key} names one twice: {', '.join(map(str, values))}.")
    for variant in config.variants:
        try:
            changed(config, variant)
        except (msgspec.ValidationError, InvalidSetting) as error:
            raise StudyError(f"{name}: variant {variant.name}: {error}") from error


def changed(config: StudyConfig, variant: VariantConfig) -> StudyConfig:
    """A study with a variant's changes.

    Raises msgspec.ValidationError or InvalidSetting for changes that make no study.
    """
    values = msgspec.to_builtins(config)
    for table, changes in variant.changes.items():
        if table not in ("model", "optim", "settings") or not isinstance(changes, dict):
            raise InvalidSetting(f"`{table}` cannot vary: model, optim and settings can, by their keys.")
        values[table] = {**values[table], **changes}
    varied = msgspec.convert(values, StudyConfig)
    from docdex.study.losses import make_loss

    for loss, settings in varied.settings.items():
        make_loss(loss, 2, varied.model.dimension, **settings)
    return varied


def differences(one: StudyConfig, other: StudyConfig) -> list[str]:
    """Dotted keys by which cells of the same name would differ."""
    values, others = (dict(flatten(msgspec.to_builtins(config))) for config in (one, other))
    return sorted(
        key
        for key in values.keys() | others.keys()
        if key.partition(".")[0] not in _FREE
        and key != "optim.rates"  # each cell says its own
        and not key.startswith("transfer.target.")
        and values.get(key) != others.get(key)
    )
