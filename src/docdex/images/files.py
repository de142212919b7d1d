"""Finds the files of a folder in an order people expect and every run repeats."""

from __future__ import annotations

import os
import re
from pathlib import Path

from docdex.errors import SourceNotFound


def find_files(folder: str | os.PathLike[str]) -> list[Path]:
    """All files below a folder, in natural order (`page2` before `page10`), whatever they contain.

    Names that begin with a dot are skipped, with everything below them. A link to a file is a file, also
    when it leads nowhere, so that reading it can say so. A link to a folder is followed unless that folder
    was visited already. Devices and pipes are skipped. Raises SourceNotFound if `folder` is no folder or
    cannot be listed.
    """
    here = root = Path(folder)
    found: list[Path] = []
    visited: set[tuple[int, int]] = set()
    # Real folders come first: a folder goes by a link's path only if nothing else leads to it.
    folders, linked = [root], list[Path]()
    try:
        if not root.is_dir():
            raise SourceNotFound(f"No folder at {root}.")
        while folders or linked:
            here = folders.pop() if folders else linked.pop(0)
            status = here.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            names = sorted(os.listdir(here), key=_natural)  # noqa: PTH208 - names, for the sort
            for path in (here / name for name in names if not name.startswith(".")):
                if path.is_dir():
                    (linked if path.is_symlink() else folders).append(path)
                elif path.is_file() or (path.is_symlink() and not path.exists()):
                    found.append(path)
    except OSError as error:
        # Not only of listing: where names may be read, files may still not be looked at.
        raise SourceNotFound(f"{here} cannot be listed: {error.strerror}.") from error
    return sorted(found, key=lambda path: [_natural(part) for part in path.relative_to(root).parts])


def _natural(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    # "page2" and "page02" compare equal part by part; the name itself keeps their order stable.
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [_rank(part) for part in parts], name


def _rank(part: str) -> tuple[bool, int, str]:
    # Numbers by value and before letters. Not isdigit: it takes "②" and "²" for numbers, int() does not.
    return (False, int(part), "") if part.isdecimal() else (True, 0, part.casefold())
