from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from running import Draw, Run

from docdex import models
from docdex.cli.demo import is_right
from docdex.contact_sheet import WIDTH
from docdex.decision import Match
from docdex.examples import Example, load_examples

ASKED = [example for example in load_examples() if example.kind != "registered"]
NO_MODEL = models.DEFAULT not in models.names()


def match(label: str | None, decision: str = "match") -> Match:
    return Match(decision, label, 0.9, (), 0, "x.jpg", 1, 0.5, 0.02)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("truth", "answer", "right"),
    [
        ("id/utopia/gen1", match("id/utopia/gen1"), True),
        ("id/utopia/gen1", match("id/utopia"), True),
        ("id/utopia/gen1", match("id/utopia/gen2"), False),
        ("id/utopia", match("id/utopia/gen2"), False),
        ("id", match(None, "ambiguous"), False),
        ("id", match(None, "unknown"), False),
        (None, match(None, "unknown"), True),
        (None, match(None, "ambiguous"), False),
        (None, match("id"), False),
    ],
)
def test_right_is_the_label_or_one_above_it_and_unknown_for_a_stranger(
    truth: str | None, answer: Match, right: bool
) -> None:
    example = Example("probe" if truth else "stranger", truth, Path("x.jpg"))
    assert is_right(example, answer) is right


def test_the_demo_judges_every_probe_and_stranger_and_draws_them(run: Run, dex: Run, tmp_path: Path) -> None:
    # The tiny model is no good, so some answers are wrong: that is what the exit code says.
    said = dex("demo here", code=1).stdout
    assert sum(line.endswith(("\tright", "\twrong")) for line in said.splitlines()) == len(ASKED)
    sheet = cv2.imread(str(tmp_path / "here" / "contact-sheet.jpg"))
    assert sheet.shape[1] == WIDTH
    assert len(run("list --gallery here/docdex.db").stdout.splitlines()) == 15


def test_the_demo_can_be_run_again_but_touches_no_gallery_of_anybody_else(
    run: Run, dex: Run, draw: Draw
) -> None:
    first = dex("demo here", code=1).stdout
    assert dex("demo here", code=1).stdout == first
    dex("register --gallery here/docdex.db", "mine", draw("mine.png", 1))
    before = run("list --gallery here/docdex.db").stdout
    assert "holds other samples" in dex("demo here", code=2).stderr
    assert run("list --gallery here/docdex.db").stdout == before


def test_a_folder_that_cannot_be_made_is_named(dex: Run, draw: Draw) -> None:
    assert "mine.png/below" in dex("demo", draw("mine.png", 1) + "/below", code=1).stderr


@pytest.mark.skipif(NO_MODEL, reason="the packaged model is not there yet")
def test_every_probe_gets_its_label_or_a_true_ancestor_and_every_stranger_is_unknown(run: Run) -> None:
    said = run("demo here").stdout
    assert "\twrong" not in said
    probes = sum(example.kind == "probe" for example in ASKED)
    assert f"{probes} of {probes} probes got their label or one above it" in said
