from __future__ import annotations

import json
import shutil
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from running import Draw, Run

from docdex import models, preprocess
from docdex.cli import doctor
from docdex.embedder import issue_passport

pytestmark = pytest.mark.usefixtures("two")


@pytest.fixture
def two(dex: Run, draw: Draw) -> None:
    """A gallery of two labels."""
    dex("register", "a", draw("1.png", 1))
    dex("register", "b", draw("2.png", 2))


@pytest.fixture
def other_model(tiny: Path, tmp_path: Path) -> Path:
    """A model of another contract: the same network under another digest."""
    path = tmp_path / "other.onnx"
    content = bytearray(tiny.read_bytes())
    # The producer's name is no part of the network.
    name = content.index(b"tiny")
    content[name : name + 4] = b"othr"
    path.write_bytes(content)
    issue_passport(path, name="other", licence="CC0-1.0", default_threshold=0.8, default_margin=0.02)
    return path


def test_check_names_duplicates_look_alikes_and_lonely_labels(dex: Run, draw: Draw) -> None:
    assert dex("check").stdout == "lonely\ta\t-\t-\nlonely\tb\t-\t-\n"
    dex("register --allow-conflict", "c", "1.png")
    rows = [line.split("\t") for line in dex("check").stdout.splitlines()]
    assert rows[0] == ["duplicate", "a", "c", "1.0000"]
    rows = [line.split("\t") for line in dex("check --threshold -1").stdout.splitlines()]
    assert [row[:3] for row in rows if row[0] == "look-alike"] == [
        ["look-alike", "a", "b"],
        ["look-alike", "b", "c"],
    ]
    said = json.loads(dex("check --json").stdout)
    assert said["duplicates"][0]["labels"] == ["a", "c"]
    assert said["lonely"] == ["a", "b", "c"]


def test_info_says_what_the_gallery_holds(run: Run, tiny: Path) -> None:
    said = json.loads(run("gallery info --json").stdout)
    passport = models.read_passport(tiny)
    assert (said["path"], said["samples"], said["labels"]) == ("docdex.db", 2, 2)
    assert said["contract"] == {
        "model": passport.digest,
        "preprocess": preprocess.VERSION,
        "dimension": 32,
        "by": "picture",
    }
    assert (said["calibration"], said["doubts"]) == (None, [])
    assert "samples: 2 of 2 labels" in run("gallery info").stdout


def test_info_shows_the_calibration_and_why_it_may_no_longer_hold(dex: Run, run: Run, draw: Draw) -> None:
    for seed in range(10, 40):
        draw(f"negatives/{seed}.png", seed)
    dex("calibrate --target-fpr 0.1 negatives")
    assert "with 30 strangers: FPR at most 0.0" in run("gallery info").stdout
    dex("register", "c", draw("3.png", 3))
    assert "\ndoubt: The threshold was measured with 2 samples" in run("gallery info").stdout


def test_what_is_exported_can_be_imported_elsewhere(run: Run, dex: Run) -> None:
    assert run("gallery export types.zip").stdout == "2 samples written to types.zip\n"
    assert (
        dex("gallery import types.zip --gallery other.db").stdout
        == "a: 1 sample registered\nb: 1 sample registered\n"
    )
    assert run("list --gallery other.db").stdout == run("list").stdout


def test_an_import_keeps_the_rules_of_registration(run: Run, dex: Run) -> None:
    run("gallery export types.zip")
    run("rename a c")
    assert "(registration-refused)" in dex("gallery import types.zip", code=1).stderr
    done = dex("gallery import --keep-going types.zip", code=1)
    assert done.stdout == "b: 0 samples registered, 1 known already\n"
    dex("gallery import --allow-conflict types.zip")
    assert run("list").stdout == "a\t1\nb\t1\nc\t1\n"


def test_another_model_is_refused_until_the_gallery_is_re_embedded(
    run: Run, draw: Draw, other_model: Path, tmp_path: Path
) -> None:
    draw("photo.png", 1, noise=1)
    asked = ["--model", other_model, "photo.png"]
    assert "(contract-mismatch)" in run("recognize", *asked, code=1).stderr
    (tmp_path / "2.png").unlink()
    done = run("gallery re-embed --model", other_model)
    assert done.stdout == "2 vectors made again: 1 from files, 1 from thumbnails\n"
    assert "\tmatch\ta\t" in run("recognize", *asked).stdout


def test_the_doctor_finds_everything_well(dex: Run) -> None:
    findings = [json.loads(line) for line in dex("doctor --json").stdout.splitlines()]
    states = {finding["about"]: finding["state"] for finding in findings}
    assert states == {
        "versions": "ok",
        "extras": "ok",
        "providers": "ok",
        "model": "ok",
        "gallery": "ok",
        "calibration": "note",
    }


def test_the_doctor_goes_on_where_a_package_came_by_another_name(
    dex: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        if package in ("onnxruntime", "opencv-python-headless", "opencv-python"):
            raise PackageNotFoundError(package)
        return "1.2.3"

    monkeypatch.setattr(doctor, "version", version)
    said = dex("doctor").stdout
    assert "onnxruntime-gpu 1.2.3, opencv-python-headless (of unknown version), pypdfium2 1.2.3" in said


def test_the_doctor_names_what_is_broken(run: Run, tiny: Path, tmp_path: Path) -> None:
    def faults(*arguments: str | Path) -> dict[str, str]:
        said = run("doctor --json", *arguments, code=1).stdout
        findings = [json.loads(line) for line in said.splitlines()]
        return {finding["about"]: finding["said"] for finding in findings if finding["state"] == "fault"}

    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(tiny.read_bytes() + b"x")
    shutil.copy(tiny.with_suffix(".json"), damaged.with_suffix(".json"))
    assert "changed or damaged" in faults("--model", damaged)["model"]
    (tmp_path / "text.db").write_text("no gallery at all\n" * 100)
    assert set(faults("--model", tiny, "--gallery", "text.db")) == {"gallery"}


def test_the_doctor_tells_a_gallery_of_another_model(run: Run, other_model: Path) -> None:
    said = run("doctor --model", other_model, code=1).stdout
    assert "contract\tfault\tThe gallery holds vectors of picture model" in said


def test_the_doctor_misses_no_gallery_that_was_never_made(dex: Run) -> None:
    assert "gallery\tnote\tnone at new.db yet\n" in dex("doctor --gallery new.db").stdout
