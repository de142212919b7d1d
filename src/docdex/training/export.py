"""Write a trained network as ONNX and let it out only if ONNX Runtime says the same as PyTorch."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn


def to_onnx(module: nn.Module, side: int, output: str) -> bytes:
    """ONNX of a module over images (N, 3, side, side); N is dynamic. Input `images`, output as named."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is announced to go; its successor needs a further package and writes the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            module.eval(),
            (torch.zeros(2, 3, side, side),),
            buffer,
            input_names=["images"],
            output_names=[output],
            dynamic_axes={"images": {0: "count"}, output: {0: "count"}},
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()
