"""A sparse optimiser is right when a dense one, given zeros for the rows that took no part, ends the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from torch import Tensor

from docdex.errors import InvalidSetting
from docdex.training.optim import RowAdamW, RowDescent, RowMomentum, RowOptimiser

ROWS, WIDTH, STEPS = 12, 5, 120
Make = Callable[[], RowOptimiser]


def tables(*names: str, shape: tuple[int, ...] = (ROWS, WIDTH)) -> dict[str, Tensor]:
    return {
        **{name: torch.zeros(shape) for name in names},
        "touched": torch.zeros(shape[0], dtype=torch.int64),
    }


def momentum(decay: float = 0.3, share: float = 0.9) -> RowMomentum:
    return RowMomentum(tables("momentum"), momentum=share, decay=decay)


def adamw(decay: float = 0.3) -> RowAdamW:
    return RowAdamW(tables("first", "second"), decay=decay)


def rate(step: int) -> float:
    """Warms up and falls, as in a run: what a row missed depends on when."""
    return 0.02 * min(1.0, (step + 1) / 10) * (1 - step / (2 * STEPS))


def starting_centres() -> Tensor:
    return torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(0))


def drawn_steps() -> list[tuple[Tensor, Tensor]]:
    """Rows and gradients of each step: one row always, most rarely, one once and early, one never."""
    rng = np.random.default_rng(1)
    steps = []
    for step in range(STEPS):
        rare = rng.choice(np.arange(3, ROWS), rng.integers(0, 3), replace=False)
        rows = [] if step % 17 == 5 else sorted({0, *rare.tolist(), *([1] if step == 2 else [])} - {2})
        steps.append(
            (torch.tensor(rows, dtype=torch.int64), torch.from_numpy(rng.normal(size=(len(rows), WIDTH))))
        )
    return [(rows, gradient.float()) for rows, gradient in steps]


def run(
    optimiser: RowOptimiser, steps: list[tuple[Tensor, Tensor]], centres: Tensor, first: int = 0
) -> Tensor:
    for number, (rows, gradient) in enumerate(steps, start=first):
        optimiser.step(centres, optimiser.take(centres, rows), gradient, rate(number))
    return optimiser.take(centres, torch.arange(ROWS)).values


def run_dense(make: Callable[[Tensor], torch.optim.Optimizer], decay: float) -> Tensor:
    weights = starting_centres().requires_grad_(True)
    optimiser = make(weights)
    for number, (rows, gradient) in enumerate(drawn_steps()):
        weights.grad = torch.zeros_like(weights)
        weights.grad[rows] = gradient
        optimiser.param_groups[0]["lr"] = rate(number)
        with torch.no_grad():
            weights.mul_(1 - rate(number) * decay)
        optimiser.step()
    return weights.detach()


@pytest.mark.parametrize("share", [0.9, 0.0, 0.5])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_momentum_ends_where_dense_momentum_would(share: float, decay: float) -> None:
    dense = run_dense(lambda weights: torch.optim.SGD([weights], lr=1.0, momentum=share), decay)
    assert torch.allclose(run(momentum(decay, share), drawn_steps(), starting_centres()), dense, atol=1e-5)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adamw_ends_where_dense_adamw_would(decay: float) -> None:
    dense = run_dense(lambda weights: torch.optim.AdamW([weights], lr=1.0, weight_decay=0.0), decay)
    assert torch.allclose(run(adamw(decay), drawn_steps(), starting_centres()), dense, atol=1e-5)


def test_a_row_untouched_for_long_has_decayed_by_every_rate_it_missed() -> None:
    optimiser, centres = momentum(decay=0.3), starting_centres()
    ended = run(optimiser, [(torch.tensor([0]), torch.ones(1, WIDTH))] * 2000, centres.clone())
    expected = np.prod([1 - rate(step) * 0.3 for step in range(2000)])
    assert torch.allclose(ended[5], centres[5] * expected, rtol=1e-4)


@pytest.mark.parametrize("make", [momentum, adamw, RowDescent])
def test_rows_that_take_no_part_are_not_written(make: Make) -> None:
    optimiser, centres = make(), starting_centres()
    rows = torch.tensor([1, 4])
    run(optimiser, [(rows, torch.ones(2, WIDTH))] * 3, centres)
    others = [row for row in range(ROWS) if row not in (1, 4)]
    assert torch.equal(centres[others], starting_centres()[others])
    for table in optimiser.tables.values():
        assert not table[others].any()
        assert table[rows].any()


@pytest.mark.parametrize("make", [momentum, adamw, RowDescent])
def test_taking_a_row_changes_nothing(make: Make) -> None:
    optimiser, centres = make(), starting_centres()
    run(optimiser, drawn_steps()[:9], centres)
    before = [table.clone() for table in (centres, *optimiser.tables.values())]
    one, other = (optimiser.take(centres, torch.arange(ROWS)) for _ in range(2))
    assert torch.equal(one.values, other.values)
    assert all(map(torch.equal, one.moments, other.moments))
    assert all(map(torch.equal, before, (centres, *optimiser.tables.values())))


@pytest.mark.parametrize("make", [momentum, adamw, RowDescent])
def test_stopped_and_taken_up_again_it_goes_on_to_the_same_bits(make: Make) -> None:
    steps, whole = drawn_steps(), starting_centres()
    run(make(), steps, whole)
    before, after, halves = make(), make(), starting_centres()
    run(before, steps[:50], halves)
    after.load_state(before.state())
    for name, table in before.tables.items():
        after.tables[name].copy_(table)
    run(after, steps[50:], halves, first=50)
    assert torch.equal(halves, whole)


@pytest.mark.parametrize("make", [momentum, adamw])
def test_a_rate_whose_decay_would_turn_centres_round_is_refused(make: Make) -> None:
    optimiser, centres, rows = make(), starting_centres(), torch.tensor([0])
    with pytest.raises(InvalidSetting, match=r"rate of 4 times a decay of 0\.3 is 1\.2"):
        optimiser.step(centres, optimiser.take(centres, rows), torch.zeros(1, WIDTH), 4.0)


def test_descent_keeps_unit_length_of_each_sub_centre() -> None:
    centres = torch.nn.functional.normalize(torch.randn(ROWS, 3, WIDTH), dim=-1)
    optimiser, rows = RowDescent(), torch.tensor([2, 3])
    optimiser.step(centres, optimiser.take(centres, rows), torch.randn(2, 3, WIDTH), 0.7)
    assert torch.allclose(centres.norm(dim=-1), torch.ones(ROWS, 3), atol=1e-6)


@pytest.mark.parametrize("make", [RowMomentum, RowAdamW])
def test_sub_centres_learn_as_so_many_centres(make: type[RowMomentum | RowAdamW]) -> None:
    names = ("momentum",) if make is RowMomentum else ("first", "second")
    deep, flat = (
        make(tables(*names, shape=(ROWS, 3, WIDTH)), decay=0.3),
        make(tables(*names, shape=(ROWS, 3 * WIDTH)), decay=0.3),
    )
    one, other = torch.randn(ROWS, 3, WIDTH), torch.empty(ROWS, 3 * WIDTH)
    other.copy_(one.flatten(1))
    for step in range(5):
        rows, gradient = torch.tensor([step, 7]), torch.randn(2, 3, WIDTH)
        deep.step(one, deep.take(one, rows), gradient, 0.1)
        flat.step(other, flat.take(other, rows), gradient.flatten(1), 0.1)
    assert torch.equal(one.flatten(1), other)
