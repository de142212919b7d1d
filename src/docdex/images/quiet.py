"""Keeps what C libraries print about bad files off the terminal: docdex says it in an error instead."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator

_SILENT = 0
_lock = threading.Lock()
_inside = 0
_level_before = _SILENT


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's log for the block, and put the caller's level back when the last thread leaves."""
    import cv2

    # OpenCV 5 moved the functions; 4.x has them at the top.
    log = cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2
    global _inside, _level_before  # noqa: PLW0603
    with _lock:
        if _inside == 0:
            _level_before = log.getLogLevel()
            log.setLogLevel(_SILENT)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                log.setLogLevel(_level_before)


@contextlib.contextmanager
def mute_decoders() -> Iterator[None]:
    """Send what C libraries write to file descriptor 2 to nowhere, while Python's `sys.stderr` goes on.

    libjpeg has no log level: it prints "Corrupt JPEG data" itself. Only a program that owns its process may
    do this (the command does, once, around everything); a library must not, so reading pages never does.
    """
    stderr = sys.stderr
    try:
        is_ours = stderr.fileno() == 2
    except (AttributeError, OSError, io.UnsupportedOperation):
        is_ours = False
    if is_ours:
        stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        if not is_ours:
            yield
            return
        with os.fdopen(os.dup(kept), "w", buffering=1, encoding=stderr.encoding, errors=stderr.errors) as own:
            sys.stderr = own
            try:
                yield
            finally:
                sys.stderr = stderr
    finally:
        os.dup2(kept, 2)
        os.close(kept)
