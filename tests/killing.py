"""Scripts that say on a line each what they have done, and are killed in the middle of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path


def running(script: Path, *arguments: str | Path | int) -> subprocess.Popen[str]:
    """A script of the tests in a process of its own, whose lines can be read as they come."""
    return subprocess.Popen(
        [sys.executable, script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def kill_at_work(process: subprocess.Popen[str], dice: random.Random, *, lines: int, pause: float) -> int:
    """Kill it (kill -9) up to `pause` seconds after one of its first `lines` lines; how many it said."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(dice.randint(1, lines))]
    time.sleep(dice.random() * pause)
    process.kill()
    return len(said + process.stdout.readlines())
