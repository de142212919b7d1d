"""Say how a network's weights follow their gradients: groups of rates, their schedule, the moving average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn


def build_optimiser(learning: Sequence[tuple[nn.Module, float]], weight_decay: float) -> torch.optim.AdamW:
    """AdamW over modules, each with its peak rate; weight decay on matrices and kernels only.

    Its groups start at a rate of 0: `set_rates` gives them theirs, step by step.
    """
    groups: list[dict[str, Any]] = []
    for module, rate in learning:
        for decayed in (True, False):
            chosen = [p for p in module.parameters() if p.requires_grad and (p.ndim > 1) == decayed]
            groups.append({"params": chosen, "peak": rate, "weight_decay": weight_decay if decayed else 0.0})
    return torch.optim.AdamW(groups, lr=0.0)


def set_rates(optimiser: torch.optim.AdamW, factor: float) -> None:
    """Set each group to this share of its peak."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def schedule(done: float, step: int, warmup: int) -> float:
    """Share of the peak rate: linear warm-up by steps, cosine to zero by budget.

    done: share of the budget, from 0. step: from 0. warmup: steps.
    """
    return min(1.0, (step + 1) / max(warmup, 1)) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


@torch.no_grad()
def follow(averaged: nn.Module, network: nn.Module, kept: float, step: int) -> None:
    """Move averaged weights towards those after a step. kept: the share that stays; less in the beginning."""
    kept = min(kept, (1 + step) / (10 + step))
    pairs = zip(averaged.state_dict().values(), network.state_dict().values(), strict=True)
    for average, value in pairs:
        if average.is_floating_point():
            average.lerp_(value, 1 - kept)
        else:
            average.copy_(value)
