from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")
pytest.importorskip("scipy", reason="needs the extra `study`")

from docdex.study import Study, read_config
from docdex.study.cells import Part
from docdex.study.config import VariantConfig
from docdex.study.findings import check_findings
from docdex.study.intervals import figure, pool
from docdex.study.published import PUBLISHED
from docdex.study.record import Finding, Row
from docdex.study.tables import Table, make_tables

Tiny = Callable[..., Path]
LABELS = ("World", "Sports", "Business", "Sci/Tech")


def row(part: Part, loss: str, of: str = "", **values: list[float | None]) -> Row:
    figures = {name.replace("_", " "): figure(each) for name, each in values.items()}
    seeds = tuple(range(max(map(len, values.values()))))
    return Row(part, of, loss, 0.1, seeds, figures, 40, 9, 2.0, 1.5, 300.0, 20.0)


@pytest.fixture
def study(tiny_study: Tiny) -> Study:
    """Of AG_NEWS, with nothing measured."""
    config = msgspec.structs.replace(read_config(tiny_study()), published="ag_news")
    return Study(config, "0", dict.fromkeys(LABELS, (10, 5)), 0, ())


def found(study: Study, *rows: Row) -> dict[str, Finding]:
    checked = check_findings(msgspec.structs.replace(study, rows=rows))
    return {each.finding: each for each in checked.findings}


COHESIVE = "With few classes metric learning is more cohesive"


@pytest.mark.parametrize(
    ("metric", "verdict"),
    [
        ([0.6, 0.7, 0.65], "reproduced"),
        ([0.3, 0.2, 0.25], "not reproduced"),
        ([0.3, 0.9, 0.5], "not reproduced"),
    ],
    ids=["as published", "the other way round", "undecided"],
)
def test_a_difference_is_reproduced_if_its_interval_lies_on_the_published_side(
    study: Study, metric: list[float | None], verdict: str
) -> None:
    classifier: list[float | None] = [0.4, 0.4, 0.42]
    given = found(
        study, row("base", "cross-entropy", cohesion=classifier), row("base", "triplet", cohesion=metric)
    )
    assert given[COHESIVE].verdict == verdict
    assert given[COHESIVE].published == "0.64 against 0.41"


def test_seeds_are_compared_one_by_one(study: Study) -> None:
    """Seeds differ more than the sides do, and always the same way."""
    given = found(
        study,
        row("base", "cross-entropy", cohesion=[0.1, 0.5, 0.9]),
        row("base", "triplet", cohesion=[0.12, 0.519, 0.921]),
    )
    assert given[COHESIVE].verdict == "reproduced"
    assert "+0.020" in given[COHESIVE].ours


@pytest.mark.parametrize(
    ("metric", "verdict"), [([0.9, 0.901, 0.899], "reproduced"), ([0.8, 0.801, 0.799], "not reproduced")]
)
def test_sides_are_equal_if_the_interval_lies_within_two_hundredths(
    study: Study, metric: list[float | None], verdict: str
) -> None:
    given = found(
        study, row("base", "cross-entropy", centroid=[0.9, 0.9, 0.9]), row("base", "triplet", centroid=metric)
    )
    assert given["Overall the two are about equal"].verdict == verdict


def test_what_was_not_measured_is_not_testable_here(study: Study) -> None:
    verdicts = {each.verdict for each in found(study).values()}
    assert verdicts == {"not testable here"}
    one = found(study, row("base", "cross-entropy", cohesion=[0.4]), row("base", "triplet", cohesion=[0.5]))
    assert one[COHESIVE].verdict == "not testable here"


def test_imbalance_is_judged_over_all_classes_in_turn(study: Study) -> None:
    rows = []
    for label in LABELS:
        of = f"{label} at 10 %"
        rows.append(
            row("imbalance", "cross-entropy", of, group_cohesion=[0.4, 0.4], group_to_others=[0.5, 0.5])
        )
        rows.append(row("imbalance", "triplet", of, group_cohesion=[0.5, 0.51], group_to_others=[0.6, 0.61]))
    given = found(study, *rows)
    assert given["A class cut to 10 % is more cohesive in metric learning"].verdict == "reproduced"
    assert given["It is farther from the other classes"].verdict == "not reproduced"
    short = found(study, *rows[:-1])
    assert short["A class cut to 10 % is more cohesive in metric learning"].verdict == "not testable here"


def test_a_finding_is_checked_again_where_an_open_point_is_decided_otherwise(study: Study) -> None:
    variants = (VariantConfig("sgd", {"optim": {"optimiser": "sgd"}}), VariantConfig("far", {}))
    config = msgspec.structs.replace(study.config, variants=variants)
    given = found(
        msgspec.structs.replace(study, config=config),
        row("base", "cross-entropy", cohesion=[0.6, 0.6]),
        row("base", "triplet", cohesion=[0.5, 0.5]),
        row("variants", "cross-entropy", "sgd", cohesion=[0.4, 0.41]),
        row("variants", "triplet", "sgd", cohesion=[0.7, 0.71]),
        row("variants", "triplet", "far", cohesion=[0.7, 0.71]),
    )
    assert given[COHESIVE].verdict == "not reproduced"
    assert given[f"{COHESIVE}: sgd"].verdict == "reproduced"
    assert given[f"{COHESIVE}: far"].verdict == "reproduced"
    assert "0.705 against 0.600" in given[f"{COHESIVE}: far"].ours


