"""The engines that the gallery contract is held against: add one here, and it must keep all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docdex.contract import Contract
from docdex.gallery import Gallery, SqliteGallery
from gallery_samples import unit

Open = Callable[..., Gallery]  # (contract=None, *, create=True): a handle on one and the same store


def open_sqlite(folder: Path) -> Open:
    def open_again(contract: Contract | None = None, *, create: bool = True) -> Gallery:
        return SqliteGallery.open(folder / "gallery.db", contract, create=create)

    return open_again


ENGINES: dict[str, Callable[[Path], Open]] = {"sqlite": open_sqlite}


def ids(gallery: Gallery, within: str | None = None) -> list[str]:
    return [entry.id for entry in gallery.entries(within=within)]


def answers(gallery: Gallery, *direction: float, k: int = 9) -> list[tuple[str, str]]:
    """(label, id) of the hits for a probe of that direction."""
    return [(hit.label, hit.sample_id) for hit in gallery.search(unit(*direction)[None], k)[0]]
