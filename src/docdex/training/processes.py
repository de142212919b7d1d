"""Let several processes train one network: who takes which part, and how they agree on sums.

Everything works in a single process without a process group, where it costs nothing. Tensors on the CPU
travel by gloo, those on a GPU by NCCL; a run of `docdex train` keeps all of its tensors on the CPU, and NCCL
is untested: nobody has had a GPU to try it on.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from docdex.errors import DocdexError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PATIENCE = timedelta(hours=2)
"""How long the others wait for the first process: it alone distils, measures and reads the benchmark."""


@dataclass(frozen=True, slots=True)
class Processes:
    """All processes of a run, seen from one of them. rank: its number, from 0. count: how many there are."""

    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls) -> Processes:
        """The group that `torchrun` describes in the environment, joined on the first call; or one.

        The group has NCCL beside gloo where there is a GPU and torch was built with it.
        """
        if not dist.is_initialized():
            if int(os.environ.get("WORLD_SIZE", "1")) == 1:
                return cls()
            both = torch.cuda.is_available() and dist.is_nccl_available()
            dist.init_process_group("cpu:gloo,cuda:nccl" if both else "gloo", timeout=_PATIENCE)
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks and writes for all."""
        return self.rank == 0

    def block(self, total: int) -> range:
        """This process's share of `total` things: blocks in the order of ranks, as even as can be."""
        return range(self.rank * total // self.count, (self.rank + 1) * total // self.count)

    def add_(self, tensor: Tensor) -> Tensor:
        """The tensor, now holding the sum over all processes. Not differentiable."""
        if self.count > 1:
            dist.all_reduce(tensor)
        return tensor

    def maximum_(self, tensor: Tensor) -> Tensor:
        """The tensor, now holding the elementwise largest of all processes. Not differentiable."""
        if self.count > 1:
            dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return tensor

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum over all processes, differentiable: each one's gradient is the sum of everybody's."""
        if self.count == 1:
            return tensor
        return cast("Tensor", _Sum.apply(tensor, self))  # type: ignore[no-untyped-call]

    def gather(self, tensor: Tensor) -> Tensor:
        """Everybody's (n, ...) one after another as (N, ...), differentiable; n may differ, or be 0."""
        if self.count == 1:
            return tensor
        return cast("Tensor", _Gather.apply(tensor, self))  # type: ignore[no-untyped-call]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every parameter the sum of its gradients over all processes, in one exchange."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.count == 1 or not gradients:
            return
        flat = self.add_(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def follow_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite the tensors with those of the first process."""
        if self.count > 1:
            for tensor in tensors:
                plain = tensor.contiguous()
                dist.broadcast(plain, 0)
                tensor.copy_(plain)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A stretch that no process leaves before all have come to its end, and that fails for all or none.

        Raises what was raised in this process, or TrainingError when it was in another: nobody is left
        waiting for one that gave up.
        """
        failure: DocdexError | None = None
        try:
            yield
        except DocdexError as error:
            failure = error
        failed = int(self.maximum_(torch.tensor(0 if failure is None else self.rank + 1)))
        if failure is not None:
            raise failure
        if failed:
            raise TrainingError(f"Process {failed - 1} of {self.count} cannot go on: it says why.")


class _Sum(torch.autograd.Function):
    """All-reduce whose gradient is an all-reduce: what each put in went into everybody's sum."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, processes: Processes) -> Tensor:
        ctx.processes = processes
        return processes.add_(tensor.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.processes.add_(gradient.clone(memory_format=torch.contiguous_format)), None


class _Gather(torch.autograd.Function):
    """All-gather whose gradient is the sum of everybody's, cut to what this process had put in."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, processes: Processes) -> Tensor:
        sizes = torch.zeros(processes.count, dtype=torch.int64, device=tensor.device)
        sizes[processes.rank] = len(tensor)
        counts = processes.add_(sizes).tolist()
        # Collectives move equal shapes only: everybody's is filled up to the longest.
        padded = tensor.new_zeros((max(counts), *tensor.shape[1:]))
        padded[: len(tensor)] = tensor
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        start = sum(counts[: processes.rank])
        ctx.processes, ctx.own = processes, slice(start, start + len(tensor))
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        everybodys = ctx.processes.add_(gradient.clone(memory_format=torch.contiguous_format))
        return everybodys[ctx.own], None
