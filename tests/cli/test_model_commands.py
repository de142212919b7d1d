from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from running import Run

from docdex import models
from docdex.models import Threshold, read_passport, write_passport


@pytest.fixture
def packaged(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny model as the only packaged one, called as the default, with a table of thresholds."""
    import msgspec

    weights = tmp_path / "weights"
    weights.mkdir()
    onnx = weights / f"{models.DEFAULT}.onnx"
    shutil.copy(tiny, onnx)
    row = Threshold(0.01, "probe", 0.75, (0,), 130, 615, "dev")
    passport = msgspec.structs.replace(
        read_passport(tiny), name=models.DEFAULT, thresholds=(row,), training={"minutes": 90, "data": "train"}
    )
    write_passport(passport, onnx)
    monkeypatch.setattr(models, "WEIGHTS", weights)
    return onnx


@pytest.mark.usefixtures("packaged")
def test_packaged_models_are_listed_and_the_default_is_marked(run: Run) -> None:
    digest = models.load().passport.digest
    row = run("model list").stdout.rstrip("\n").split("\t")
    assert row == [models.DEFAULT, "32", "64 px", "CC0-1.0", digest[:12], "by picture"]
    listed = json.loads(run("model list --json").stdout)
    assert listed == {"name": models.DEFAULT, "by": "picture", "digest": digest, "default": True}


def test_info_tells_what_the_passport_promises(run: Run, packaged: Path) -> None:
    said = run("model info").stdout
    assert said == run("model info", models.DEFAULT).stdout == run("model info", packaged).stdout
    assert f"digest: {models.load().passport.digest}\n" in said
    assert "output: 32 dimensions\n" in said
    assert "training minutes: 90\ntraining data: train\n" in said
    assert said.endswith("thresholds:\n0.01\tprobe\t0.7500\t0\t130\t615\tdev\n")


def test_info_as_json_is_the_passport_itself(run: Run, packaged: Path) -> None:
    assert json.loads(run("model info --json").stdout) == json.loads(
        packaged.with_suffix(".json").read_bytes()
    )


def test_a_model_that_is_not_what_its_passport_says_is_refused(run: Run, packaged: Path) -> None:
    packaged.write_bytes(packaged.read_bytes() + b"x")
    assert "(model-mismatch)" in run("model info", code=1).stderr


def test_a_model_that_is_not_there_is_an_error_of_usage(run: Run) -> None:
    assert "(model-not-found)" in run("model info nosuch", code=2).stderr


@pytest.mark.parametrize("options", ["--int8", "--calibrate ."])
def test_int8_and_pages_to_calibrate_on_go_together(run: Run, options: str) -> None:
    said = run(f"model export . out.onnx --name x --benchmark . {options}", code=2).stderr
    assert "--int8 and --calibrate FOLDER go together" in said
