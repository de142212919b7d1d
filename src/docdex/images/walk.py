"""Walks over whatever a user points at, so that one bad input costs only itself, whatever is read from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from docdex.errors import DocdexError, EmptySource, SourceNotFound, SourceTooLarge, TooManyPages
from docdex.images.arrays import is_pil_image
from docdex.images.files import find_files
from docdex.images.page import Limits, Refusal
from docdex.images.ranges import PageRanges

T = TypeVar("T")


def walk(sources: Any, read: Callable[[Any], Iterator[T | Refusal]]) -> Iterator[T | Refusal]:
    """What `read` gives for a source or for any number of them, in order, folders replaced by their files.

    read: gives pages and refusals of single pages, and raises what concerns a whole source, which then comes
    as a Refusal in its place.
    """
    single = isinstance(sources, (str, os.PathLike, bytes, bytearray, memoryview, np.ndarray))
    single = single or hasattr(sources, "read")  # an open file would give its lines, each for a source
    for source in [sources] if single or not isinstance(sources, Iterable) else sources:
        for item in _expand(source):
            if isinstance(item, Refusal):
                yield item
                continue
            try:
                yield from read(item)
            except DocdexError as error:
                yield Refusal(name_of(item), None, error)


def only_pages(found: Iterator[T | Refusal]) -> Iterator[T]:
    """The pages of one source, up to the first that is refused: its error is raised."""
    for item in found:
        if isinstance(item, Refusal):
            raise item.error
        yield item


def name_of(source: Any) -> str:
    """What messages call a source: its path, or `<bytes>`, `<array>`, `<image>`; a page has a name itself."""
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "<bytes>"
    if isinstance(source, np.ndarray):
        return "<array>"
    return "<image>" if is_pil_image(source) else str(getattr(source, "source", type(source).__name__))


def load_file(path: str | os.PathLike[str], limits: Limits) -> bytes:
    """The bytes of a file, read by Python because OpenCV and PDFium stumble over some names.

    Raises SourceNotFound and SourceTooLarge.
    """
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            check_bytes(size, name_of(path), limits)
            # A pipe has no size. Where there is one, asking for the limit's bytes would cost milliseconds.
            return file.read(size or limits.bytes + 1)
    except FileNotFoundError as error:
        raise SourceNotFound(f"No file at {name_of(path)}.") from error
    except IsADirectoryError as error:
        raise SourceNotFound(f"{name_of(path)} is a folder, not a file.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceNotFound(f"{name_of(path)} cannot be read: {reason}.") from error


def check_bytes(size: int, name: str, limits: Limits) -> None:
    """Raise SourceTooLarge if a file of that many bytes is over the limit."""
    if size > limits.bytes:
        raise SourceTooLarge(
            f"{name} has {size / 1e6:.1f} MB; the limit is {limits.bytes / 1e6:g} MB "
            f"(raise it with --max-megabytes or Limits(bytes=...))."
        )


def check_content(data: bytes, name: str, limits: Limits) -> None:
    """Raise EmptySource for no bytes, SourceTooLarge for more than the limit."""
    if not data:
        raise EmptySource(f"{name} is empty: it has no bytes.")
    check_bytes(len(data), name, limits)


def select_pages(ranges: PageRanges, count: int, name: str, limits: Limits) -> list[int]:
    """The wanted pages of a file of `count`. Raises PageOutOfRange and TooManyPages."""
    selected = ranges.select(count, name)
    if len(selected) > limits.pdf_pages:
        raise TooManyPages(
            f"{name} has {len(selected)} pages to read; the limit is {limits.pdf_pages} "
            f"(choose some with --pages, or raise it with --max-pages or Limits(pdf_pages=...))."
        )
    return selected


def _expand(source: Any) -> Iterable[Any]:
    if not isinstance(source, (str, os.PathLike)):
        return [source]
    try:
        if not Path(source).is_dir():
            return [source]
        files = find_files(source)
    except DocdexError as error:
        return [Refusal(name_of(source), None, error)]
    except (OSError, ValueError):
        return [source]  # a name too strange to ask about; reading it says why
    if not files:
        return [Refusal(name_of(source), None, EmptySource(f"The folder {name_of(source)} has no files."))]
    return files
