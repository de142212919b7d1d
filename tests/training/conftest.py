"""A tiny run to train: twelve drawn pages, twenty templates, six steps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from docdex.training.config import read_config
from docdex.training.templates import draw

TINY_RUN = """
name = "tiny"
seed = 3
workers = 0
checkpoint_minutes = 1e-9

[model]
side = 64
squeeze = 8
dimension = 32

[data]
templates = 20
photo_side = 80
page_side = 96
pictures = "$DOCDEX_DATA/train"

[[data.sources]]
folder = "$DOCDEX_DATA/train"

[optim]
batch = 8
steps = 6
warmup = 2
"""


def set_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pages = folder / "data" / "train" / "pages"
    pages.mkdir(parents=True)
    for number in range(12):
        cv2.imwrite(str(pages / f"{number:02}.png"), draw(1000 + number, np.random.default_rng(number)))
    monkeypatch.setenv("DOCDEX_DATA", str(folder / "data"))
    path = folder / "tiny.toml"
    path.write_text(TINY_RUN, encoding="utf-8")
    return path


@pytest.fixture
def tiny_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config whose data lie beside it; there is no benchmark to measure on."""
    return set_up(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of that run, finished; not to be written to."""
    from docdex.training.loop import Trainer

    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as monkeypatch:
        config = read_config(set_up(folder, monkeypatch))
        Trainer(config, folder / "run", say=lambda _: None).train()
    return folder / "run"
