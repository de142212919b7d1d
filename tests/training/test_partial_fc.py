from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from docdex.errors import TrainingError
from docdex.training.margins import ArcFace, CosFace
from docdex.training.partial_fc import PartialFC

CLASSES, DIMENSION = 40, 6
LABELS = torch.tensor([3, 3, 17, 0, 39])


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def directions(*shape: int, seed: int) -> Tensor:
    drawn = torch.randn(*shape, DIMENSION, generator=torch.Generator().manual_seed(seed))
    return F.normalize(drawn, dim=-1)


def vectors(seed: int = 1) -> Tensor:
    return directions(len(LABELS), seed=seed)


def layer(sampled: float, seed: int = 2) -> PartialFC:
    return PartialFC(directions(CLASSES, seed=seed), sampled=sampled, margin=CosFace(16.0, 0.3))


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


def test_centres_of_unit_length_stay_there() -> None:
    part = layer(0.5)
    for seed in range(5):
        torch.autograd.backward(part.loss(vectors(seed).requires_grad_(True), LABELS, generator(seed)))
        part.step(1.0)
    assert torch.allclose(part.centres.norm(dim=1), torch.ones(CLASSES), atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(
    sampled=st.floats(0.001, 1) | st.integers(2, 2 * CLASSES),
    labels=st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=60),
    seed=st.integers(0, 1000),
)
def test_the_batch_s_own_classes_always_take_part(sampled: float, labels: list[int], seed: int) -> None:
    given_labels = torch.tensor(labels)
    rows, targets = layer(sampled).choose(given_labels, generator(seed))
    assert torch.equal(rows[targets], given_labels)
    assert torch.equal(rows, rows.unique())
    wanted = int(CLASSES * sampled) if sampled <= 1 else min(int(sampled), CLASSES)
    assert len(rows) == max(wanted, 1, len(set(labels)))


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


def test_negatives_are_chosen_without_a_look_at_every_class() -> None:
    """A layer of a thousand million classes: anything that walked them would run out of memory or time."""
    part = layer(1.0)
    part.classes, part.count = 10**9, 8192
    rows, targets = part.choose(torch.tensor([5, 999_999_999]), generator())
    assert len(rows) == 8192
    assert rows[targets].tolist() == [5, 999_999_999]


@pytest.mark.parametrize("label", [-1, CLASSES])
def test_a_label_that_is_no_class_is_refused(label: int) -> None:
    with pytest.raises(TrainingError, match=f"Label {label}: the classes are 0 to 39"):
        layer(0.5).loss(vectors()[:1], torch.tensor([label]), generator())


def test_a_layer_of_other_centres_than_its_block_is_refused() -> None:
    with pytest.raises(TrainingError, match="holds 41 of 41 centres; it was given 40"):
        PartialFC(directions(CLASSES, seed=2), sampled=1.0, margin=CosFace(), classes=CLASSES + 1)


def test_the_nearest_sub_centre_counts_and_it_alone_learns_of_its_class() -> None:
    centres = directions(CLASSES, 3, seed=5)
    part = PartialFC(centres.clone(), sampled=1.0, margin=ArcFace(16.0, 0.3))
    embedded, labels = vectors()[:1], LABELS[:1]
    nearest = (centres @ embedded[0]).argmax(dim=1)
    single = PartialFC(centres[torch.arange(CLASSES), nearest], sampled=1.0, margin=ArcFace(16.0, 0.3))
    loss = part.loss(embedded.clone().requires_grad_(True), labels, generator())
    expected = single.loss(embedded, labels, generator())
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    torch.autograd.backward(loss)
    part.step(0.5)
    moved = ((part.centres - centres).abs() > 1e-6).any(dim=2)
    assert torch.equal(moved, F.one_hot(nearest, 3).bool() & moved)
    assert moved[labels, nearest[labels]].all()
    assert torch.allclose(part.centres.norm(dim=2), torch.ones(CLASSES, 3), atol=1e-6)
