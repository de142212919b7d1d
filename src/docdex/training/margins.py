"""Turn cosines into logits that ask for more than being right: the margin makes an embedding open-set.

Each loss says one thing: what becomes of the cosine to the true class. Scaled, and beside the untouched
cosines to the others, these are the logits of a cross-entropy. Half precision is widened to float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_NEARLY_ONE = 1 - 1e-6
"""An angle's slope is infinite at a cosine of one: cosines are taken to be this far from it at most."""


@dataclass(frozen=True, slots=True)
class Softmax:
    """Normalised softmax without a margin (NormFace, arXiv 1704.06369). scale: s, of all logits."""

    scale: float = 32.0

    def own(self, cosine: Tensor) -> Tensor:
        """What the cosine to the true class, (N,) in -1..1, becomes before it is scaled."""
        return cosine

    def logits(self, cosines: Tensor, targets: Tensor) -> Tensor:
        """Logits (N, C), float32 or, for float64 cosines, float64.

        cosines: (N, C), clamped to -1..1. targets: (N,) int64 columns of the true classes; -1 where the true
        class is not among these columns.
        """
        wide = cosines if cosines.dtype == torch.float64 else cosines.float()
        # Rounding takes a cosine beyond one; a plain clamp would also take its gradient away, and leave a
        # vector that lies on another class's centre there.
        clamped = wide + (wide.detach().clamp(-1, 1) - wide.detach())
        rows = (targets >= 0).nonzero().flatten()
        place = (rows, targets[rows])
        return clamped.index_put(place, self.own(clamped[place])) * self.scale


@dataclass(frozen=True, slots=True)
class CosFace(Softmax):
    """Large-margin cosine loss (arXiv 1801.09414): cos - m. margin: m, a difference of cosines."""

    margin: float = 0.35

    def own(self, cosine: Tensor) -> Tensor:
        """Cos - m."""
        return cosine - self.margin


@dataclass(frozen=True, slots=True)
class Combined(Softmax):
    """The combined margin (ArcFace, arXiv 1801.07698, section 3.3): cos(m1 angle + m2) - m3.

    turning: m1, at least 1. angle: m2, radians. cosine: m3.

    Beyond m1 angle + m2 = pi the cosine would rise again and pull a vector away from its class. There the
    true cosine itself goes on, from where the curve ends: falling, and of slope 1.
    """

    turning: float = 1.0
    angle: float = 0.3
    cosine: float = 0.2

    def own(self, cosine: Tensor) -> Tensor:
        """Cos(m1 angle + m2) - m3, and what continues it."""
        last = math.cos((math.pi - self.angle) / self.turning)
        turned = torch.cos(self.turning * torch.acos(cosine.clamp(-_NEARLY_ONE, _NEARLY_ONE)) + self.angle)
        return torch.where(cosine > last, turned, cosine - last - 1) - self.cosine


@dataclass(frozen=True, slots=True)
class ArcFace(Softmax):
    """Additive angular margin (arXiv 1801.07698): cos(angle + m). margin: m, radians.

    Beyond pi - m it goes on as `Combined` does, of which it is the case (1, m, 0), without an arc cosine.
    """

    margin: float = 0.5

    def own(self, cosine: Tensor) -> Tensor:
        """Cos(angle + m), and what continues it."""
        last = -math.cos(self.margin)
        sine = (1 - cosine.clamp(-_NEARLY_ONE, _NEARLY_ONE).square()).sqrt()
        turned = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        return torch.where(cosine > last, turned, cosine - last - 1)


def nearest_subcentres(cosines: Tensor) -> Tensor:
    """Cosines (N, C) to the nearest of each class's sub-centres (Sub-center ArcFace, ECCV 2020).

    cosines: (N, C, K). Taken before the margin, it lets a class whose pages differ (front and back, two
    generations under one name) keep several centres, and a wrong picture one of its own.
    """
    return cosines.max(dim=2).values
