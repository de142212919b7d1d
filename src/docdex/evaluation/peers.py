"""Describe pages by our models and by what they must be ahead of, so that all are asked alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

import cv2
import numpy as np

from docdex import models
from docdex.embedder import UPRIGHT, OnnxEmbedder
from docdex.errors import InvalidSetting, MissingExtra
from docdex.evaluation.hog import SIDE as _HOG_SIDE
from docdex.evaluation.hog import hog
from docdex.evaluation.keypoints import SiftPeer
from docdex.evaluation.results import TrainingCost
from docdex.evaluation.words import open_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

    from docdex.models import Passport

OURS = "docdex:"
"""What a peer's name begins with if it is a model of ours: then comes a packaged model's name or a path."""

_PHASH_SIDE, _PHASH_LOW = 64, 16
_THUMBNAIL_SIDE = 16


class Peer(Protocol):
    """A recogniser as a benchmark sees it: pages in, vectors out, their cosine is its similarity."""

    @property
    def name(self) -> str:
        """Under which its figures are reported."""
        ...

    def embed(
        self, pages: Sequence[NDArray[np.uint8]], *, rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Vectors (N, R, D) of N pages (H, W, 3) uint8 RGB, turned by R rotations as `docdex.embedder` does.

        Of unit length, or zero where a page shows nothing to compare.
        """
        ...


Description = TypeVar("Description")


@runtime_checkable
class Matcher(Protocol[Description]):
    """A recogniser that gives no vector but a score for a probe and a sample, and takes long for it."""

    @property
    def name(self) -> str:
        """Under which its figures are reported."""
        ...

    @property
    def every(self) -> int:
        """Only each so-manieth probe is asked about."""
        ...

    def describe(self, page: NDArray[np.uint8]) -> Description:
        """What it keeps of a page (H, W, 3) uint8 RGB."""
        ...

    def compare(self, probe: Description, samples: Sequence[Description]) -> NDArray[np.float32]:
        """Scores (S,) of a probe with S samples: the higher, the more alike."""
        ...


