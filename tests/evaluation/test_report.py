from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from docdex.errors import InvalidSetting
from docdex.evaluation import PairResult, PeerResult, TurnedResult, markdown_table


@pytest.fixture
def result() -> Callable[..., PeerResult]:
    """A result in which every figure is another one."""

    def make(peer: str = "ours", **changes: object) -> PeerResult:
        numbers = iter(range(1, 1000))

        def share() -> float:
            return next(numbers) / 1000

        def rates(*names: str) -> dict[str, float | None]:
            return {name: share() for name in names}

        made = PeerResult(
            peer=peer,
            types=3,
            strangers=9,
            rank1={"flat": rates("cards", "forms", "mean"), "stress": rates("cards", "forms", "mean")},
            dir={"flat": rates("0.1", "0.03", "0.01"), "stress": rates("0.1", "0.03", "0.01")},
            pairs={
                "flat": {"all": PairResult(rates("1e-4", "1e-3", "1e-2"), share())},
                "stress": {"all": PairResult(rates("1e-4", "1e-3", "1e-2"), share())},
            },
            turned=TurnedResult(
                rates("cards", "mean"), rates("0.1", "0.03", "0.01"), rates("0.1", "0.03", "0.01")
            ),
        )
        return msgspec.structs.replace(made, **changes)

    return make


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_the_summary_has_the_five_figures_that_peers_are_judged_by(result: Callable[..., PeerResult]) -> None:
    heads, rule, row = cells(markdown_table([result()]))
    assert dict(zip(heads, row, strict=True)) == {
        "recogniser": "`ours`",
        "rank-1 flat": "0.003",
        "rank-1 stress": "0.006",
        "DIR at FPIR 0.1, stress": "0.010",
        "TPR at per-pair FPR 1e-4, flat": "0.013",
        "TPR at per-pair FPR 1e-3, stress": "0.018",
    }
    assert rule == ["---", *["---:"] * 5]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("sets", ["`ours`", "0.001 0.004", "0.002 0.005", "0.003 0.006"]),
        ("identification", ["`ours`", "3", "9", "0.007", "0.008", "0.009", "0.010", "0.011", "0.012"]),
        ("verification", ["`ours`", *(f"0.0{n}" for n in range(13, 21))]),
        ("turned", ["`ours`", *(f"0.0{n}" for n in range(22, 29))]),
    ],
)
def test_every_table_shows_every_figure_once(
    table: str, row: list[str], result: Callable[..., PeerResult]
) -> None:
    heads, _, found = cells(markdown_table([result()], table))
    assert found == row
    assert len(heads) == len(set(heads)) == len(row)


def test_peers_stand_in_the_order_of_the_results(result: Callable[..., PeerResult]) -> None:
    rows = cells(markdown_table([result("b"), result("a"), result("c")]))
    assert [row[0] for row in rows[2:]] == ["`b`", "`a`", "`c`"]


def test_what_was_not_measured_is_a_dash_and_never_zero(result: Callable[..., PeerResult]) -> None:
    nothing: dict[str, float | None] = {"0.1": None, "0.03": None, "0.01": 0.0}
    row = cells(markdown_table([result(dir={"flat": nothing, "stress": nothing})], "identification"))[2]
    assert row == ["`ours`", "3", "9", "–", "–", "0.000", "–", "–", "0.000"]


def test_a_set_that_only_one_peer_has_is_a_dash_for_the_others(result: Callable[..., PeerResult]) -> None:
    more = result(
        "more", rank1={"flat": {"cards": 0.5, "covers": 0.6, "mean": 0.55}, "stress": {"mean": None}}
    )
    heads, _, first, second = cells(markdown_table([result(), more], "sets"))
    assert heads == ["recogniser", "cards", "forms", "mean", "covers"]
    assert first[-1] == "–"
    assert second[1:] == ["0.500 –", "–", "0.550 –", "0.600 –"]


def test_an_unknown_table_is_refused(result: Callable[..., PeerResult]) -> None:
    with pytest.raises(InvalidSetting, match="No table nosuch: choose from summary, sets, "):
        markdown_table([result()], "nosuch")


def test_no_results_make_an_empty_table() -> None:
    assert markdown_table([]) == "| recogniser |\n| --- |"
