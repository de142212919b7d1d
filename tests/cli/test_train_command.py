from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from running import Run


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path, bool]]:
    """What was trained: name, run folder, whether resumed. Nothing is, so no torch is loaded."""
    done: list[tuple[str, Path, bool]] = []

    class Trainer:
        def __init__(
            self, config: SimpleNamespace, run: Path, *, resume: bool, say: Callable[[str], None]
        ) -> None:
            self.said = (config.name, run, resume)
            self.say = say

        def train(self) -> None:
            done.append(self.said)
            self.say("step 20 loss 1.000")

    config, loop = ModuleType("docdex.training.config"), ModuleType("docdex.training.loop")
    vars(config)["read_config"] = lambda path: SimpleNamespace(name=path.stem)
    vars(loop)["Trainer"] = Trainer
    monkeypatch.setitem(sys.modules, "docdex.training.config", config)
    monkeypatch.setitem(sys.modules, "docdex.training.loop", loop)
    return done


def test_a_run_goes_to_the_folder_of_its_config_unless_told_otherwise(
    run: Run, trained: list[tuple[str, Path, bool]]
) -> None:
    assert run("train configs/first.toml").stdout == "step 20 loss 1.000\n"
    run("train configs/first.toml --run elsewhere --resume")
    assert trained == [("first", Path("runs/first"), False), ("first", Path("elsewhere"), True)]


def test_without_the_extra_training_names_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docdex.training.loop", None)
    said = run("train first.toml", code=1).stderr
    assert "docdex[train]" in said
    assert "(missing-extra)" in said
