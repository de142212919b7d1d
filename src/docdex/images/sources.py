"""Reads whatever a user points at, page by page, and lets one bad input cost only itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from docdex.errors import (
    DocdexError,
    EmptySource,
    InputError,
    InvalidSetting,
    PageTooLarge,
    SourceNotFound,
    SourceTooLarge,
    TooManyPages,
)
from docdex.images.arrays import is_pil_image, pixels_of_array, pixels_of_image
from docdex.images.decode import decode_image, decode_tiff_page
from docdex.images.files import find_files
from docdex.images.headers import Format, read_header, sniff
from docdex.images.heic import decode_heic
from docdex.images.page import Encoded, Limits, Page, PageSource, Refusal
from docdex.images.pdf import PdfFile
from docdex.images.ranges import ALL_PAGES, PageRanges
from docdex.images.tiff import TiffFile

_DEFAULT_LIMITS = Limits()


def read_pages(
    source: PageSource, *, limits: Limits = _DEFAULT_LIMITS, pages: str | None = None, short_side: int = 0
) -> Iterator[Page]:
    """The pages of one file, or of bytes, an array, a PIL image or a Page, one at a time.

    pages: ranges such as "1-3,7,10-", from 1; None is all. short_side: pixels that a page's short side must
    keep, so that more need not be decoded; 0 is full size, and arrays and images are given as they are.
    Raises an InputError for what cannot be read, MissingExtra for HEIC without its extra, InvalidSetting.
    """
    ranges = _settings(pages, short_side)
    return _only_pages(_read(source, limits, ranges, short_side))


def iter_pages(
    sources: Iterable[PageSource] | PageSource,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    pages: str | None = None,
    short_side: int = 0,
) -> Iterator[Page | Refusal]:
    """The pages of any number of sources in their order, folders included (all their files, `find_files`).

    What cannot be read comes as a Refusal in its place, a single page of a file too, and the rest goes on.
    Raises PageOutOfRange for malformed ranges and InvalidSetting. Otherwise like `read_pages`.
    """
    ranges = _settings(pages, short_side)
    single = isinstance(sources, (str, os.PathLike, bytes, bytearray, memoryview, np.ndarray, Page))
    many = [sources] if single or is_pil_image(sources) else sources
    return _read_all(many, limits, ranges, short_side)  # type: ignore[arg-type]


def _settings(pages: str | None, short_side: int) -> PageRanges:
    if short_side < 0:
        raise InvalidSetting(f"short_side must be 0 (full size) or more pixels; got {short_side}.")
    return ALL_PAGES if pages is None else PageRanges.parse(pages)


def _only_pages(found: Iterator[Page | Refusal]) -> Iterator[Page]:
    for item in found:
        if isinstance(item, Refusal):
            raise item.error
        yield item


def _read_all(
    sources: Iterable[PageSource], limits: Limits, ranges: PageRanges, short_side: int
) -> Iterator[Page | Refusal]:
    for source in sources:
        for item in _expand(source):
            if isinstance(item, Refusal):
                yield item
                continue
            try:
                yield from _read(item, limits, ranges, short_side)
            except DocdexError as error:
                yield Refusal(_name(item), None, error)


def _expand(source: PageSource) -> Iterable[PageSource | Refusal]:
    if not isinstance(source, (str, os.PathLike)):
        return [source]
    try:
        if not Path(source).is_dir():
            return [source]
        files = find_files(source)
    except DocdexError as error:
        return [Refusal(_name(source), None, error)]
    except (OSError, ValueError):
        return [source]  # a name too strange to ask about; reading it says why
    if not files:
        return [Refusal(_name(source), None, EmptySource(f"The folder {_name(source)} has no files."))]
    return files


def _name(source: object) -> str:
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    if isinstance(source, Page):
        return source.source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "<bytes>"
    return "<array>" if isinstance(source, np.ndarray) else "<image>"


def _read(
    source: PageSource, limits: Limits, ranges: PageRanges, short_side: int
) -> Iterator[Page | Refusal]:
    """Pages, and refusals of single pages; raises what concerns the whole source."""
    name = _name(source)
    if isinstance(source, (str, os.PathLike)):
        yield from _decode(_load(source, limits), name, limits, ranges, short_side)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield from _decode(bytes(source), name, limits, ranges, short_side)
    elif isinstance(source, Page):
        height, width = source.pixels.shape[:2]
        limits.check_pixels(name, width, height)
        yield source
    elif isinstance(source, np.ndarray):
        ranges.select(1, name)
        yield Page(pixels_of_array(source, limits), name)
    elif is_pil_image(source):
        ranges.select(1, name)
        yield Page(pixels_of_image(source, limits), name)
    else:
        raise InvalidSetting(
            f"A page comes from a path, bytes, a NumPy array, a PIL image or a Page; "
            f"not from {type(source).__name__}."
        )


def _load(path: str | os.PathLike[str], limits: Limits) -> bytes:
    """The bytes of a file, read by Python because OpenCV and PDFium stumble over some names."""
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _check_bytes(size, _name(path), limits)
            # A pipe has no size. Where there is one, asking for the limit's bytes would cost milliseconds.
            return file.read(size or limits.bytes + 1)
    except FileNotFoundError as error:
        raise SourceNotFound(f"No file at {_name(path)}.") from error
    except IsADirectoryError as error:
        raise SourceNotFound(f"{_name(path)} is a folder, not a file.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceNotFound(f"{_name(path)} cannot be read: {reason}.") from error


def _check_bytes(size: int, name: str, limits: Limits) -> None:
    if size > limits.bytes:
        raise SourceTooLarge(
            f"{name} has {size / 1e6:.1f} MB; the limit is {limits.bytes / 1e6:g} MB "
            f"(raise it with --max-megabytes or Limits(bytes=...))."
        )


def _decode(
    data: bytes, name: str, limits: Limits, ranges: PageRanges, short_side: int
) -> Iterator[Page | Refusal]:
    if not data:
        raise EmptySource(f"{name} is empty: it has no bytes.")
    _check_bytes(len(data), name, limits)
    kind = sniff(data, name)
    encoded = Encoded(data)
    if kind is Format.PDF:
        yield from _decode_pdf(encoded, name, limits, ranges, short_side)
        return
    if kind is Format.TIFF:
        yield from _decode_tiff(encoded, name, limits, ranges)
        return
    ranges.select(1, name)
    try:
        if kind is Format.HEIC:
            pixels = decode_heic(data, name, limits)
        else:
            header = read_header(data, kind, name)
            limits.check_pixels(name, header.width, header.height)
            pixels = decode_image(header, name, short_side)
    except MemoryError as error:
        raise _no_memory(name) from error
    yield Page(pixels, name, 1, encoded)


def _decode_pdf(
    encoded: Encoded, name: str, limits: Limits, ranges: PageRanges, short_side: int
) -> Iterator[Page | Refusal]:
    with PdfFile(encoded.data, name) as pdf:
        for number in _select(ranges, pdf.page_count, name, limits):
            try:
                page = Page(pdf.decode(number, limits, short_side), name, number, encoded)
            except InputError as error:
                yield Refusal(name, number, error)
            except MemoryError:
                yield Refusal(name, number, _no_memory(f"{name} page {number}"))
            else:
                yield page


def _decode_tiff(encoded: Encoded, name: str, limits: Limits, ranges: PageRanges) -> Iterator[Page | Refusal]:
    tiff = TiffFile(encoded.data, name)
    for number in _select(ranges, len(tiff.pages), name, limits):
        directory = tiff.pages[number - 1]
        title = f"{name} page {number}" if len(tiff.pages) > 1 else name
        try:
            if isinstance(directory, DocdexError):
                raise directory
            limits.check_pixels(title, directory.width, directory.height)
            page = Page(decode_tiff_page(tiff.patched(directory), directory, title), name, number, encoded)
        except InputError as error:
            yield Refusal(name, number, error)
        except MemoryError:
            yield Refusal(name, number, _no_memory(title))
        else:
            yield page


def _select(ranges: PageRanges, count: int, name: str, limits: Limits) -> list[int]:
    selected = ranges.select(count, name)
    if len(selected) > limits.pdf_pages:
        raise TooManyPages(
            f"{name} has {len(selected)} pages to read; the limit is {limits.pdf_pages} "
            f"(choose some with --pages, or raise it with --max-pages or Limits(pdf_pages=...))."
        )
    return selected


def _no_memory(name: str) -> PageTooLarge:
    return PageTooLarge(f"{name} needs more memory than there is.")
