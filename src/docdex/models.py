"""Models with their passports, so that no vector ever comes from a file that is not what it says."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from docdex.contract import Contract
from docdex.errors import InvalidPassport, ModelError, ModelMismatch, ModelNotFound
from docdex.preprocess import View
from docdex.whole_file import whole_file

DEFAULT = "base"
"""The packaged model that is used when none is named."""

TEXT_DEFAULT = "text"
"""The packaged model of texts that is used when none is named; `docdex.text.passport` finds it."""

WEIGHTS = Path(__file__).parent / "weights"
"""Where packaged models are: `NAME.onnx`, each with its passport `NAME.json`."""


class ModelInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tensor a model takes: `name`, float32 (N, 3, side, side), made by `preprocess` (a version).

    views: what of a page it is run on; a page's vector is made of one of each.
    """

    name: str
    side: int
    preprocess: int
    views: tuple[View, ...] = ("whole",)


class ModelOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tensor a model gives: `name`, float32 (N, dimension)."""

    name: str
    dimension: int


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The vector a model gives for an input made by rule, to see on every machine that it computes the same.

    rule: which page (`golden_page`) or text (`docdex.text.passport.GOLDEN_TEXT`). vector: all its numbers.
    tolerance: largest difference in any of them.
    """

    rule: Literal["gradient-checker", "receipt"]
    vector: tuple[float, ...]
    tolerance: float


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the table of thresholds: what a model's similarity meant where it was measured.

    fpr: false-positive rate aimed at, which some of the galleries measured exceed a little where there are
    several; per: of strangers (`probe`) or of pairs of different types (`pair`). gallery_labels, strangers:
    size of the measurement, `None` for pairs where it does not apply. data: what it was measured on.
    """

    fpr: float
    per: Literal["probe", "pair"]
    threshold: float
    rotations: tuple[int, ...]
    gallery_labels: int | None
    strangers: int | None
    data: str


class Promise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every model file promises, whatever it looks at.

    digest: hex SHA-256 of the model file. training: how it was made (config, data, minutes, seeds). measured:
    tables of results. default_fpr: the rate per probe that decisions aim at where the user has not
    calibrated; `thresholds` says what it takes. default_threshold: used where `thresholds` has no row for it.
    default_margin: a difference of similarities.
    """

    name: str
    digest: str
    output: ModelOutput
    golden: Golden
    licence: str
    default_threshold: float
    default_margin: float
    default_fpr: float | None = None
    training: dict[str, Any] = {}
    measured: dict[str, Any] = {}
    thresholds: tuple[Threshold, ...] = ()

    def threshold_for(self, labels: int, rotations: tuple[int, ...]) -> float:
        """Cosine below which nothing is claimed in a gallery of that many labels, before any calibration.

        A stranger has as many chances to look like something as there are labels, so the threshold for one
        rate per probe grows with the gallery: close to linearly in the logarithm of its size, which is how
        the measured sizes are joined and the last two carried on. Below the smallest size it stays.
        """
        rows = sorted(
            (row.gallery_labels, row.threshold)
            for row in self.thresholds
            if row.per == "probe"
            and row.fpr == self.default_fpr
            and row.rotations == rotations
            and row.gallery_labels is not None
        )
        if not rows:
            return self.default_threshold
        sizes = np.log([size for size, _ in rows])
        thresholds = np.array([threshold for _, threshold in rows])
        size = np.log(max(labels, 1))
        if size > sizes[-1] and len(rows) > 1:
            slope = (thresholds[-1] - thresholds[-2]) / (sizes[-1] - sizes[-2])
            return float(min(thresholds[-1] + slope * (size - sizes[-1]), 1.0))
        return float(np.interp(size, sizes, thresholds))


