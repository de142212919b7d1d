"""Run a function in several processes joined by gloo, without `torchrun`, ports or the network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing


def run_together(count: int, folder: Path, function: Callable[..., Any], *arguments: object) -> list[Any]:
    """What `function(*arguments)` gave in each of `count` processes; numbers and tensors, in lists, too.

    function: of a module, not a closure. folder: an empty one, for the processes to meet in.
    """
    folder.mkdir(parents=True)
    torch.multiprocessing.spawn(_join, (count, str(folder), function, arguments), nprocs=count)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(count)]


def _join(rank: int, count: int, folder: str, function: Callable[..., Any], arguments: tuple[object]) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count)
    torch.save(function(*arguments), Path(folder) / f"{rank}.pt")
    dist.barrier()
    # What was asked is on disk. Gloo's threads, taken down while a peer goes too, now and then abort the
    # process ("terminate called without an active exception"): it ends before they are.
    os._exit(0)
