"""Runs the command in the process, in an empty folder, and makes files for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from running import Draw, Run

from docdex.cli import main
from fakes import Pixels


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in the folder `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DOCDEX_GALLERY", raising=False)

    def _run(command: str, *arguments: str | Path, code: int = 0) -> Result:
        line = [*command.split(), *map(str, arguments)]
        result = CliRunner().invoke(main, line, prog_name="docdex")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return _run


@pytest.fixture
def dex(run: Run, tiny: Path) -> Run:
    """Runs a command that takes a model, with the tiny one."""

    def _run(command: str, *arguments: str | Path, code: int = 0) -> Result:
        return run(command, "--model", tiny, *arguments, code=code)

    return _run


@pytest.fixture
def draw(blocks: Callable[[int], Pixels], tmp_path: Path) -> Draw:
    """Makes files of pages below `tmp_path`."""

    def _draw(name: str, *seeds: int, noise: int = 0) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(noise)
        pages = [blocks(seed) + rng.normal(0, 40 if noise else 0, (256, 192, 3)) for seed in seeds]
        first, *others = [Image.fromarray(np.clip(page, 0, 255).astype(np.uint8)) for page in pages]
        if others:
            first.save(path, save_all=True, append_images=others)
        else:
            first.save(path)
        return name

    return _draw
