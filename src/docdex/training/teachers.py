"""Networks to learn from, whatever they were written in: each becomes an ONNX file.

What a teacher says of a picture is kept on disk by the picture's digest, so that the next run need not ask.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from docdex.errors import TrainingError
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


class TaughtOutputs:
    """What one teacher said, by the digest of the picture: a file of fixed records, only ever appended to.

    A record is 32 bytes of SHA-256 of the image as the teacher takes it, then the output as float16. A record
    cut off by a kill is dropped when the file is next opened. One run writes to a file at a time.
    """

    def __init__(self, folder: Path, teacher: Teacher) -> None:
        self.path = folder / f"{teacher.digest[:16]}.taught"
        self.record = np.dtype([("digest", "u1", 32), ("output", "<f2", teacher.shape)])
        self._rows: dict[bytes, int] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            size = self.path.stat().st_size
            whole = size - size % self.record.itemsize
            if whole < size:
                with self.path.open("r+b") as file:
                    file.truncate(whole)
        except OSError as error:
            raise TrainingError(
                f"{self.path}: cannot be written (distil.cache): {error.strerror}."
            ) from error
        for row, digest in enumerate(self.records()["digest"]):
            self._rows.setdefault(digest.tobytes(), row)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._rows

    def digests(self) -> frozenset[bytes]:
        """Of all pictures known."""
        return frozenset(self._rows)

    def row(self, digest: bytes) -> int:
        """Which of `records()` holds a picture's output."""
        return self._rows[digest]

    def records(self) -> NDArray[np.void]:
        """All records, mapped from the file, not read."""
        if not self.path.stat().st_size:
            return np.empty(0, self.record)
        return np.memmap(self.path, self.record, mode="r")

    def append(self, digests: Sequence[bytes], outputs: NDArray[np.float32]) -> None:
        """Keep outputs (N, ...) of pictures not yet known. Raises TrainingError when the disk is full."""
        records = np.empty(len(digests), self.record)
        records["digest"] = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
        records["output"] = outputs
        try:
            with self.path.open("ab") as file:
                file.write(records.tobytes())
        except OSError as error:
            raise TrainingError(f"{self.path}: not written (distil.cache): {error.strerror}.") from error
        row = self.path.stat().st_size // self.record.itemsize - len(digests)
        for digest in digests:
            self._rows.setdefault(digest, row)
            row += 1


def digest_of(image: NDArray[np.float32]) -> bytes:
    """SHA-256 of an image as a teacher takes it, (3, S, S) float32."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
