from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import Draw, Run

from docdex import models

pytestmark = pytest.mark.skipif(
    not (models.WEIGHTS / f"{models.TEXT_DEFAULT}.json").exists(),
    reason="the packaged model is not there yet",
)

CLAIM = (
    "Claim form. Describe the damage to your car, date and place of the accident. Signature of the holder."
)
REMINDER = (
    "Reminder. Our invoice is still unpaid: please transfer the open amount to our account within ten days."
)


@pytest.fixture
def letters(run: Run, tmp_path: Path) -> Path:
    """A folder with a gallery by text of two types, and what to ask it."""
    (tmp_path / "claim.txt").write_text(CLAIM)
    (tmp_path / "reminder.html").write_text(f"<html><body><p>{REMINDER}</p></body></html>")
    (tmp_path / "asked.md").write_text(f"# {CLAIM} The windscreen is broken.")
    run("register --by text form/claim claim.txt")
    run("register letter/reminder reminder.html")
    return tmp_path


@pytest.mark.usefixtures("letters")
def test_a_gallery_registered_by_text_is_asked_by_text_without_being_told(run: Run) -> None:
    for arguments in ("", "--by text ", "--model text "):
        row = run(f"recognize {arguments}asked.md").stdout.split("\t")
        assert row[:4] == ["asked.md", "1", "match", "form/claim"]


def test_what_cannot_be_read_is_refused_and_the_rest_answered(run: Run, letters: Path) -> None:
    (letters / "blank.txt").write_text(" ")
    (letters / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    done = run("recognize --json blank.txt old.doc asked.md", code=1)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["error"] and answer["error"]["code"] for answer in answers] == [
        "no-text",
        "unsupported-format",
        None,
    ]
    assert answers[2]["rotation"] == 0


@pytest.mark.usefixtures("letters")
def test_the_limit_of_characters_can_be_set(run: Run) -> None:
    assert "(page-too-large)" in run("recognize --max-characters 20 asked.md", code=1).stderr


@pytest.mark.usefixtures("letters")
def test_asking_a_gallery_by_text_by_picture_is_refused(run: Run, draw: Draw) -> None:
    said = run("recognize --by picture", draw("page.png", 1), code=1).stderr
    assert "compares pages by text" in said
    assert "(contract-mismatch)" in said


def test_a_gallery_by_text_is_calibrated_and_checked(run: Run, letters: Path) -> None:
    folder = letters / "strangers"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number}.txt").write_text(f"The {number} garden birds sing and children play there.")
    said = json.loads(run("calibrate --json --target-fpr 0.1", folder).stdout)
    assert (said["strangers"], said["rotations"]) == (60, [0])
    (letters / "copy.txt").write_text(f"{CLAIM} ")
    run("register form/again copy.txt")
    assert "duplicate\tform/again\tform/claim\t1.0000\n" in run("check").stdout
    assert "more samples accept more strangers" in run("recognize asked.md").stderr


@pytest.mark.usefixtures("letters")
def test_texts_are_embedded_to_a_file(run: Run) -> None:
    said = run("embed --by text claim.txt reminder.html -o vectors.npz").stdout
    assert said == "2 vectors of 256 numbers written to vectors.npz\n"


@pytest.mark.usefixtures("letters")
def test_the_doctor_knows_a_gallery_by_text(run: Run) -> None:
    findings = {}
    for line in run("doctor --json").stdout.splitlines():
        finding = json.loads(line)
        findings[finding["about"]] = finding
    assert findings["model"]["state"] == "ok"
    assert findings["model"]["said"].startswith("text, digest ")
    assert findings["gallery"]["state"] == "ok"
    assert json.loads(run("gallery info --json").stdout)["contract"]["by"] == "text"


def test_models_of_texts_are_listed_and_shown(run: Run) -> None:
    listed = [json.loads(line) for line in run("model list --json").stdout.splitlines()]
    assert {"name": "text", "by": "text", "default": True}.items() <= listed[-1].items()
    assert "input: text, by features " in run("model info text").stdout
