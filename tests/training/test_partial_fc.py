from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from docdex.training.partial_fc import PartialFC

CLASSES, DIMENSION = 40, 6
LABELS = torch.tensor([3, 3, 17, 0, 39])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def vectors(seed: int = 1) -> Tensor:
    return F.normalize(torch.randn(len(LABELS), DIMENSION, generator=generator(seed)))


def layer(sampled: float, seed: int = 2) -> PartialFC:
    centres = torch.randn(CLASSES, DIMENSION, generator=generator(seed))
    return PartialFC(centres, sampled=sampled, scale=16.0, margin=0.3)


def plain_loss(embedded: Tensor, centres: Tensor) -> Tensor:
    """CosFace over all classes, written without our code."""
    cosines = embedded @ (centres / centres.norm(dim=1, keepdim=True)).T
    return F.cross_entropy(16.0 * (cosines - 0.3 * F.one_hot(LABELS, CLASSES)), LABELS)


def test_all_classes_sampled_is_plain_softmax_with_margin() -> None:
    full = layer(1.0)
    weights = full.centres.clone().requires_grad_(True)
    ours, theirs = (vectors().requires_grad_(True) for _ in range(2))
    loss, expected = full.loss(ours, LABELS, generator()), plain_loss(theirs, weights)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.autograd.backward(loss)
    torch.autograd.backward(expected)
    assert ours.grad is not None and theirs.grad is not None and weights.grad is not None
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)
    before = full.centres.clone()
    full.step(0.5)
    assert torch.allclose(full.centres, F.normalize(before - 0.5 * weights.grad), atol=1e-6)


def test_centres_are_brought_to_unit_length_and_stay_there() -> None:
    part = layer(0.5)
    assert torch.allclose(part.centres.norm(dim=1), torch.ones(CLASSES), atol=1e-6)
    for seed in range(5):
        torch.autograd.backward(part.loss(vectors(seed).requires_grad_(True), LABELS, generator(seed)))
        part.step(1.0)
    assert torch.allclose(part.centres.norm(dim=1), torch.ones(CLASSES), atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(
    sampled=st.floats(0.001, 1),
    labels=st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=60),
    seed=st.integers(0, 1000),
)
def test_the_batch_s_own_classes_always_take_part(sampled: float, labels: list[int], seed: int) -> None:
    given_labels = torch.tensor(labels)
    rows, targets = layer(sampled).choose(given_labels, generator(seed))
    assert torch.equal(rows[targets], given_labels)
    assert torch.equal(rows, rows.unique())
    assert len(rows) == max(int(CLASSES * sampled), 1, len(set(labels)))


def test_the_others_are_chosen_evenly_and_anew_each_time() -> None:
    part, drawn = layer(0.3), generator()
    counts = torch.zeros(CLASSES)
    for _ in range(600):
        counts[part.choose(LABELS, drawn)[0]] += 1
    own = LABELS.unique()
    assert (counts[own] == 600).all()
    others = torch.ones(CLASSES, dtype=torch.bool)
    others[own] = False
    # Eight of 36 places for other classes: 133 times each, give or take five standard deviations.
    assert counts[others].min() > 82
    assert counts[others].max() < 185


def test_rows_that_took_no_part_are_left_alone_and_the_others_move() -> None:
    part = layer(0.3)
    before = part.centres.clone()
    rows, _ = part.choose(LABELS, generator(7))
    torch.autograd.backward(part.loss(vectors().requires_grad_(True), LABELS, generator(7)))
    part.step(1.0)
    moved = (part.centres != before).any(dim=1).nonzero().flatten()
    assert torch.equal(moved, rows)


def test_a_step_brings_a_centre_nearer_to_its_own_vectors() -> None:
    part = layer(0.3)
    embedded = vectors()
    before = (embedded * part.centres[LABELS]).sum(dim=1)
    torch.autograd.backward(part.loss(embedded.clone().requires_grad_(True), LABELS, generator()))
    part.step(0.5)
    assert ((embedded * part.centres[LABELS]).sum(dim=1) > before).float().mean() > 0.7


def test_a_step_without_a_gradient_is_refused() -> None:
    part = layer(0.3)
    with pytest.raises(RuntimeError, match=r"loss\(\)"):
        part.step(1.0)
    loss = part.loss(vectors().requires_grad_(True), LABELS, generator())
    with pytest.raises(RuntimeError, match=r"backward\(\)"):
        part.step(1.0)
    torch.autograd.backward(loss)
    part.step(1.0)
    with pytest.raises(RuntimeError, match=r"loss\(\)"):
        part.step(1.0)
