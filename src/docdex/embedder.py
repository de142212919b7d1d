"""Turn pages into vectors behind one protocol, so that nothing else knows what computes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
import onnxruntime

from docdex import models
from docdex.errors import DeviceUnavailable, InvalidPassport, InvalidSetting, ModelError, ModelMismatch
from docdex.images import Refusal
from docdex.preprocess import VERSION, View, cut_margins, head_square, squeeze
from docdex.reading import PictureReader

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from docdex.contract import Contract
    from docdex.reading import AnyPage, Reader

# Some builds of ONNX Runtime report to their maker unless told not to; documents are nobody's business.
onnxruntime.disable_telemetry_events()

UPRIGHT = (0,)
ROTATIONS = (0, 90, 180, 270)
"""The ways a page can lie: degrees by which it is turned counter-clockwise before it is embedded."""

_PAGES_AT_ONCE = 8
"""Pages read before they are embedded together; with four rotations they fill one run of the model."""

_SIZE_AT_ONCE = 32_000_000
"""Pages of a batch hold hardly more pixels than this, and a page: about 100 MB, whatever sizes come."""

_INPUTS_AT_ONCE = 32
"""Bounds memory whatever the batch: 32 inputs of 128 px take 6 MB, the maps between layers more."""

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

_GOLDEN_TOLERANCE = 1e-3


def rotations_of(contract: Contract, *, wanted: bool = True) -> tuple[int, ...]:
    """The rotations to try: a picture may lie in four ways, a text in one. wanted: whether to try any."""
    return ROTATIONS if wanted and contract.by == "picture" else UPRIGHT


class Embedder(Protocol):
    """Whatever turns pages into vectors, how it gets them, and what its similarities mean uncalibrated."""

    @property
    def contract(self) -> Contract:
        """What its vectors share with all others they may be compared with."""
        ...

    @property
    def reader(self) -> Reader:
        """What reads pages for it, and keeps of them what is needed to embed them again."""
        ...

    def threshold_for(self, labels: int, rotations: tuple[int, ...]) -> float:
        """Cosine below which nothing is claimed in a gallery of that many labels, without a calibration."""
        ...

    @property
    def margin(self) -> float:
        """How far in cosine the best label must be ahead of one that contradicts it."""
        ...

    def embed(
        self, contents: Sequence[Any], /, *, rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Vectors of unit length: (N, R, D) for N pages, as its reader gives them, and R rotations."""
        ...


