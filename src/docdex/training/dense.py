"""A trunk of plain 3x3 convolutions that learns another's maps, as dense kernels train faster than depthwise.

How much faster depends on the processor; `configs/dense.toml` and `docs/experiments.md` hold the comparison.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WIDTHS_AND_STRIDES = ((32, 2), (48, 2), (48, 1), (96, 2), (96, 1), (96, 1), (192, 2), (192, 1))


class DenseTrunk(nn.Sequential):
    """Images (N, 3, S, S) to maps (N, channels, S / 16, S / 16): eight 3x3 convolutions and one 1x1."""

    def __init__(self, channels: int) -> None:
        layers: list[nn.Module] = []
        before = 3
        for width, stride in _WIDTHS_AND_STRIDES:
            convolution = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            before = width
        super().__init__(*layers, nn.Conv2d(before, channels, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Maps (N, channels, S / 16, S / 16) float32; in bfloat16 inside while training."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            maps = images
            for layer in self:
                maps = layer(maps)
        return maps.float()


def distil_maps(
    student: nn.Module,
    teacher: Callable[[Tensor], Tensor],
    batches: Iterable[Tensor],
    *,
    minutes: float,
    rate: float = 2e-3,
    say: Callable[[str], None] = print,
) -> int:
    """Train `student` to give the teacher's maps, up to each cell's length; the number of steps taken.

    teacher: images (N, 3, S, S) -> maps, without gradient. batches: images, as many as the time needs. The
    loss is one minus the cosine of each cell, as the head looks at directions only.
    """
    optimiser = torch.optim.AdamW(student.parameters(), lr=rate, weight_decay=0.01)
    began, steps = time.monotonic(), 0
    student.train()
    for images in batches:
        done = (time.monotonic() - began) / (60 * minutes)
        if done >= 1:
            break
        optimiser.param_groups[0]["lr"] = rate * min(1.0, (steps + 1) / 50) * (1 - done)
        maps = student(images.contiguous(memory_format=torch.channels_last))
        loss = 1 - F.cosine_similarity(maps, teacher(images), dim=1).mean()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        steps += 1
        if steps % 20 == 0:
            say(f"distilling: step {steps} loss {float(loss.detach()):.4f}")
    return steps
