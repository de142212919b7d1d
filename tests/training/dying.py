"""Kill a run in the middle of its saving, for all tests of resuming."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from docdex.training import checkpoint


@contextmanager
def killed_after_saves(count: int) -> Iterator[None]:
    """Whoever saves checkpoints in here is killed after so many of them."""
    saves, save = 0, checkpoint.save

    def save_then_die(path: Path, state: dict[str, Any]) -> None:
        nonlocal saves
        save(path, state)
        saves += 1
        if saves == count:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "save", save_then_die)
        yield
