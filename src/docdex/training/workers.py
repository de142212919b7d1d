"""Let worker processes make what a run learns from, and say what one of them could not do as it said it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import cv2
from torch.utils.data import DataLoader, Dataset

from docdex.errors import DocdexError

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

_AHEAD = 3
"""Items that each worker has ready."""


def from_workers(dataset: Dataset[T], numbers: range, workers: int) -> Iterator[T]:
    """The items of these numbers, in their order. Workers are started in this call, not with the first item.

    workers: processes; 0 makes the items in this one. What an item raises of docdex's errors is raised here.
    """
    loader = DataLoader(
        cast("Dataset[Any]", _Told(dataset)),
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        prefetch_factor=_AHEAD if workers else None,
        worker_init_fn=_use_one_thread,
    )
    return _raised(iter(loader))


def _raised(items: Iterator[T | DocdexError]) -> Iterator[T]:
    for item in items:
        if isinstance(item, DocdexError):
            raise item
        yield item


def _use_one_thread(_: int) -> None:
    # A worker that was not forked knows nothing of what its parent had set.
    cv2.setNumThreads(1)


class _Told(Dataset["T | DocdexError"]):
    """A dataset that gives an error instead of raising it.

    torch makes another of an error that a worker raises: of one that has a `message`, as ours have, a
    TypeError without a word of it.
    """

    def __init__(self, dataset: Dataset[T]) -> None:
        self._dataset = dataset

    def __getitem__(self, number: int) -> T | DocdexError:
        try:
            return self._dataset[number]
        except DocdexError as error:
            return error
