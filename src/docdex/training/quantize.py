"""Write a model's trunk in 8-bit integers: less than half the file and the time, and what it costs, measured.

Static quantisation (arXiv 1712.05877) of the convolutions and what stands between them, with ranges seen on
given pages and a scale a channel. The head computes in float32 and only its weights are kept in 8 bits: what
comes before it is exact in integers, so a page still gives the same vector alone and in any batch.
"""

from __future__ import annotations

import logging
import re
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from docdex.embedder import OnnxEmbedder, issue_passport, look_at
from docdex.errors import TrainingError
from docdex.images import Refusal, find_files, iter_pages
from docdex.models import read_passport
from docdex.training.pack import pack_weights
from docdex.training.views import open_session
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from docdex.models import Passport

_OPERATORS = ["Conv", "Clip", "Relu", "Add"]
"""Activations and sums too: a range that includes what the activation cuts off would waste half the steps."""
_HEAD = re.compile(r"(/members\.\d+)?/head/")
"""What names of a head's nodes begin with: the modules' names in `EmbeddingNetwork` and `JoinedNetworks`."""
_MOST_PAGES = 600
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Loss:
    """What quantisation changed: cosines of the int8 vectors to the float ones, on pages not calibrated on.

    calibrated, measured: pages of either kind.
    """

    mean_cosine: float
    least_cosine: float
    calibrated: int
    measured: int


def quantize_model(path: Path, folder: Path, *, say: Callable[[str], None] = print) -> tuple[Passport, Loss]:
    """Put a float model's int8 form and its own passport in the place of both.

    path: of a model file with its passport. folder: of pages such as will be asked about; at most 600 are
    used, evenly spaced, every other one to find ranges and the others to measure. say: is told of pages that
    cannot be read. Thresholds are not carried over: they are to be measured anew.

    Raises what opening a model raises, TrainingError for fewer than two pages or a model that cannot be
    quantised.
    """
    float_passport = read_passport(path)
    pages = _look_at_pages(OnnxEmbedder.open(path), folder, say)
    if len(pages) < 2:
        raise TrainingError(f"{folder}: {len(pages)} pages that can be read; at least two are needed.")
    float_model = path.read_bytes()
    seen, unseen = np.concatenate(pages[::2]), np.concatenate(pages[1::2])
    try:
        model = to_int8(float_model, float_passport.input.name, seen)
    except Exception as error:  # the quantiser raises whatever it meets
        raise TrainingError(f"{path}: cannot be quantised: {error}") from error
    cosines = np.sum(_vectors(float_model, unseen) * _vectors(model, unseen), axis=1)
    loss = Loss(float(cosines.mean()), float(cosines.min()), len(pages[::2]), len(pages[1::2]))
    with whole_file(path) as partial:
        partial.write_bytes(model)
    passport = issue_passport(
        path,
        name=float_passport.name,
        licence=float_passport.licence,
        views=float_passport.input.views,
        default_threshold=float_passport.default_threshold,
        default_margin=float_passport.default_margin,
        training={
            **float_passport.training,
            "int8": {"float_digest": float_passport.digest, "calibration_pages": loss.calibrated},
        },
        # What was measured of the float model is not this one's.
        measured={"int8": {key: round(value, 5) for key, value in msgspec.to_builtins(loss).items()}},
    )
    return passport, loss


def to_int8(model: bytes, name: str, images: NDArray[np.float32]) -> bytes:
    """A model of `EmbeddingNetwork`, or of several joined, with an int8 trunk and int8 weights in its head.

    name: of the input. images: (N, 3, S, S), what ranges are found on.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    logging.getLogger().addFilter(_no_advice)
    try:
        with tempfile.TemporaryDirectory() as folder:
            plain, quantised = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
            _simplify(model, plain)
            head = [node.name for node in onnx.load(plain).graph.node if _HEAD.match(node.name)]
            quantize_static(
                plain,
                quantised,
                _Ranges(name, images),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_OPERATORS,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=head,
                calibrate_method=CalibrationMethod.MinMax,
            )
            graph = onnx.load(quantised)
    finally:
        logging.getLogger().removeFilter(_no_advice)
    heads = [node for node in graph.graph.node if node.op_type == "Gemm" and _HEAD.match(node.name)]
    pack_weights(graph.graph, heads)
    content: bytes = graph.SerializeToString()
    return content


def _no_advice(record: logging.LogRecord) -> bool:
    """Keeps back the quantiser's advice to prepare the model, which `_simplify` has followed."""
    return "pre-processing" not in record.getMessage()


def _simplify(model: bytes, path: Path) -> None:
    """Paddings folded into convolutions, constants computed: what the quantiser expects to be done."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.intra_op_num_threads = 1
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class _Ranges:
    """Gives the quantiser one image at a time, as its interface wants."""

    def __init__(self, name: str, images: NDArray[np.float32]) -> None:
        self._feeds: Iterator[dict[str, NDArray[np.float32]]] = ({name: image[None]} for image in images)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next input, (1, 3, S, S) float32 by its name, or None at the end."""
        return next(self._feeds, None)


def _look_at_pages(
    embedder: OnnxEmbedder, folder: Path, say: Callable[[str], None]
) -> list[NDArray[np.float32]]:
    """What the model sees of each of at most `_MOST_PAGES` pages of a folder, (K, 3, S, S)."""
    files = find_files(folder)
    count = min(len(files), _MOST_PAGES)
    chosen = [files[number * len(files) // count] for number in range(count)]
    pages: list[NDArray[np.float32]] = []
    for item in islice(iter_pages(chosen, short_side=embedder.short_side), _MOST_PAGES):
        if isinstance(item, Refusal):
            say(f"left out: {item.error.message}")
        else:
            wanted = embedder.passport.input
            pages.append(look_at(item.pixels, wanted.side, wanted.views)[0])
    return pages


def _vectors(model: bytes, images: NDArray[np.float32]) -> NDArray[np.float32]:
    session = open_session(model)
    name = session.get_inputs()[0].name
    starts: Sequence[int] = range(0, len(images), _AT_ONCE)
    return np.concatenate(
        [session.run(None, {name: images[start : start + _AT_ONCE]})[0] for start in starts]
    )
