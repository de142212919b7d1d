"""Keep a struct in a JSON file, whole or not at all: what ablations and studies do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from docdex.errors import DocdexError

T = TypeVar("T")


def write_json(value: Any, path: Path, error: type[DocdexError]) -> None:
    """Write a struct, its folder too if that is missing. Raises `error` where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
    except OSError as cause:
        raise error(f"{path}: cannot be written: {cause.strerror}.") from cause


def read_json(path: Path, kind: type[T], error: type[DocdexError], what: str) -> T:
    """A struct that `write_json` wrote. what: it is, for the message. Raises `error` for anything else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as cause:
        raise error(f"{path}: cannot be read: {cause.strerror}.") from cause
    except (msgspec.MsgspecError, UnicodeDecodeError) as cause:
        raise error(f"{path}: no {what}: {cause}") from cause
