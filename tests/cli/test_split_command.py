from __future__ import annotations

from pathlib import Path

import pytest
from running import Draw, Run


@pytest.fixture
def mine(draw: Draw) -> str:
    """Six types of two pages."""
    for kind in range(6):
        for instance in range(2):
            draw(f"mine/{kind}/{instance}.png", kind, noise=instance + 1)
    return "mine"


def test_a_split_is_written_and_counted_and_can_be_measured(run: Run, mine: str) -> None:
    said = run("split", mine, "own", "--held-out", "0.5").stdout.splitlines()
    assert said == [
        "own/train.txt: 3 types to train on",
        "own/held-out: 2 types to measure on, strangers: 1",
    ]
    assert "| `phash` |" in run("evaluate own/held-out --peer phash").stdout


def test_a_page_that_cannot_be_read_is_named_and_the_rest_is_written(run: Run, mine: str) -> None:
    for kind in range(6):
        Path(mine, str(kind), "bad.jpg").write_bytes(b"no image")
    result = run("split", mine, "own", "--held-out", "0.5", code=1)
    assert result.stderr.count("(unsupported-format)") == 3
    assert Path("own/train.txt").exists()


def test_a_split_is_not_written_over_another(run: Run, mine: str) -> None:
    run("split", mine, "own")
    assert "(invalid-setting)" in run("split", mine, "own", "--seed", "1", code=2).stderr