def test_many_classes_and_transfer_have_findings_of_their_own(study: Study) -> None:
    config = msgspec.structs.replace(study.config, published="dbpedia_classes")
    given = found(
        msgspec.structs.replace(study, config=config),
        row("base", "cross-entropy", cohesion=[0.79, 0.8]),
        row("base", "triplet", cohesion=[0.7, 0.71]),
    )
    assert given["With many classes classification is more cohesive"].verdict == "reproduced"
    assert given["What metric learning learned transfers better to AG_NEWS"].verdict == "not testable here"


def test_texts_of_which_nothing_was_published_have_no_findings(study: Study) -> None:
    own = msgspec.structs.replace(study, config=msgspec.structs.replace(study.config, published=None))
    assert check_findings(own).findings == ()


def test_an_interval_is_students_t_and_a_single_seed_has_none() -> None:
    given = figure([1.0, 2.0, 3.0, None])
    assert given.mean == 2
    assert given.low == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-5)
    assert figure([1.0]).low is None
    assert figure([None]).mean is None


def test_pooled_questions_are_averaged_seed_by_seed() -> None:
    one = row("imbalance", "triplet", "a at 10 %", centroid=[0.1, 0.2], classifier=[0.5, None])
    other = row("imbalance", "triplet", "b at 10 %", centroid=[0.3, 0.6], classifier=[0.5, 0.5])
    both = pool([one, other], "10 %")
    assert both.of == "10 %"
    assert both.figures["centroid"].values == (0.2, 0.4)
    assert both.figures["classifier"].values == (0.5, None)


def tables_of(study: Study) -> dict[str, Table]:
    return {table.name: table for table in make_tables(study)}


def test_published_figures_stand_in_the_same_tables_as_ours(study: Study) -> None:
    values = {f"cohesion_of_{label}": [0.5, 0.52] for label in LABELS}
    rows = [row("base", loss, cohesion=[0.4, 0.44], **values) for loss in ("cross-entropy", "triplet")]  # type: ignore[arg-type]
    rows = [msgspec.structs.replace(each, cohesions=dict.fromkeys(LABELS, 0.51)) for each in rows]
    tables = tables_of(msgspec.structs.replace(study, rows=tuple(rows)))
    losses = {line[0]: line for line in tables["losses"].rows}
    assert losses["`triplet`"][2].startswith("0.420 ±")
    assert losses["*published metric learning*"][2] == "0.64"
    cohesion = {line[0]: line[1:] for line in tables["cohesion"].rows}
    assert cohesion["*published classification*"] == ["0.44", "0.52", "0.38", "0.28", "0.41"]
    assert cohesion["`triplet`"][0].startswith("0.510 ±")
    assert tables["texts"].rows[1] == ["published", "120,000", "7,600", "4", "–"]
    for table in tables.values():
        assert {len(line) for line in table.rows} == {len(table.heads)}


def test_cohesion_over_many_classes_is_a_distribution_beside_the_published_one(study: Study) -> None:
    config = msgspec.structs.replace(study.config, published="dbpedia_classes")
    many = {f"class {number}": number / 100 for number in range(1, 101)}
    rows = (msgspec.structs.replace(row("base", "triplet", cohesion=[0.5]), cohesions=many),)
    sizes = dict.fromkeys(many, (10, 5))
    tables = tables_of(msgspec.structs.replace(study, config=config, sizes=sizes, rows=rows))
    lines = {line[0]: line[1:] for line in tables["cohesion"].rows}
    assert lines["`triplet`"] == ["0.51", "0.29", "0.01", "0.26", "0.51", "0.75", "1.00"]
    assert lines["*published metric learning*"] == ["0.71", "0.09", "0.38", "0.66", "0.73", "0.78", "0.89"]


def test_a_figure_that_a_seed_lacks_is_a_dash(study: Study) -> None:
    rows = (row("base", "cross-entropy", centroid=[0.4, None]), row("base", "triplet", centroid=[0.4, 0.5]))
    lines = tables_of(msgspec.structs.replace(study, rows=rows))["losses"].rows
    assert [line[2] for line in lines[:2]] == ["–", "0.450 ±0.635"]


def test_the_published_tables_add_up() -> None:
    of = PUBLISHED["ag_news"]
    for side in (of.classifier, of.metric):
        assert side.by_class is not None
        assert sum(side.by_class.values()) / 4 == pytest.approx(side.mean, abs=0.006)
