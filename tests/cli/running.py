"""What tests call to run the command."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from click.testing import Result


class Run(Protocol):
    """run("list", "--json", code=0): the result, after checking the exit code."""

    def __call__(self, command: str, *arguments: str | Path, code: int = 0) -> Result: ...


class Draw(Protocol):
    """draw("a/b.png", 1): a file with the page `blocks(1)`, several pages for several seeds; its name.

    noise: makes it another photo of the same page.
    """

    def __call__(self, name: str, *seeds: int, noise: int = 0) -> str: ...
