"""Normalise over the batch of all processes: half a batch has another mean, and makes another network."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from docdex.training.processes import Processes


_AFTER = ("drop", "act")
"""What timm's norms hold besides, in the order in which it is applied."""


class GlobalBatchNorm(_BatchNorm):
    """Batch norm over the batch of all processes, (N, C, ...) on any device: a share of it is another batch.

    torch's own `SyncBatchNorm` refuses tensors on the CPU. norm: torch's, or timm's `BatchNormAct2d`, which
    holds what comes after it: that comes after this one too.
    """

    def __init__(self, norm: _BatchNorm, processes: Processes) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.processes, self.training = processes, norm.training
        self.after = nn.Sequential(*(getattr(norm, name) for name in _AFTER if hasattr(norm, name)))
        if norm.affine:
            self.weight, self.bias = norm.weight, norm.bias
        if norm.track_running_stats:
            self.running_mean, self.running_var = norm.running_mean, norm.running_var
            self.num_batches_tracked = norm.num_batches_tracked

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        """Normalised activations of the input's shape and dtype."""
        if not self.training:
            return cast("Tensor", self.after(super().forward(input)))
        wide = input.float()
        axes = [axis for axis in range(wide.ndim) if axis != 1]
        shape = [1, -1] + [1] * (wide.ndim - 2)
        size = self.processes.add_(torch.tensor(float(wide.numel() // wide.shape[1]), device=wide.device))
        mean = self.processes.sum(wide.sum(axes)) / size
        centred = wide - mean.view(shape)
        variance = self.processes.sum(centred.square().sum(axes)) / size
        self._remember(mean.detach(), variance.detach() * size / (size - 1))
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return cast("Tensor", self.after(normal.to(input.dtype)))

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def share_batch_norms(network: nn.Module, processes: Processes) -> None:
    """Let the network's batch norms see the batch of all processes; alone, nothing changes."""
    if processes.count == 1:
        return
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm):
                setattr(module, name, GlobalBatchNorm(child, processes))
