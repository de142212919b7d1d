from __future__ import annotations

import json

import pytest
from running import Draw, Run

pytestmark = pytest.mark.usefixtures("three")


@pytest.fixture
def three(dex: Run, draw: Draw) -> None:
    """A gallery of three samples."""
    dex("register", "claim/acme", draw("1.png", 1), draw("2.png", 2))
    dex("register", "id", draw("3.png", 3))


def test_labels_are_listed_with_their_samples(run: Run) -> None:
    assert run("list").stdout == "claim/acme\t2\nid\t1\n"
    said = [json.loads(line) for line in run("list --json").stdout.splitlines()]
    assert said == [{"label": "claim/acme", "samples": 2}, {"label": "id", "samples": 1}]


def test_a_label_shows_the_samples_below_it(run: Run) -> None:
    rows = [line.split("\t") for line in run("show claim").stdout.splitlines()]
    assert sorted(row[1:4] for row in rows) == [["claim/acme", "1.png", "1"], ["claim/acme", "2.png", "1"]]
    said = [json.loads(line) for line in run("show claim --json").stdout.splitlines()]
    assert [sample["id"] for sample in said] == [row[0] for row in rows]
    assert set(said[0]) == {"id", "label", "digest", "source", "page", "time"}


def test_a_label_that_is_not_there_is_an_error_of_usage(run: Run) -> None:
    for line in ("show letter", "remove letter", "rename letter card"):
        assert "(unknown-label)" in run(line, code=2).stderr


def test_renaming_takes_along_what_is_below(run: Run) -> None:
    assert run("rename claim insurance/claim").stdout == "2 samples moved from claim to insurance/claim\n"
    assert run("list").stdout == "id\t1\ninsurance/claim/acme\t2\n"


def test_renaming_onto_samples_asks_for_merge(run: Run) -> None:
    assert "(label-taken)" in run("rename claim/acme id", code=1).stderr
    run("rename --merge claim/acme id")
    assert run("list").stdout == "id\t3\n"


def test_removing_takes_a_label_and_all_below_it(run: Run) -> None:
    assert run("remove claim").stdout == "2 samples removed\n"
    assert run("list").stdout == "id\t1\n"


def test_single_samples_are_removed_by_id(run: Run) -> None:
    sample = json.loads(run("show claim --json").stdout.splitlines()[0])["id"]
    assert run("remove --sample", sample).stdout == "1 sample removed\n"
    assert run("list").stdout == "claim/acme\t1\nid\t1\n"


def test_an_id_that_is_not_there_removes_nothing(run: Run) -> None:
    sample = json.loads(run("show id --json").stdout)["id"]
    assert "nothing was removed" in run("remove --sample nosuch --sample", sample, code=2).stderr
    assert run("list").stdout == "claim/acme\t2\nid\t1\n"


def test_an_id_that_is_no_text_is_an_error_of_usage(run: Run) -> None:
    assert "(invalid-setting)" in run("remove --sample", "\udcff", code=2).stderr


@pytest.mark.parametrize("line", ["remove", "remove id --sample x"])
def test_removing_wants_either_a_label_or_samples(run: Run, line: str) -> None:
    assert "Error: Give either" in run(line, code=2).stderr


def test_a_person_is_asked_before_a_label_goes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docdex.cli.labels.can_ask", lambda: True)
    assert "Remove 2 samples of 1 label?" in run("remove claim", code=1).stderr
    assert run("list").stdout == "claim/acme\t2\nid\t1\n"
    run("remove claim --yes")
    assert run("list").stdout == "id\t1\n"
