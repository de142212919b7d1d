from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from docdex.errors import InvalidSetting
from docdex.evaluation import (
    PairResult,
    PeerResult,
    TrainingCost,
    TurnedResult,
    markdown_table,
    standing_table,
)
from docdex.evaluation.results import Intervals, Lead, PairIntervals, TurnedIntervals


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


def with_intervals(result: PeerResult) -> PeerResult:
    """Every figure has an interval of a hundredth to either side."""

    def around(rate: float | None) -> tuple[float, float] | None:
        return None if rate is None else (rate - 0.01, rate + 0.01)

    def bounds(rates: dict[str, float | None]) -> dict[str, tuple[float, float] | None]:
        return {name: around(rate) for name, rate in rates.items()}

    intervals = Intervals(
        confidence=0.95,
        replicates=1000,
        rank1={capture: bounds(rates) for capture, rates in result.rank1.items()},
        dir={capture: bounds(rates) for capture, rates in result.dir.items()},
        pairs={
            capture: {name: PairIntervals(bounds(p.tpr), around(p.auroc)) for name, p in by_set.items()}
            for capture, by_set in result.pairs.items()
        },
        turned=TurnedIntervals(bounds(result.turned.rank1), bounds(result.turned.dir)),
        oscr={capture: around(area) for capture, area in result.oscr.items()},
    )
    return msgspec.structs.replace(result, intervals=intervals)


def test_the_summary_shows_intervals_where_they_were_measured(result: Callable[..., PeerResult]) -> None:
    made = with_intervals(result(oscr={"flat": 0.5, "stress": 0.4}))
    row = dict(zip(*(cells(markdown_table([made]))[n] for n in (0, 2)), strict=True))
    assert row == {
        "recogniser": "`ours`",
        "rank-1 flat": "0.003 (-0.007–0.013)",
        "rank-1 stress": "0.006 (-0.004–0.016)",
        "DIR at FPIR 0.1, stress": "0.010 (0.000–0.020)",
        "TPR at per-pair FPR 1e-4, flat": "0.013 (0.003–0.023)",
        "TPR at per-pair FPR 1e-3, stress": "0.018 (0.008–0.028)",
        "OSCR area, flat": "0.500 (0.490–0.510)",
        "OSCR area, stress": "0.400 (0.390–0.410)",
    }


@pytest.mark.parametrize("table", ["sets", "identification", "verification", "turned", "unsearched"])
def test_other_tables_in_markdown_stay_narrow(table: str, result: Callable[..., PeerResult]) -> None:
    made = result(unsearched={"90": {"flat": 0.1, "stress": None}})
    assert markdown_table([with_intervals(made)], table) == markdown_table([made], table)


def test_a_peer_without_intervals_of_pairs_has_its_other_intervals(
    result: Callable[..., PeerResult],
) -> None:
    made = with_intervals(result())
    assert made.intervals is not None
    made = msgspec.structs.replace(made, intervals=msgspec.structs.replace(made.intervals, pairs={}))
    row = cells(markdown_table([made]))[2]
    assert row[1] == "0.003 (-0.007–0.013)"
    assert row[4] == "0.013"


def test_turned_pages_without_search_have_a_table(result: Callable[..., PeerResult]) -> None:
    made = result(unsearched={"0": {"flat": 0.9, "stress": 0.8}, "90": {"flat": 0.1, "stress": None}})
    heads, _, row = cells(markdown_table([made], "unsearched"))
    assert heads == ["recogniser", "0°, flat", "0°, stress", "90°, flat", "90°, stress"]
    assert row == ["`ours`", "0.900", "0.800", "0.100", "–"]


def test_what_training_took_stands_beside_the_figures(result: Callable[..., PeerResult]) -> None:
    trained = result("docdex:one", cost=TrainingCost(12.34, 20.06, 98_765))
    heads, _, first, second = cells(markdown_table([trained, result("phash")], "trained"))
    assert first[:5] == ["`docdex:one`", "12.3", "20.1", "98,765", "0.003"]
    assert second[:5] == ["`phash`", "–", "–", "–", "0.003"]
    assert heads[4:] == cells(markdown_table([trained]))[0][1:]


def with_rank1(result: PeerResult, rate: float | None, bounds: tuple[float, float] | None) -> PeerResult:
    """Flat rank-1 and its interval, nothing else known."""
    rates = {"flat": {"mean": rate}, "stress": {"mean": None}}
    targets = ("1e-4", "1e-3")
    nothing = PairResult(dict.fromkeys(targets), None)
    intervals = Intervals(
        confidence=0.95,
        replicates=10,
        rank1={"flat": {"mean": bounds}, "stress": {}},
        dir={"flat": {}, "stress": {}},
        pairs={},
        turned=TurnedIntervals({}, {}),
        oscr={},
    )
    return msgspec.structs.replace(
        result,
        rank1=rates,
        dir={"flat": {"0.1": None}, "stress": {"0.1": None}},
        pairs={"flat": {"all": nothing}, "stress": {"all": nothing}},
        intervals=intervals,
    )


@pytest.mark.parametrize(
    ("rate", "bounds", "standing"),
    [
        (0.95, (0.94, 0.97), "ahead, apart"),
        (0.95, (0.93, 0.97), "ahead"),  # of the best apart, and not of the other
        (0.95, (0.92, 0.97), "ahead"),
        (0.95, None, "ahead"),
        (0.90, (0.80, 0.95), "level"),
        (0.88, (0.80, 0.95), "behind"),
        (0.80, (0.70, 0.86), "behind, apart"),
        (None, None, "–"),
    ],
)
def test_ahead_is_told_from_ahead_with_intervals_that_do_not_touch(
    result: Callable[..., PeerResult],
    rate: float | None,
    bounds: tuple[float, float] | None,
    standing: str,
) -> None:
    ours = with_rank1(result(), rate, bounds)
    # To be behind the best of the others counts, however wide the interval of another is.
    others = [with_rank1(result(), 0.9, (0.87, 0.92)), with_rank1(result(), 0.7, (0.1, 0.93))]
    heads, _, row = cells(standing_table([ours], [others[1], with_rank1(result(), None, None), others[0]]))
    assert dict(zip(heads, row, strict=True))["rank-1 flat"] == standing
    assert set(row[2:]) == {"–"}


def test_a_lead_shows_its_sign_and_its_own_interval(result: Callable[..., PeerResult]) -> None:
    other = with_rank1(result("docdex:other"), 0.90, (0.85, 0.95))
    ahead = with_rank1(result("docdex:one"), 0.92, (0.87, 0.97))
    difference = with_rank1(result(), 0.0, (-0.004, 0.0385)).intervals
    assert difference is not None
    ahead = msgspec.structs.replace(ahead, lead=Lead("docdex:other", difference))
    heads, _, *rows = cells(markdown_table([ahead, other], "lead"))
    assert heads[:4] == ["recogniser", "over", "rank-1 flat", "rank-1 stress"]
    assert [row[:4] for row in rows] == [["`docdex:one`", "docdex:other", "+0.020 (-0.004 to +0.038)", "–"]]
    # The other one's figures are needed for a difference.
    assert len(cells(markdown_table([ahead], "lead"))) == 2
