"""Turn cosines into logits that ask for more than being right: the margin makes an embedding open-set."""

from __future__ import annotations

import torch
from torch import Tensor


def cosface(cosines: Tensor, targets: Tensor, *, scale: float, margin: float) -> Tensor:
    """Logits of the large-margin cosine loss (CosFace, arXiv 1801.09414).

    s (cos - m) for the true class, s cos for the others. cosines: (N, C), clamped to -1..1; targets: (N,)
    int64 columns. Returns (N, C) float32 logits for a cross-entropy.
    """
    logits = cosines.float().clamp(-1, 1)
    penalty = torch.zeros_like(logits).scatter_(1, targets[:, None], margin)
    return (logits - penalty) * scale
