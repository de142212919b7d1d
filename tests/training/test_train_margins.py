from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from hypothesis import given
from hypothesis import strategies as st

from docdex.training.margins import ArcFace, Combined, CosFace, Softmax, nearest_subcentres

LOSSES = [
    Softmax(16.0),
    CosFace(32.0, 0.35),
    CosFace(1.0, 0.0),
    ArcFace(64.0, 0.5),
    Combined(32.0, 1.0, 0.3, 0.2),
    Combined(16.0, 1.35, 0.2, 0.1),
]


def cosines(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def asked(loss: Softmax, cosine: float) -> float:
    """What each paper makes of the cosine to the true class, by angles, in plain floating point."""
    turning, angle, taken = 1.0, 0.0, 0.0
    if isinstance(loss, CosFace):
        taken = loss.margin
    if isinstance(loss, ArcFace):
        angle = loss.margin
    if isinstance(loss, Combined):
        turning, angle, taken = loss.turning, loss.angle, loss.cosine
    return math.cos(turning * math.acos(cosine) + angle) - taken


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_loss_is_that_of_the_paper(loss: Softmax) -> None:
    """-log of e^(s own) over itself and the others' e^(s cos), written out in numpy."""
    given, targets = cosines(7, 5), torch.tensor([0, 4, 2, 2, 1, 3, 0])
    given[torch.arange(7), targets] = torch.linspace(-0.4, 0.99, 7)  # where the curves are the papers'
    rows = given.double().numpy()
    expected = []
    for row, target in zip(rows, targets.tolist(), strict=True):
        own = np.exp(loss.scale * asked(loss, float(row[target])))
        others = sum(np.exp(loss.scale * row[other]) for other in range(5) if other != target)
        expected.append(-np.log(own / (own + others)))
    assert float(F.cross_entropy(loss.logits(given, targets), targets)) == pytest.approx(
        np.mean(expected), rel=1e-5
    )


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_only_the_true_class_pays_the_margin(loss: Softmax) -> None:
    given, targets = cosines(6, 4), torch.tensor([3, 2, 1, 0, 1, 2])
    penalty = given * loss.scale - loss.logits(given, targets)
    others = ~F.one_hot(targets, 4).bool()
    assert torch.equal(penalty[others], torch.zeros(18))
    assert torch.allclose(loss.own(given[~others]) * loss.scale, loss.logits(given, targets)[~others])


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_row_whose_class_is_elsewhere_pays_nothing(loss: Softmax) -> None:
    given = cosines(3, 4)
    assert torch.equal(loss.logits(given, torch.tensor([-1, 2, -1]))[[0, 2]], given[[0, 2]] * loss.scale)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_gradient_is_that_of_the_function(loss: Softmax) -> None:
    targets = torch.tensor([1, 0, 2, 0])
    given = (cosines(4, 3, seed=4).double() * 0.95).requires_grad_(True)
    given.data[3, 0] = -0.97  # beyond pi - m

    def cross_entropy(values: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(loss.logits(values, targets), targets)

    assert torch.autograd.gradcheck(cross_entropy, (given,))


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_nearer_to_its_class_is_never_worse_up_to_the_very_ends(loss: Softmax) -> None:
    """The curve cos(angle + m) alone rises again beyond pi - m: there it would push vectors away."""
    line = torch.linspace(-1, 1, 4001, dtype=torch.float64, requires_grad=True)
    own = loss.own(line)
    assert (own.diff() > 0).all()
    assert own.diff().max() < 0.1  # no jump where one curve becomes the other
    (slope,) = torch.autograd.grad(own.sum(), line)
    assert slope.isfinite().all()


@given(cosine=st.floats(-1, 1), margin=st.floats(0, 1.4))
def test_the_combined_margin_holds_the_other_two(cosine: float, margin: float) -> None:
    given = torch.tensor([cosine], dtype=torch.float64)
    arc, cos = ArcFace(margin=margin), CosFace(margin=margin)
    assert torch.allclose(Combined(1.0, 1.0, margin, 0.0).own(given), arc.own(given), atol=1e-5)
    assert torch.allclose(Combined(1.0, 1.0, 0.0, margin).own(given), cos.own(given), atol=1e-5)


@pytest.mark.parametrize("loss", [CosFace(8.0), ArcFace(8.0), Combined(8.0)], ids=repr)
def test_a_margin_makes_a_right_answer_cost_more(loss: Softmax) -> None:
    given, targets = torch.eye(4), torch.arange(4)
    plain = F.cross_entropy(Softmax(8.0).logits(given, targets), targets)
    assert F.cross_entropy(loss.logits(given, targets), targets) > plain


def test_cosines_a_rounding_error_beyond_one_are_taken_for_one_and_half_precision_is_widened() -> None:
    beyond = torch.tensor([[1.0000002, -1.0000002]])
    loss = CosFace(2.0, 0.5)
    assert loss.logits(beyond, torch.tensor([0])).tolist() == [[1.0, -2.0]]
    assert loss.logits(beyond.half(), torch.tensor([0])).dtype == torch.float32


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_vector_on_another_class_s_centre_is_pushed_away(loss: Softmax) -> None:
    given = torch.tensor([[1.0000002, 0.99]], requires_grad=True)
    torch.autograd.backward(F.cross_entropy(loss.logits(given, torch.tensor([1])), torch.tensor([1])))
    assert given.grad is not None
    assert given.grad[0, 0] > 0.1


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_gradients_are_numbers_where_a_vector_lies_on_its_centre_or_opposite(loss: Softmax) -> None:
    given = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    torch.autograd.backward(F.cross_entropy(loss.logits(given, torch.tensor([0, 0])), torch.tensor([0, 0])))
    assert given.grad is not None
    assert given.grad.isfinite().all()


def test_a_class_is_as_near_as_its_nearest_sub_centre() -> None:
    given = torch.tensor([[[0.1, 0.9], [0.3, -0.5]]])
    assert nearest_subcentres(given).tolist() == [[pytest.approx(0.9), pytest.approx(0.3)]]
