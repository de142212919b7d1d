from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from running import Run

from docdex.cli.terminal import print_line, training_bar
from docdex.training.progress import Pace


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path, bool]]:
    """What was trained: name, run folder, whether resumed. Nothing is, so no torch is loaded."""
    done: list[tuple[str, Path, bool]] = []

    class Trainer:
        def __init__(
            self,
            config: SimpleNamespace,
            run: Path,
            *,
            resume: bool,
            say: Callable[[str], None],
            show: Callable[[Pace], None] | None,
        ) -> None:
            self.said = (config.name, run, resume)
            self.say, self.show = say, show

        def train(self) -> None:
            done.append(self.said)
            for step in range(1, 4):
                pace = Pace(step, loss=1.0, done=step / 4, rate=96.0, left=125.0)
                if self.show is None:
                    self.say(str(pace))
                else:
                    self.show(pace)
            self.say("rank-1 .9")

    fakes = {
        "config": {"read_config": lambda path: SimpleNamespace(name=path.stem)},
        "loop": {"Trainer": Trainer},
        "text": {"is_text_config": lambda path: False},
    }
    for name, content in fakes.items():
        module = ModuleType(f"docdex.training.{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return done


def test_a_run_goes_to_the_folder_of_its_config_unless_told_otherwise(
    run: Run, trained: list[tuple[str, Path, bool]]
) -> None:
    said = run("train configs/first.toml").stdout.splitlines()
    assert said[0] == "step 1 loss 1.000 96 images/s 2 min left"
    assert said[-1] == "rank-1 .9"
    run("train configs/first.toml --run elsewhere --resume")
    assert trained == [("first", Path("runs/first"), False), ("first", Path("elsewhere"), True)]


def test_without_the_extra_training_names_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docdex.training.loop", None)
    said = run("train first.toml", code=1).stderr
    assert "docdex[train]" in said
    assert "(missing-extra)" in said


@contextmanager
def terminal() -> Iterator[list[str]]:
    """Stdout and stderr are a terminal; afterwards the list holds what it showed, without its colours."""
    pty = pytest.importorskip("pty")
    person, program = pty.openpty()
    showed: list[str] = []
    with os.fdopen(person, "rb", buffering=0) as inside:
        with os.fdopen(program, "w") as outside, pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", "100")
            patch.setenv("TERM", "xterm")
            patch.setattr(sys, "stdout", outside)
            patch.setattr(sys, "stderr", outside)
            yield showed
        pieces = []
        with suppress(OSError):  # what Linux says at the end of a terminal
            while piece := inside.read(1 << 16):
                pieces.append(piece)
    showed.append(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", b"".join(pieces).decode()))


def test_on_a_terminal_a_bar_shows_the_loss_the_rate_and_the_time_left() -> None:
    with terminal() as showed, training_bar() as show:
        assert show is not None
        show(Pace(7, loss=5.25, done=0.25, rate=96.4, left=3725.0))
        print_line("rank-1 .9")
    (screen,) = showed
    assert re.search(r"step 7 loss 5\.250 .* 25% 96 images/s, 1:02:05 left", screen)
    assert screen.index("rank-1 .9") < screen.rindex("step 7"), "what is said stands above the bar"


def test_before_the_first_step_nothing_is_drawn_and_no_thread_runs() -> None:
    before = threading.active_count()
    with terminal() as showed, training_bar():
        assert threading.active_count() == before, "workers are forked here"
        print_line("starting")
    assert showed == ["starting\r\n"]
