"""Trunks by name: pretrained networks cut at stride 16, of which a lower part is frozen.

Where something stands on a page says more than what stands there: maps of stride 16, kept as a grid, are
ahead of any deeper map and of any average of one. The frozen part runs in ONNX Runtime while training, at a
third of what PyTorch would take, and needs no gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from docdex.errors import InvalidSetting, TrainingError
from docdex.training.dense import CHANNELS as DENSE_CHANNELS
from docdex.training.dense import DenseTrunk
from docdex.training.lcnet import CHANNELS as LCNET_CHANNELS
from docdex.training.lcnet import lcnet_units
from docdex.training.lite import lite_units
from docdex.training.units import PACKAGE, RANDOM, Renormalise, Unit, load_package

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

TIMM = "timm:"
"""What names of trunks from timm begin with."""
STRIDE = 16
"""How many times smaller every trunk's map is than its image."""
_LITE_CHANNELS = {"lite0": 112, "lite1": 112, "lite2": 120}


@dataclass(frozen=True, slots=True)
class Trunk:
    """A network to stride 16 in two parts: `lower` is frozen, `upper` learns; either may be empty.

    channels: of the map, (N, channels, S / 16, S / 16) for images (N, 3, S, S) in [-1, 1].
    """

    lower: nn.Sequential
    upper: nn.Module
    channels: int

    @property
    def whole(self) -> nn.Sequential:
        """Both parts: images to maps."""
        return nn.Sequential(self.lower, self.upper)


def build_trunk(
    name: str,
    *,
    weights: str = PACKAGE,
    frozen_stride: int = 8,
    learn_depthwise: bool = False,
    load: bool = True,
) -> Trunk:
    """A trunk by name: `lite0`, `lite1`, `lite2`, `lcnet`, `dense`, or `timm:` and a model of timm.

    weights: `package`, those that come with a package; `random`; or the path of a file. frozen_stride: the
    part up to this stride (1, 2, 4, 8, 16) is frozen; 1 freezes nothing. learn_depthwise: the spatial kernels
    of depthwise-separable trunks learn too; those of timm always do. load: whether the weights are read; a
    trunk that is given others afterwards does without the package or file that they are in.

    Raises InvalidSetting for a frozen part that nobody trained or that cannot be cut there, MissingExtra for
    packages, TrainingError for weights that are not this trunk's.
    """
    if frozen_stride > 1 and (weights == RANDOM or name == "dense"):
        raise InvalidSetting(
            f"model.frozen_stride is {frozen_stride}; nothing of the trunk {name} is pretrained: set it to 1."
        )
    if name in _LITE_CHANNELS:
        units = lite_units(int(name[-1]), weights, learn_depthwise=learn_depthwise, load=load)
        return _cut(units, frozen_stride, _LITE_CHANNELS[name])
    if name == "lcnet":
        units = lcnet_units(weights, learn_depthwise=learn_depthwise, load=load)
        return _cut(units, frozen_stride, LCNET_CHANNELS)
    if name == "dense":
        return Trunk(nn.Sequential(), DenseTrunk(), DENSE_CHANNELS)
    if name.startswith(TIMM):
        return _timm_trunk(name.removeprefix(TIMM), weights, frozen_stride, load=load)
    raise InvalidSetting(
        f"No trunk {name}: choose {', '.join(_LITE_CHANNELS)}, lcnet, dense, or timm: and a model of timm."
    )


def _cut(units: Sequence[Unit], frozen_stride: int, channels: int) -> Trunk:
    stride, frozen = 1, 0
    for unit in units:
        stride *= unit.stride
        frozen += stride <= frozen_stride
    modules = [unit.module for unit in units]
    lower = nn.Sequential(*modules[:frozen]).requires_grad_(False)
    return Trunk(lower, nn.Sequential(*modules[frozen:]), channels)


class _OneMap(nn.Module):
    """A feature extractor of timm that gives the map and not a list of one."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) to (N, C, S / 16, S / 16)."""
        return cast("Tensor", self.features(images)[0])


def _timm_trunk(name: str, weights: str, frozen_stride: int, *, load: bool) -> Trunk:
    """A model of timm cut after its last map of stride 16; batch norms stay as they are."""
    if frozen_stride not in {1, STRIDE}:
        raise InvalidSetting(
            f"model.frozen_stride is {frozen_stride}; a trunk of timm is frozen as a whole, 16, or not, 1."
        )
    timm = load_package("timm", f"The trunk timm:{name}")
    given: dict[str, Any] = {"features_only": True, "pretrained": load and weights != RANDOM}
    if load and weights not in {PACKAGE, RANDOM}:
        if not Path(weights).is_file():
            raise TrainingError(f"{weights}: no such file (model.weights).")
        given["pretrained_cfg_overlay"] = {"file": weights}
    try:
        strides = list(timm.create_model(name, features_only=True).feature_info.reduction())
        index = len(strides) - 1 - strides[::-1].index(STRIDE)  # the last of them
        model = timm.create_model(name, out_indices=(index,), **given)
        scale = Renormalise(model.pretrained_cfg["mean"], model.pretrained_cfg["std"])
        (channels,) = model.feature_info.channels()
    except Exception as error:  # timm and its hub raise whatever they meet
        raise TrainingError(f"timm:{name} cannot be loaded: {error}") from error
    return _cut([Unit(scale, 1), Unit(_OneMap(model), STRIDE)], frozen_stride, channels)
