"""The recipe of `docs/train-your-own.md`, from a user's folder to a model, as small as it gets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import msgspec

from docdex import models
from docdex.evaluation import evaluate
from docdex.training.config import read_config
from docdex.training.export import export_model
from docdex.training.loop import Trainer
from docdex.training.origin import network_of
from docdex.training.release import release_model
from docdex.training.split import write_split
from docdex.training.templates import draw

RECIPE = Path(__file__).parents[2] / "configs" / "own.toml"


def test_the_recipe_leads_from_a_folder_and_a_model_to_a_model_that_can_be_measured(
    trained: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in range(9):
        for instance in range(2):
            page = tmp_path / "my-documents" / f"type {kind}" / f"{instance}.png"
            page.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(page), draw(500 + kind, np.random.default_rng(instance)))
    written = write_split(Path("my-documents"), Path("own"), held_out=0.4, seed=0)
    start = tmp_path / "tiny.onnx"
    terms = {"licence": "CC0-1.0", "default_threshold": 0.6, "default_margin": 0.02}
    export_model(trained, start, name="tiny", **terms)  # type: ignore[arg-type]

    config, small = read_config(RECIPE), read_config(tiny_run)
    data = msgspec.structs.replace(config.data, templates=4, photo_side=80, page_side=96)
    config = msgspec.structs.replace(
        config, start_from=str(start), model=small.model, optim=small.optim, data=data, workers=0
    )
    trainer = Trainer(config, Path("runs/own"), say=lambda _: None)
    assert len(trainer.table) == len(written.types.learned) + 4
    trainer.train()
    output = Path("own.onnx")
    passport = release_model(
        Path("runs/own"),
        output,
        name="own",
        licence="CC0-1.0",
        benchmark=written.held_out,
        target_fpr=0.1,
        margin=0.03,
    )
    assert passport.training["before"][0]["name"] == "tiny"
    before, after = evaluate(written.held_out, [f"docdex:{start}", f"docdex:{output}"])
    assert (before.types, before.strangers) == (after.types, after.strangers) == (3, 2)
    assert before.rank1["flat"]["own"] is not None


def test_the_committed_recipe_goes_on_from_a_packaged_model_and_has_its_network() -> None:
    config = read_config(RECIPE)
    assert config.start_from in models.names()
    assert config.model == network_of(models.load(config.start_from))