class OnnxEmbedder:
    """An ONNX model in ONNX Runtime. Safe to use from several threads."""

    def __init__(self, session: onnxruntime.InferenceSession, passport: models.Passport) -> None:
        self.passport = passport
        self._session = session

    @classmethod
    def open(
        cls, model: str | os.PathLike[str] = models.DEFAULT, *, device: str = "cpu", threads: int = 1
    ) -> OnnxEmbedder:
        """Load a packaged model by name, or an ONNX file that has its passport beside it.

        device: `cpu` or `cuda`. threads: of one run; one, unless the process has nothing else to do
        meanwhile.

        Raises `ModelNotFound`, `InvalidPassport`, `ModelMismatch` when the file or what it computes is not
        what the passport says, and `DeviceUnavailable` when the device would not really be used.
        """
        loaded = models.load(model)
        passport = loaded.passport
        session = _open_session(loaded.content, str(loaded.path), device=device, threads=threads)
        shape = _read_shape(session, str(loaded.path))
        promised = _Shape(
            passport.input.name, passport.input.side, passport.output.name, passport.output.dimension
        )
        if shape != promised:
            raise ModelMismatch(f"{loaded.path} has {shape}; its passport promises {promised}.")
        _check_preprocess(passport, str(loaded.path))
        embedder = cls(session, passport)
        embedder._check_golden(str(loaded.path))
        return embedder

    @property
    def contract(self) -> Contract:
        """What its vectors share with all others they may be compared with."""
        return self.passport.contract

    @property
    def short_side(self) -> int:
        """Pixels that a page's short side must keep when decoded: two and a half for each of the input.

        With that, vectors stay above 0.99 cosine of full decoding, but for those of slips, whose head is then
        found a little higher or lower (`benchmarks/reduced_decoding.py`). A 12-megapixel photo may be read at
        an eighth.
        """
        return self.passport.input.side * 5 // 2

    @property
    def reader(self) -> PictureReader:
        """Reads pages as pixels, no larger than needed."""
        return PictureReader(self.short_side)

    def threshold_for(self, labels: int, rotations: tuple[int, ...]) -> float:
        """Cosine below which nothing is claimed in a gallery of that many labels, without a calibration."""
        return self.passport.threshold_for(labels, rotations)

    @property
    def margin(self) -> float:
        """How far in cosine the best label must be ahead of one that contradicts it."""
        return self.passport.default_margin

    @property
    def provider(self) -> str:
        """The execution provider in use, as ONNX Runtime names it."""
        return str(self._session.get_providers()[0])

    def embed(
        self, pages: Sequence[NDArray[np.uint8]], *, rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Vectors of unit length: (N, R, D) for N pages (H, W, 3) uint8 RGB and R rotations.

        A page gives the same vector alone and in any batch, within 1e-5. Raises `InvalidSetting` for a
        rotation that is no quarter turn and `ModelError` when the model breaks down or gives something that
        has no direction.
        """
        if not rotations or any(degrees not in ROTATIONS for degrees in rotations):
            raise InvalidSetting(f"Rotations {rotations} are not among {ROTATIONS}.")
        vectors = np.empty((len(pages), len(rotations), self.contract.dimension), dtype=np.float32)
        views = self.passport.input.views
        step = max(1, _INPUTS_AT_ONCE // (len(rotations) * len(views)))
        for start in range(0, len(pages), step):
            looks = [
                look_at(page, self.passport.input.side, views, rotations)
                for page in pages[start : start + step]
            ]
            outputs = self._run(np.concatenate([inputs for inputs, _ in looks]))
            first = 0
            for number, (inputs, places) in enumerate(looks, start):
                parts = outputs[first + places].reshape(len(rotations), -1)
                vectors[number] = parts / np.float32(np.sqrt(len(views)))
                first += len(inputs)
        return vectors

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        taken, given = self.passport.input, self.passport.output
        try:
            outputs = self._session.run([given.name], {taken.name: inputs})[0]
        except Exception as error:  # ONNX Runtime's exceptions share no base of their own
            raise ModelError(
                f"Model {self.passport.name} breaks down on {len(inputs)} inputs at once: {error}"
            ) from error
        if outputs.shape != (len(inputs), given.dimension):
            raise ModelError(
                f"Model {self.passport.name} gave {outputs.shape} for {len(inputs)} inputs; vectors of "
                f"{given.dimension} numbers are ({len(inputs)}, {given.dimension})."
            )
        lengths = np.linalg.norm(outputs, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise ModelError(f"Model {self.passport.name} gave a vector that is zero or not finite.")
        return np.asarray(outputs / lengths, dtype=np.float32)

    def _check_golden(self, source: str) -> None:
        golden = self.passport.golden
        vector = self.embed([models.golden_page()])[0, 0]
        difference = float(np.abs(vector - np.asarray(golden.vector, dtype=np.float32)).max())
        if difference > golden.tolerance:
            raise ModelMismatch(
                f"{source} computes another golden vector than its passport says (difference "
                f"{difference:.2g}, tolerance {golden.tolerance:g}): its vectors cannot be compared with "
                f"those of other machines."
            )


def look_at(
    page: NDArray[np.uint8], side: int, views: Sequence[View], rotations: Sequence[int] = UPRIGHT
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """What a model is run on for one page, and which of it makes up which vector.

    page: (H, W, 3) uint8 RGB. Returns inputs (K, 3, side, side) float32 without repeats, and places (R, V)
    into them: a page that lies wide has no other square at its head than itself.
    """
    page = cut_margins(page)
    whole = squeeze(page, side)
    inputs: list[NDArray[np.float32]] = []
    places = np.empty((len(rotations), len(views)), dtype=np.intp)
    for row, degrees in enumerate(rotations):
        top = _head_after(page, degrees)
        known: dict[View, int] = {}
        for column, view in enumerate(views):
            kind: View = "whole" if top.shape == page.shape else view
            if kind not in known:
                known[kind] = len(inputs)
                # A square is exact to turn, and turned when it is small: the page is never copied.
                square = whole if kind == "whole" else squeeze(top, side)
                inputs.append(np.rot90(square, degrees // 90, axes=(1, 2)))
            places[row, column] = known[kind]
    return np.stack(inputs), places


def _head_after(page: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """The part of a page that is the square at its head when it is turned by so much; not turned itself."""
    quarter = degrees // 90
    return np.rot90(head_square(np.rot90(page, quarter)), -quarter)


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A page with its vectors: (R, D) float32 of unit length, one for each rotation asked for."""

    page: AnyPage
    vectors: NDArray[np.float32]


def embed_batches(
    embedder: Embedder, pages: Iterable[AnyPage | Refusal], *, rotations: tuple[int, ...] = UPRIGHT
) -> Iterator[list[Embedded | Refusal]]:
    """Embed a stream of pages in order, in batches of few pages and bounded size; refusals pass through."""
    for batch in _batches(pages):
        contents = [item.content for item in batch if not isinstance(item, Refusal)]
        vectors = iter(embedder.embed(contents, rotations=rotations))
        yield [item if isinstance(item, Refusal) else Embedded(item, next(vectors)) for item in batch]


def _batches(pages: Iterable[AnyPage | Refusal]) -> Iterator[list[AnyPage | Refusal]]:
    batch: list[AnyPage | Refusal] = []
    held = 0
    for item in pages:
        batch.append(item)
        held += 0 if isinstance(item, Refusal) else item.size
        if len(batch) == _PAGES_AT_ONCE or held >= _SIZE_AT_ONCE:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def issue_passport(
    onnx: Path,
    *,
    name: str,
    licence: str,
    views: tuple[View, ...] = ("whole",),
    default_threshold: float,
    default_margin: float,
    default_fpr: float | None = None,
    training: dict[str, Any] | None = None,
    measured: dict[str, Any] | None = None,
    thresholds: Sequence[models.Threshold] = (),
) -> models.Passport:
    """Write the passport of a model file beside it; names, shapes, digest, golden vector come from the file.

    views: what of a page the model was trained to look at.
    The model must take one float32 (N, 3, side, side) and give one float32 (N, D), N free, and a page's
    vector must be the same alone and beside others; raises `InvalidPassport` otherwise.
    """
    content = onnx.read_bytes()
    session = _open_session(content, str(onnx), device="cpu", threads=1)
    shape = _read_shape(session, str(onnx))
    draft = models.Passport(
        name=name,
        digest=hashlib.sha256(content).hexdigest(),
        input=models.ModelInput(shape.input, shape.side, VERSION, views),
        output=models.ModelOutput(shape.output, shape.dimension),
        golden=models.Golden("gradient-checker", (), _GOLDEN_TOLERANCE),
        licence=licence,
        default_threshold=default_threshold,
        default_margin=default_margin,
        default_fpr=default_fpr,
        training=training or {},
        measured=measured or {},
        thresholds=tuple(thresholds),
    )
    vector = _golden_vector(OnnxEmbedder(session, draft), str(onnx))
    golden = msgspec.structs.replace(draft.golden, vector=tuple(round(float(number), 6) for number in vector))
    passport = msgspec.structs.replace(draft, golden=golden)
    models.write_passport(passport, onnx)
    return passport


def _golden_vector(embedder: OnnxEmbedder, source: str) -> NDArray[np.float32]:
    """The vector of the golden page, which must be the same alone and beside others."""
    page = models.golden_page()
    try:
        alone = embedder.embed([page])[0, 0]
        beside = embedder.embed([page, page[::-1], page[:, ::-1]])[0, 0]
    except ModelError as error:
        raise InvalidPassport(f"{source} gets no passport: {error.message}") from error
    difference = float(np.abs(alone - beside).max())
    if difference > _GOLDEN_TOLERANCE:
        raise InvalidPassport(
            f"{source} gets no passport: a page's vector is another beside other pages (difference "
            f"{difference:.2g}, tolerance {_GOLDEN_TOLERANCE:g})."
        )
    return np.asarray(alone, np.float32)


@dataclass(frozen=True, slots=True)
class _Shape:
    input: str
    side: int
    output: str
    dimension: int

    def __str__(self) -> str:
        return f"{self.input} (N, 3, {self.side}, {self.side}) to {self.output} (N, {self.dimension})"


def _open_session(content: bytes, source: str, *, device: str, threads: int) -> onnxruntime.InferenceSession:
    if device not in _PROVIDERS:
        raise InvalidSetting(f"Device {device} is not one of {', '.join(_PROVIDERS)}.")
    if threads < 1:
        raise InvalidSetting(f"{threads} threads are too few: give at least 1.")
    provider = _PROVIDERS[device]
    # ONNX Runtime only warns and falls back to the CPU, before and after it has opened the session.
    missing = DeviceUnavailable(
        f"Device {device} would not be used: this ONNX Runtime has "
        f"{', '.join(onnxruntime.get_available_providers())}, and a provider also needs its driver. "
        f"Install onnxruntime-gpu and the driver, or use device cpu."
    )
    if provider not in onnxruntime.get_available_providers():
        raise missing
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(content, options, providers=[provider])
    except Exception as error:  # ONNX Runtime's exceptions share no base of their own
        raise ModelError(f"{source} is no model that ONNX Runtime can open: {error}") from error
    if session.get_providers()[0] != provider:
        raise missing
    return session


def _read_shape(session: onnxruntime.InferenceSession, source: str) -> _Shape:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    try:
        ((batch, channels, height, width),) = (item.shape for item in inputs)
        ((_, dimension),) = (item.shape for item in outputs)
    except ValueError as error:
        raise InvalidPassport(
            f"{source} must take one tensor (N, 3, side, side) and give one (N, D); it takes "
            f"{[item.shape for item in inputs]} and gives {[item.shape for item in outputs]}."
        ) from error
    if (inputs[0].type, outputs[0].type) != ("tensor(float)", "tensor(float)"):
        raise InvalidPassport(
            f"{source} must take and give float32, tensor(float); it takes {inputs[0].type} and gives "
            f"{outputs[0].type}."
        )
    fixed = [isinstance(size, int) for size in (batch, height, dimension)]
    if channels != 3 or height != width or fixed != [False, True, True]:
        raise InvalidPassport(
            f"{source} must take (N, 3, side, side) and give (N, D) with N free, side and D fixed; it takes "
            f"{inputs[0].shape} and gives {outputs[0].shape}."
        )
    return _Shape(inputs[0].name, height, outputs[0].name, dimension)


def _check_preprocess(passport: models.Passport, source: str) -> None:
    if passport.input.preprocess != VERSION:
        raise ModelMismatch(
            f"{source} was trained with preprocess {passport.input.preprocess}; this docdex has preprocess "
            f"{VERSION}. Use a docdex of the model's time, or a newer model."
        )
