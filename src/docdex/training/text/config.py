"""Describe the training of a model of texts in one TOML file, so that a committed config makes the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from docdex.errors import TrainingError
from docdex.text.network import MOST_ROWS
from docdex.training.config import Count, LossConfig, NotNegative, Positive, Share, check_sampled

if TYPE_CHECKING:
    from pathlib import Path


class TextSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts to learn from: a CSV file `label,text` with a header, also gzipped.

    classes: `labelled`: a class is a label; `one`: every text is a class of its own. weight: how many of the
    views are of this source, relative to the others'. held_out: labels none of whose texts are looked at.
    """

    file: str
    classes: Literal["labelled", "one"] = "labelled"
    weight: Positive = 1.0
    held_out: tuple[str, ...] = ()


class DocumentsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Made-up documents (`training/text/documents.py`): a template is a class, a view another copy of it."""

    templates: Annotated[int, Meta(ge=0)] = 4000
    weight: NotNegative = 1.0


class TextModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network (`docdex.text.network`): rows of its table, weights of features, numbers of a vector."""

    rows: Annotated[int, Meta(ge=2, le=MOST_ROWS)] = 12_288
    weights: Annotated[int, Meta(ge=1, le=1 << 24)] = 65_536
    dimension: Annotated[int, Meta(ge=2)] = 256


class TeacherConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """MiniLM beside the margin loss: a text's vector is drawn to where the teacher puts the text.

    weight: of one minus their cosine. words: of the teacher's vocabulary that are learned as texts too.
    word_share: of a batch. cache: folder where what it said is kept.
    """

    weight: Positive = 1.0
    words: Annotated[int, Meta(ge=0)] = 20_000
    word_share: Share = 0.3
    cache: str = "runs/taught"


class TextOptimConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AdamW for the network, plain descent for the centres, warm-up and a cosine to zero for both.

    rate: of the table, the weights and the norms. The last averaged weights (ema) become the model.
    """

    batch: Annotated[int, Meta(ge=8)] = 256
    steps: Count = 2000
    rate: Positive = 1e-3
    centre_rate: Positive = 1.0
    warmup: Annotated[int, Meta(ge=0)] = 100
    ema: Annotated[float, Meta(ge=0, lt=1)] = 0.998


class TextConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole run. `kind` says that it is one of texts. Paths may start with a variable of the environment.

    validation: CSV files or folders (`docdex.training.text.corpus.read_labelled`) of labels that no source
    has: thresholds are measured on them at the end.
    """

    kind: Literal["text"]
    name: str
    sources: Annotated[tuple[TextSource, ...], Meta(min_length=1)]
    licence: str
    validation: tuple[str, ...] = ()
    documents: DocumentsConfig = DocumentsConfig()
    model: TextModelConfig = TextModelConfig()
    loss: LossConfig = LossConfig(start="random")
    teacher: TeacherConfig | None = None
    optim: TextOptimConfig = TextOptimConfig()
    seed: Annotated[int, Meta(ge=0)] = 0
    threads: Count = 1


def is_text_config(path: Path) -> bool:
    """Whether a TOML file says that it trains a model of texts; False for one that cannot be read."""
    try:
        found = msgspec.toml.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(found, dict) and found.get("kind") == "text"


def read_text_config(path: Path) -> TextConfig:
    """Parse and check a run's TOML. Raises TrainingError with the line or key at fault."""
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=TextConfig)
    except OSError as error:
        raise TrainingError(f"{path}: no config that can be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: {error}") from error
    if config.loss.start != "random" or config.loss.subcentres != 1:
        raise TrainingError(
            f"{path}: centres of texts start at random, one a class: loss.start, loss.subcentres."
        )
    check_sampled(config.loss, str(path))
    batch = config.optim.batch
    if config.teacher is not None and round(batch * config.teacher.word_share) == batch:
        raise TrainingError(f"{path}: teacher.word_share leaves no text in a batch to learn a label from.")
    return config
