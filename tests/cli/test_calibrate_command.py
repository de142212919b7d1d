from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import Draw, Run

from docdex.gallery import SqliteGallery

pytestmark = pytest.mark.usefixtures("calibratable")


@pytest.fixture
def calibratable(dex: Run, draw: Draw) -> None:
    """A gallery of two labels, and 30 pages of other types."""
    dex("register", "a", draw("1.png", 1))
    dex("register", "b", draw("2.png", 2))
    for seed in range(10, 40):
        draw(f"negatives/{seed}.png", seed)


def test_calibrating_says_what_was_measured_and_keeps_it(run: Run, dex: Run) -> None:
    done = dex("calibrate --target-fpr 0.1 negatives --json")
    said = json.loads(done.stdout)
    assert (said["strangers"], said["target_fpr"], said["samples"], said["labels"]) == (30, 0.1, 2, 2)
    assert said["bound"] <= 0.1
    assert (
        json.loads(run("gallery info --json").stdout)["calibration"]["point"]["threshold"]
        == said["threshold"]
    )
    first, *_ = dex("calibrate --target-fpr 0.1 negatives").stdout.splitlines()
    assert first == f"threshold: {said['threshold']:.4f} (before: {said['threshold']:.4f})"


def test_what_is_left_out_is_counted_and_refused_inputs_are_named(dex: Run, draw: Draw) -> None:
    draw("negatives/again.png", 10)
    done = dex("calibrate --target-fpr 0.1 --json", "negatives", "1.png", "nosuch.png", code=1)
    said = json.loads(done.stdout)
    assert (said["strangers"], said["registered"], said["repeated"], said["refused"]) == (30, 1, 1, 1)
    assert done.stderr.startswith("Refused: nosuch.png")


def test_pages_of_a_registered_type_among_the_strangers_are_pointed_out(dex: Run, draw: Draw) -> None:
    draw("negatives/other-a.png", 1, noise=1)
    for seed in range(40, 60):
        draw(f"negatives/{seed}.png", seed)
    done = dex("calibrate --target-fpr 0.1 negatives")
    suspects = done.stdout.partition("suspects: ")[2].splitlines()[1:]
    assert [line.split("\t")[:3] for line in suspects] == [["negatives/other-a.png", "1", "a"]]


def test_too_few_pages_say_how_many_are_needed(dex: Run) -> None:
    said = dex("calibrate --target-fpr 0.01 negatives", code=1).stderr
    assert "at least 299 are needed" in said
    assert "(too-few-pages)" in said


def test_a_target_that_is_no_rate_is_an_error_of_usage(dex: Run) -> None:
    assert "(invalid-setting)" in dex("calibrate --target-fpr 1.5 negatives", code=2).stderr
    assert "--target-fpr" in dex("calibrate negatives", code=2).stderr


def test_a_calibration_that_cannot_be_read_is_mended_by_calibrating_again(dex: Run, tmp_path: Path) -> None:
    with SqliteGallery.open(tmp_path / "docdex.db") as gallery:
        gallery.write_setting("calibration", b"{}")
    assert "calibrate again" in dex("recognize 1.png", code=1).stderr
    assert dex("calibrate --target-fpr 0.1 negatives").stdout.startswith("threshold: ")
    dex("recognize 1.png")
