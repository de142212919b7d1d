"""Networks to learn from, whatever they were written in: each becomes an ONNX file.

What a teacher says of a picture is kept on disk by the picture's digest, so that the next run need not ask.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from docdex.errors import TrainingError
from docdex.preprocess import prepare
from docdex.training.backbones import build_trunk
from docdex.training.classes import expand
from docdex.training.export import to_onnx
from docdex.training.units import Renormalise, load_package
from docdex.training.views import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from docdex.training.config import DistilConfig

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_AT_ONCE = 32
_PATIENCE = 60.0
"""Seconds to wait while another process writes to the same file."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """An ONNX file that takes images (N, 3, side, side) float32 in [-1, 1].

    shape: of what it says of one image: (C, G, G) maps or (D,) vectors. digest: hex SHA-256 of the file and
    the side.
    """

    model: bytes
    side: int
    shape: tuple[int, ...]

    @property
    def digest(self) -> str:
        """What tells this teacher from any other."""
        return hashlib.sha256(self.model + self.side.to_bytes(4, "little")).hexdigest()

    @classmethod
    def from_onnx(cls, model: bytes, side: int, name: str) -> Teacher:
        """A teacher from a file's bytes; its own side goes before the one given where it has one.

        Raises TrainingError, with `name` in it, for a file that does not take images or gives neither maps
        nor vectors.
        """
        try:
            session = open_session(model)
            (taken,) = session.get_inputs()
            fixed = taken.shape[2]
            side = fixed if isinstance(fixed, int) else side
            (said, *_) = session.run(None, {taken.name: np.zeros((1, 3, side, side), np.float32)})
        except Exception as error:  # the runtime raises whatever it meets
            raise TrainingError(
                f"{name}: no ONNX file that takes images (distil.teacher): {error}"
            ) from error
        if said.ndim not in {2, 4} or len(said) != 1:
            raise TrainingError(
                f"{name}: gives {said.shape}, neither maps (N, C, G, G) nor vectors (N, D) (distil.teacher)."
            )
        return cls(model, side, said.shape[1:])

    def open(self) -> Asked:
        """A session of this process."""
        return Asked(self)


class Asked:
    """A teacher with its session, which no other process can use."""

    def __init__(self, teacher: Teacher) -> None:
        self._session = open_session(teacher.model)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps (N, C, G, G) or vectors (N, D) of images (N, 3, side, side)."""
        parts = [
            self._session.run(None, {self._input: images[start : start + _AT_ONCE]})[0]
            for start in range(0, len(images), _AT_ONCE)
        ]
        return np.concatenate(parts)


def open_teacher(config: DistilConfig, side: int) -> Teacher:
    """The teacher that a config names, at the side it names or else the student's.

    Raises MissingExtra and TrainingError: for packages that are missing, weights that cannot be had, files
    that are no teachers.
    """
    name, side = config.teacher or "lite0", config.side or side
    if name.startswith("onnx:"):
        try:
            model = expand(name.removeprefix("onnx:")).read_bytes()
        except OSError as error:
            raise TrainingError(f"{name}: cannot be read (distil.teacher): {error.strerror}.") from error
        return Teacher.from_onnx(model, side, name)
    if name.startswith("clip:"):
        module, side = _clip_encoder(name.removeprefix("clip:"), config.weights)
    else:
        # A cut that every trunk allows: no part of a teacher learns.
        module = build_trunk(name, weights=config.weights, frozen_stride=1).whole
    return Teacher.from_onnx(to_onnx(module, side, "said"), side, name)


class _ClipImages(nn.Module):
    """CLIP's image encoder with docdex's scale of images before it."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.scale, self.encoder = Renormalise(_CLIP_MEAN, _CLIP_STD), encoder

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] to vectors (N, D)."""
        vectors: Tensor = self.encoder(self.scale(images))
        return vectors


def _clip_encoder(name: str, weights: str) -> tuple[nn.Module, int]:
    """CLIP's image encoder by open_clip's name (arXiv 2103.00020), and the side it was made for."""
    open_clip: Any = load_package("open_clip", f"The teacher clip:{name}")
    if not Path(weights).is_file():
        raise TrainingError(f"{weights}: no such file: give the teacher clip:{name} one in distil.weights.")
    try:
        visual = open_clip.create_model(name, pretrained=weights).visual
        size = visual.image_size
    except Exception as error:  # open_clip and its unpickler raise whatever they meet
        raise TrainingError(f"clip:{name} cannot be loaded from {weights}: {error}") from error
    return _ClipImages(visual), int(size[0] if isinstance(size, tuple) else size)


class Taught:
    """What a teacher says of pages, kept by the pictures' digests: it is asked about each of them once.

    The file is SQLite's: the workers of several runs may use it at a time, and one that is killed harms
    nobody. Each process opens its own session when it first needs one.

    folder: of the files, one a teacher. Raises TrainingError where it cannot be written.
    """

    def __init__(self, teacher: Teacher, folder: Path) -> None:
        self.teacher, self.path = teacher, folder / f"{teacher.digest[:16]}.sqlite"
        self._asked: Asked | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as kept:
                kept.execute("CREATE TABLE IF NOT EXISTS taught (digest BLOB PRIMARY KEY, output BLOB)")
        except (OSError, sqlite3.Error) as error:
            raise self._failure(error) from error

    def __call__(self, pages: Sequence[NDArray[np.uint8]]) -> NDArray[np.float16]:
        """Maps (N, C, G, G) or vectors (N, D) float16 of N pages (H, W, 3) uint8 RGB.

        Raises TrainingError for a file that is broken or cannot be written.
        """
        said = np.empty((len(pages), *self.teacher.shape), np.float16)
        new: dict[bytes, bytes] = {}
        try:
            with closing(self._connect()) as kept:
                for place, page in enumerate(pages):
                    image = prepare(page, self.teacher.side)
                    digest = digest_of(image)
                    found = kept.execute("SELECT output FROM taught WHERE digest = ?", (digest,)).fetchone()
                    if found is None and digest not in new:
                        new[digest] = self._ask(image)
                    output = np.frombuffer(new[digest] if found is None else found[0], "<f2")
                    said[place] = output.reshape(self.teacher.shape)
                with kept:
                    kept.executemany("INSERT OR IGNORE INTO taught VALUES (?, ?)", new.items())
        except (sqlite3.Error, ValueError) as error:
            raise self._failure(error) from error
        return said

    def _ask(self, image: NDArray[np.float32]) -> bytes:
        """What is kept. One picture at a time: in a batch of others, the last bits would be others."""
        if self._asked is None:
            self._asked = self.teacher.open()
        said: bytes = self._asked(image[None])[0].astype("<f2").tobytes()
        return said

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_PATIENCE)

    def _failure(self, error: Exception) -> TrainingError:
        return TrainingError(
            f"{self.path}: what the teacher says cannot be kept (distil.cache): {error}. Where the file is "
            f"broken, delete it: all in it can be asked again."
        )


def digest_of(image: NDArray[np.float32]) -> bytes:
    """SHA-256 of an image as a teacher takes it, (3, S, S) float32."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
