"""Move and remove labels with all below them: the rules of renaming and removing, above every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docdex.errors import LabelTaken, UnknownLabel
from docdex.labels import is_within, parse

if TYPE_CHECKING:
    from docdex.gallery import Entry, Gallery


def find_samples(gallery: Gallery, label: str | None = None) -> list[Entry]:
    """The samples at and below a label, or all. Raises `UnknownLabel` when there are none."""
    found = list(gallery.entries(within=None if label is None else parse(label)))
    if label is not None and not found:
        raise UnknownLabel(f"No sample is registered as '{label}' or below it.")
    return found


def remove_label(gallery: Gallery, label: str, *, version: int) -> int | None:
    """Remove all samples at and below a label; how many. Raises `UnknownLabel` when there are none.

    version: of the gallery before; None, and nothing removed, if somebody has written to it since.
    """
    return gallery.delete([entry.id for entry in find_samples(gallery, label)], version=version)


def move_label(gallery: Gallery, old: str, new: str, *, merge: bool, version: int) -> int | None:
    """Give samples at and below `old` the label `new` in its place; how many.

    version: of the gallery before; None, and nothing moved, if somebody has written to it since.
    Raises `UnknownLabel`, and without `merge` `LabelTaken` if `new` or a label below it has samples already.
    """
    old, new = parse(old), parse(new)
    moved = {entry.id: parse(new + entry.label[len(old) :]) for entry in find_samples(gallery, old)}
    taken = [label for label, _ in gallery.labels() if is_within(label, new) and not is_within(label, old)]
    if taken and not merge:
        raise LabelTaken(f"'{taken[0]}' has samples already: choose another label, or merge the two.")
    return gallery.relabel(moved, version=version)
