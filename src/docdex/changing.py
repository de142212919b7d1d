"""Change a gallery by what it holds, although others may write to it between the looking and the writing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from docdex.errors import GalleryUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from docdex.gallery import Gallery

T = TypeVar("T")

_ATTEMPTS = 20
_PATIENCE = 60.0  # seconds


def change(gallery: Gallery, attempt: Callable[[int], T | None]) -> T:
    """What `attempt` gives, made again as long as it gives None: somebody else was faster.

    attempt: looks at the gallery, which is at the version that it is given, and writes with that `version`.

    Raises GalleryUnavailable when others have written during every one of many attempts.
    """
    deadline, attempts = time.monotonic() + _PATIENCE, 0
    while True:
        done = attempt(gallery.version)
        if done is not None:
            return done
        attempts += 1
        # Both bounds: where many write at once a quick attempt loses often and has its turn soon, and a slow
        # one that has lost so often will never have it.
        if attempts >= _ATTEMPTS and time.monotonic() > deadline:
            raise GalleryUnavailable(
                f"The gallery was written to by others during each of {attempts} attempts to change it, and "
                "this change was not made: try again when it is less busy, or change less at once."
            )
