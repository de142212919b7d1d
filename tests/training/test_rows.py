from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.errors import TrainingError
from docdex.training.processes import Processes
from docdex.training.rows import SavedRows, zeros

TOTAL = 11


def whole() -> dict[str, torch.Tensor]:
    return {
        "centres": torch.arange(TOTAL * 6.0).view(TOTAL, 2, 3),
        "touched": torch.arange(TOTAL),
    }


def blocks(count: int) -> list[range]:
    return [Processes(rank, count).block(TOTAL) for rank in range(count)]


def write_in_blocks(folder: Path, count: int) -> SavedRows:
    saved = SavedRows(folder, TOTAL)
    saved.create(whole())
    for block in blocks(count):
        saved.write({name: table[block.start : block.stop] for name, table in whole().items()}, block.start)
    return saved


@pytest.mark.parametrize("written", [1, 2, 3])
@pytest.mark.parametrize("read", [1, 2, 3, 20])
def test_what_some_processes_save_any_number_of_them_reads(tmp_path: Path, written: int, read: int) -> None:
    saved = write_in_blocks(tmp_path, written)
    parts = []
    for block in blocks(read):
        tables = {name: torch.zeros_like(table[: len(block)]) for name, table in whole().items()}
        saved.read(tables, block.start)
        parts.append(tables)
    for name, table in whole().items():
        assert torch.equal(torch.cat([part[name] for part in parts]), table)


def test_a_saved_table_is_a_file_that_numpy_reads(tmp_path: Path) -> None:
    write_in_blocks(tmp_path, 2)
    assert np.array_equal(np.load(tmp_path / "centres.npy"), whole()["centres"].numpy())


def test_tables_that_are_missing_broken_or_others_are_refused(tmp_path: Path) -> None:
    saved = write_in_blocks(tmp_path, 1)
    with pytest.raises(TrainingError, match=r"momentum\.npy: not a table of a checkpoint"):
        saved.read({"momentum": torch.zeros(TOTAL, 3)}, 0)
    with pytest.raises(TrainingError, match=r"holds \(11, 2, 3\) torch.float32, not \(11, 3\) torch.float32"):
        saved.read({"centres": torch.zeros(TOTAL, 3)}, 0)
    with pytest.raises(TrainingError, match=r"holds .* torch\.int64, not .* torch\.float32"):
        saved.read({"touched": torch.zeros(TOTAL)}, 0)
    with pytest.raises(TrainingError, match=r"holds \(11, 2, 3\)"):
        SavedRows(tmp_path, TOTAL + 1).read({"centres": torch.zeros(TOTAL, 2, 3)}, 0)
    path = tmp_path / "centres.npy"
    for broken in (path.read_bytes()[:-5], b""):
        path.write_bytes(broken)
        with pytest.raises(TrainingError, match="not a table of a checkpoint"):
            saved.read({"centres": torch.zeros(TOTAL, 2, 3)}, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_a_mapped_table_is_one_of_zeros_that_takes_values_and_leaves_no_file(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    table = zeros((1000, 7), dtype, tmp_path / "run")
    assert table.dtype == dtype
    assert table.shape == (1000, 7)
    assert not table.any()
    table[torch.tensor([3, 999])] = torch.ones(2, 7, dtype=dtype)
    assert int(table.sum()) == 14
    assert list((tmp_path / "run").iterdir()) == []
    assert zeros((0, 7), dtype, tmp_path).shape == (0, 7)


def test_without_room_on_the_disk_a_table_is_refused_before_it_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullFile:
        def __init__(self, file: IO[bytes]) -> None:
            self.file = file

        def __enter__(self) -> FullFile:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: FullFile(real(dir=dir)))
    with pytest.raises(TrainingError, match=r"no room to map 0\.00 GiB of centres: .*No space"):
        zeros((10, 10), torch.float32, tmp_path)