class Passport(Promise, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a model of pages promises, an ONNX file."""

    input: ModelInput

    @property
    def contract(self) -> Contract:
        """What vectors of this model share."""
        return Contract(
            model=self.digest,
            preprocess=self.input.preprocess,
            dimension=self.output.dimension * len(self.input.views),
        )


PromiseT = TypeVar("PromiseT", bound=Promise)


@dataclass(frozen=True)
class Model:
    """A model file whose digest its passport vouches for.

    path: of the ONNX file. content: its bytes, the very ones that were checked.
    """

    path: Path
    passport: Passport
    content: bytes

    @property
    def contract(self) -> Contract:
        """What vectors of this model share."""
        return self.passport.contract


def names() -> list[str]:
    """The packaged models, sorted."""
    return sorted(path.stem for path in WEIGHTS.glob("*.onnx"))


def find(model: str | os.PathLike[str]) -> Path:
    """The ONNX file of a packaged model's name or of a path. Raises `ModelNotFound`."""
    given = os.fspath(model)
    if given in names():
        return WEIGHTS / f"{given}.onnx"
    path = Path(given)
    if path.suffix == ".onnx" and path.is_file():
        return path
    packaged = ", ".join(names()) or "none"
    raise ModelNotFound(
        f"No model {given}: give the path of an .onnx file or a packaged model's name ({packaged})."
    )


def load(model: str | os.PathLike[str] = DEFAULT) -> Model:
    """A model with its passport, the file's digest checked.

    Raises `ModelNotFound`, `InvalidPassport`, `ModelError` when the file may not be read, or `ModelMismatch`
    when it is not the one the passport is for. What the model computes is checked by `docdex.embedder`,
    against the golden vector.
    """
    path = find(model)
    passport = read_passport(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"Model {path} cannot be read: {error.strerror}.") from error
    require_digest(content, passport, path)
    return Model(path, passport, content)


def passport_path(onnx: Path) -> Path:
    """Where the passport of a model file is: beside it, with the same stem."""
    return onnx.with_suffix(".json")


def read_passport(onnx: Path) -> Passport:
    """The passport of a model file. Raises `InvalidPassport` when missing, malformed or inconsistent."""
    passport = read_promise(onnx, Passport)
    require_golden(passport, passport.contract.dimension, onnx)
    return passport


def read_promise(file: Path, kind: type[PromiseT]) -> PromiseT:
    """The passport of a model file of any kind. Raises `InvalidPassport` when missing or malformed."""
    path = passport_path(file)
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise InvalidPassport(f"{file} has no passport {path.name} beside it that can be read.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidPassport(f"{path} is no passport: {error}") from error


def require_golden(passport: Promise, dimension: int, file: Path) -> None:
    """Raise `InvalidPassport` unless the golden vector is as long as the passport says vectors are."""
    if len(passport.golden.vector) != dimension:
        raise InvalidPassport(
            f"{passport_path(file)} promises {dimension} dimensions, its golden vector has "
            f"{len(passport.golden.vector)}."
        )


def require_digest(content: bytes, passport: Promise, path: Path) -> None:
    """Raise `ModelMismatch` unless a file's content is what its passport is for."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != passport.digest:
        raise ModelMismatch(
            f"{path} has SHA-256 {digest[:12]}…, its passport says {passport.digest[:12]}…: it was "
            f"changed or damaged. Restore it, or issue a new passport."
        )


def write_passport(passport: Promise, onnx: Path) -> Path:
    """Write a passport beside its model file, whole or not at all; its path."""
    path = passport_path(onnx)
    with whole_file(path) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(passport), indent=2) + b"\n")
    return path


def golden_page() -> NDArray[np.uint8]:
    """The page of rule `gradient-checker`: (320, 240, 3) uint8, from whole numbers, so the same anywhere."""
    rows, columns = np.mgrid[0:320, 0:240]
    checker = (rows // 20 + columns // 16) % 2
    channels = (rows * 255 // 319, columns * 255 // 239, checker * 255)
    return np.stack(channels, axis=2).astype(np.uint8)
