from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from docdex.training.margins import cosface


def cosines(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(("scale", "margin"), [(32.0, 0.35), (1.0, 0.0), (64.0, 0.5)])
def test_the_loss_is_that_of_the_paper(scale: float, margin: float) -> None:
    """Equation 4 of arXiv 1801.09414, written out in numpy."""
    given, targets = cosines(7, 5), torch.tensor([0, 4, 2, 2, 1, 3, 0])
    rows = given.double().numpy()
    expected = []
    for row, target in zip(rows, targets.tolist(), strict=True):
        own = np.exp(scale * (row[target] - margin))
        others = sum(np.exp(scale * row[other]) for other in range(5) if other != target)
        expected.append(-np.log(own / (own + others)))
    loss = F.cross_entropy(cosface(given, targets, scale=scale, margin=margin), targets)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)


def test_only_the_true_class_pays_the_margin() -> None:
    given, targets = cosines(6, 4), torch.tensor([3, 2, 1, 0, 1, 2])
    penalty = given * 10 - cosface(given, targets, scale=10.0, margin=0.25)
    assert torch.allclose(penalty, F.one_hot(targets, 4) * 2.5, atol=1e-5)


def test_the_gradient_is_that_of_the_function() -> None:
    targets = torch.tensor([1, 0, 2])

    def loss(given: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(cosface(given, targets, scale=4.0, margin=0.35), targets)

    given = (cosines(3, 3) * 0.9).requires_grad_(True)
    torch.autograd.backward(loss(given))
    assert given.grad is not None
    for row in range(3):
        for column in range(3):
            step = torch.zeros(3, 3)
            step[row, column] = 1e-2
            slope = (loss(given.detach() + step) - loss(given.detach() - step)) / 2e-2
            assert float(given.grad[row, column]) == pytest.approx(float(slope), abs=2e-3)


def test_a_margin_makes_a_right_answer_cost_more() -> None:
    given, targets = torch.eye(4), torch.arange(4)
    plain, asked = (
        float(F.cross_entropy(cosface(given, targets, scale=8.0, margin=margin), targets))
        for margin in (0.0, 0.35)
    )
    assert asked > plain


def test_cosines_a_rounding_error_beyond_one_are_taken_for_one_and_half_precision_is_widened() -> None:
    beyond = torch.tensor([[1.0000002, -1.0000002]])
    logits = cosface(beyond, torch.tensor([0]), scale=2.0, margin=0.5)
    assert logits.tolist() == [[1.0, -2.0]]
    assert cosface(beyond.half(), torch.tensor([0]), scale=2.0, margin=0.5).dtype == torch.float32