class ModelPeer:
    """A model of ours, by the vectors alone."""

    def __init__(self, embedder: OnnxEmbedder) -> None:
        self._embedder = embedder
        self.name = f"{OURS}{embedder.passport.name}"
        self.cost = training_cost(embedder.passport)

    def embed(
        self, pages: Sequence[NDArray[np.uint8]], *, rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Vectors (N, R, D) of unit length."""
        return self._embedder.embed(pages, rotations=rotations)


def training_cost(passport: Passport) -> TrainingCost | None:
    """What a model took, with all that it went on from, was averaged with and was joined with, each once.

    None where the passport does not say it of each.
    """
    training = passport.training
    try:
        ends = [training, *training.get("averaged", ()), *training.get("joined", ())]
        every = [run for end in ends for run in (end, *end.get("before", ()))]
        # What was averaged mostly went on from each other.
        runs = {(_run_name(run), run["minutes"], run["images"]): run for run in every}.values()
        return TrainingCost(
            minutes=round(sum(run["minutes"] for run in runs), 1),
            cpu_minutes=round(sum(run["cpu_minutes"] for run in runs), 1),
            images=sum(run["images"] for run in runs),
        )
    except (KeyError, TypeError):  # a passport may say of its training what it likes
        return None


def _run_name(run: Mapping[str, Any]) -> str:
    return str(run["name"] if "name" in run else run["config"]["name"])


class PicturePeer:
    """A descriptor of a small grey square of the page; a square turns exactly, so pages are shrunk only once.

    describe: (side, side) float32 grey, 0 to 255, -> (D,) float32 of unit length or zero.
    """

    def __init__(
        self, name: str, side: int, describe: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    ) -> None:
        self.name = name
        self._side = side
        self._describe = describe

    def embed(
        self, pages: Sequence[NDArray[np.uint8]], *, rotations: tuple[int, ...] = UPRIGHT
    ) -> NDArray[np.float32]:
        """Vectors (N, R, D) of unit length or zero."""
        squares = [shrink_grey(page, self._side) for page in pages]
        return np.stack(
            [[self._describe(np.rot90(square, degrees // 90)) for degrees in rotations] for square in squares]
        )


def shrink_grey(pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Page (H, W, 3) uint8 RGB as a grey square (side, side) float32, 0 to 255."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    square = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(square, dtype=np.float32)


def phash(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """The classic perceptual hash of a (64, 64) grey square, as a vector: (256,) of plus and minus 1/16.

    Which of the 16 x 16 lowest frequencies of the cosine transform are above their median. The cosine of
    two is exactly 1 - 2 h / 256 for a Hamming distance of h bits.
    """
    lowest = cv2.dct(np.ascontiguousarray(square))[:_PHASH_LOW, :_PHASH_LOW].ravel()
    bits = np.where(lowest > np.median(lowest), 1 / 16, -1 / 16)
    return np.asarray(bits, dtype=np.float32)


def thumbnail(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """A (16, 16) grey square without its mean, (256,): the cosine of two is their normalised correlation."""
    return unit_length(square.ravel() - square.mean())


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors (..., D) scaled to unit length; a zero vector, which has no direction, stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return np.asarray(unit, dtype=np.float32)


def peer_names() -> list[str]:
    """All peers that can be named without a path: the packaged models first, the costly ones last."""
    return [*cheap_peer_names(), *_COSTLY]


def cheap_peer_names() -> list[str]:
    """Those that describe a page in milliseconds, and so are asked unless others are named."""
    return [*(OURS + name for name in models.names()), *_BASELINES]


def open_peer(name: str, *, train: Path, cache: Path | None = None) -> Peer | Matcher[Any]:
    """The peer of a name of `peer_names`, or `docdex:` with the path of an ONNX file that has its passport.

    train: folder `<source>/<picture>.jpg` for the peer that fits a projection. cache: folder where texts read
    from pages are kept. Networks run on one thread.

    Raises InvalidSetting for an unknown name, MissingExtra for an untrained network without the extra
    `train` or for words without the extra `ocr`, EmptySource when there is nothing to fit on, and what
    `OnnxEmbedder.open` raises.
    """
    if name.startswith(OURS):
        return ModelPeer(OnnxEmbedder.open(name[len(OURS) :]))
    if name in _BASELINES:
        return _BASELINES[name](name, train)
    if name in _COSTLY:
        return _COSTLY[name](name, cache)
    raise InvalidSetting(
        f"No peer {name}: choose from {', '.join(peer_names())}, or give {OURS}PATH of an .onnx file."
    )


def _open_phash(name: str, _train: Path) -> Peer:
    return PicturePeer(name, _PHASH_SIDE, phash)


def _open_thumbnail(name: str, _train: Path) -> Peer:
    return PicturePeer(name, _THUMBNAIL_SIDE, thumbnail)


def _open_hog(name: str, _train: Path) -> Peer:
    return PicturePeer(name, _HOG_SIDE, hog)


def _open_grid(name: str, _train: Path) -> Peer:
    untrained = _import_untrained()
    return cast("Peer", untrained.GridPeer(name, untrained.UntrainedTrunk()))


def _open_cells(name: str, train: Path) -> Peer:
    untrained = _import_untrained()
    return cast("Peer", untrained.CellsPeer.fit(name, untrained.UntrainedTrunk(), train))


def _open_sift(name: str, _cache: Path | None) -> Matcher[Any]:
    return SiftPeer(name)


def _import_untrained() -> ModuleType:
    # The one arrow that points up: only docdex.training may import torch, and only when somebody asks for it.
    try:
        from docdex.training import untrained
    except ImportError as error:
        raise MissingExtra(
            f"The untrained networks to compare with need torch: pip install 'docdex[train]', or choose from "
            f"{', '.join(name for name in peer_names() if not name.startswith('lite0'))}."
        ) from error
    return untrained


_BASELINES: dict[str, Callable[[str, Path], Peer]] = {
    "phash": _open_phash,
    "thumbnail": _open_thumbnail,
    "hog": _open_hog,
    "lite0-grid": _open_grid,
    "lite0-cells-pca": _open_cells,
}
_COSTLY: dict[str, Callable[[str, Path | None], Matcher[Any]]] = {
    "sift": _open_sift,
    "minilm-ocr": open_words,
}
