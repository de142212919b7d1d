"""Keep tables with one row a class: in memory or, where they outgrow it, mapped from a file; saved by blocks.

A saved table is one `.npy` file of all classes, into which each process writes its block. Whoever reads it
takes the block that is his now, so a checkpoint of two processes resumes on one or on three.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from docdex.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_CHUNK = 1 << 24
"""Bytes written at a time."""


def zeros(shape: tuple[int, ...], dtype: torch.dtype, folder: Path | None) -> Tensor:
    """A table of zeros in memory, or mapped from a file in `folder` that outgrows it.

    The file has no name: it is scratch, gone with the process however that ends. What must last is saved.
    Raises TrainingError when it does not fit on the disk.
    """
    if folder is None:
        # numpy asks for huge pages, which torch does not: rows all over a large table are then found faster.
        return torch.from_numpy(np.zeros(shape, torch.empty((), dtype=dtype).numpy().dtype))
    size = torch.empty((), dtype=dtype).itemsize * int(np.prod(shape))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            # Written, not left sparse: a mapped page for which the disk has no room kills the process.
            for start in range(0, max(size, 1), _CHUNK):
                file.write(bytes(min(_CHUNK, max(size, 1) - start)))
            file.flush()
            raw = np.memmap(file, dtype=np.uint8, mode="r+", shape=(max(size, 1),))[:size]
    except OSError as error:
        raise TrainingError(
            f"{folder}: no room to map {size / 2**30:.2f} GiB of centres: {error}."
        ) from error
    return torch.from_numpy(raw).view(dtype).view(shape)


@dataclass(frozen=True, slots=True)
class SavedRows:
    """A folder of tables, one `.npy` file each, of `total` rows."""

    folder: Path
    total: int

    def create(self, tables: dict[str, Tensor]) -> None:
        """Make the files, for all rows; what was there under the same names is gone. For one process to do.

        tables: of any number of rows; names, shapes beyond the rows and dtypes are taken. Raises OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            values = table[:0].cpu().numpy()
            shape = (self.total, *values.shape[1:])
            kind = np.lib.format.dtype_to_descr(values.dtype)
            with self._path(name).open("wb") as file:
                header = {"descr": kind, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                file.truncate(file.tell() + values.itemsize * int(np.prod(shape)))

    def write(self, tables: dict[str, Tensor], start: int) -> None:
        """Write blocks of rows from row `start` on, to the disk itself. Raises OSError."""
        for name, table in tables.items():
            values = table.cpu().numpy()
            with self._path(name).open("r+b") as file:
                np.lib.format.read_magic(file)
                np.lib.format.read_array_header_1_0(file)
                file.seek(start * values[:1].nbytes, os.SEEK_CUR)
                file.write(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
                file.flush()
                os.fsync(file.fileno())

    def read(self, tables: dict[str, Tensor], start: int) -> None:
        """Fill the tables with the saved rows from `start` on.

        Raises TrainingError for a file that is missing, broken, or of other rows.
        """
        for name, table in tables.items():
            path = self._path(name)
            try:
                saved = np.load(path, mmap_mode="c", allow_pickle=False)
            except (OSError, EOFError, ValueError) as error:
                raise TrainingError(f"{path}: not a table of a checkpoint: {error}") from error
            block, shape = torch.from_numpy(saved[start : start + len(table)]), (self.total, *table.shape[1:])
            if saved.shape != shape or block.dtype != table.dtype:
                raise TrainingError(f"{path} holds {saved.shape} {block.dtype}, not {shape} {table.dtype}.")
            table.copy_(block)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"
