from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from torch import nn

from docdex.training import learning


def test_rates_warm_up_by_steps_and_fall_to_nothing_by_the_end() -> None:
    assert learning.schedule(0.0, 0, 4) == pytest.approx(0.25)
    assert learning.schedule(0.0, 3, 4) == pytest.approx(1)
    assert learning.schedule(0.5, 100, 4) == pytest.approx(0.5)
    assert learning.schedule(1.0, 100, 4) == pytest.approx(0)
    assert learning.schedule(0.0, 0, 0) == pytest.approx(1)


def test_each_module_learns_at_its_share_of_its_own_peak() -> None:
    optimiser = learning.build_optimiser([(nn.Linear(2, 2), 0.1), (nn.Linear(2, 1), 0.4)], weight_decay=0.2)
    learning.set_rates(optimiser, 0.5)
    groups = [(group["lr"], group["weight_decay"]) for group in optimiser.param_groups]
    assert groups == [(0.05, 0.2), (0.05, 0.0), (0.2, 0.2), (0.2, 0.0)]


def test_averaged_weights_follow_quickly_at_first_and_slowly_later() -> None:
    network, averaged = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    with torch.no_grad():
        network.weight.fill_(2)
        network.num_batches_tracked.fill_(7)
    learning.follow(averaged, network, 0.9, step=0)
    assert averaged.weight.item() == pytest.approx(1.9)  # a tenth stays
    assert averaged.num_batches_tracked.item() == 7  # a count has no average
    with torch.no_grad():
        averaged.weight.fill_(1)
    learning.follow(averaged, network, 0.9, step=1000)
    assert averaged.weight.item() == pytest.approx(1.1)
