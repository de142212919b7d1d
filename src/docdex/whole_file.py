"""Write a file whole or not at all, so that nobody ever reads half of one."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from docdex.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to: what is there takes its place in the end, and goes on an error.

    Raises InvalidSetting for a path without a name, as an empty one.
    """
    if not path.name:
        raise InvalidSetting(f"'{path}' names no file to write to: give the path of a file.")
    # Of this call alone: another that writes the same file, and a user's file of such a name, stay whole.
    # Not all of the name, which may be as long as names can be.
    partial = path.with_name(f"{path.name[:40]}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
