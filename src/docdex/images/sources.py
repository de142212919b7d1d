"""Reads whatever a user points at as pictures, page by page."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from docdex.errors import DocdexError, InputError, InvalidSetting, PageTooLarge
from docdex.images.arrays import is_pil_image, pixels_of_array, pixels_of_image
from docdex.images.decode import decode_image, decode_tiff_page
from docdex.images.headers import Format, read_header, sniff
from docdex.images.heic import decode_heic
from docdex.images.page import Encoded, Limits, Page, PageSource, Refusal
from docdex.images.pdf import PdfFile
from docdex.images.ranges import ALL_PAGES, PageRanges
from docdex.images.tiff import TiffFile
from docdex.images.walk import check_content, load_file, name_of, only_pages, select_pages, walk

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
    return only_pages(_read(source, limits, ranges, short_side))


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
    return walk(sources, partial(_read, limits=limits, ranges=ranges, short_side=short_side))


def _settings(pages: str | None, short_side: int) -> PageRanges:
    if short_side < 0:
        raise InvalidSetting(f"short_side must be 0 (full size) or more pixels; got {short_side}.")
    return ALL_PAGES if pages is None else PageRanges.parse(pages)


def _read(
    source: PageSource, limits: Limits, ranges: PageRanges, short_side: int
) -> Iterator[Page | Refusal]:
    """Pages, and refusals of single pages; raises what concerns the whole source."""
    name = name_of(source)
    if isinstance(source, (str, os.PathLike)):
        yield from decode_pages(Encoded(load_file(source, limits)), name, limits, ranges, short_side)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield from decode_pages(Encoded(bytes(source)), name, limits, ranges, short_side)
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


def decode_pages(
    encoded: Encoded, name: str, limits: Limits, ranges: PageRanges, short_side: int
) -> Iterator[Page | Refusal]:
    """The pages of one file's bytes, called `name` in messages, and refusals of single pages.

    Raises what concerns the whole file. short_side: as in `read_pages`.
    """
    check_content(encoded.data, name, limits)
    kind = sniff(encoded.data, name)
    if kind is Format.PDF:
        yield from _decode_pdf(encoded, name, limits, ranges, short_side)
        return
    if kind is Format.TIFF:
        yield from _decode_tiff(encoded, name, limits, ranges)
        return
    ranges.select(1, name)
    try:
        if kind is Format.HEIC:
            pixels = decode_heic(encoded.data, name, limits)
        else:
            header = read_header(encoded.data, kind, name)
            limits.check_pixels(name, header.width, header.height)
            pixels = decode_image(header, name, short_side)
    except MemoryError as error:
        raise no_memory(name) from error
    yield Page(pixels, name, 1, encoded)


def _decode_pdf(
    encoded: Encoded, name: str, limits: Limits, ranges: PageRanges, short_side: int
) -> Iterator[Page | Refusal]:
    with PdfFile(encoded.data, name) as pdf:
        for number in select_pages(ranges, pdf.page_count, name, limits):
            try:
                page = Page(pdf.decode(number, limits, short_side), name, number, encoded)
            except InputError as error:
                yield Refusal(name, number, error)
            except MemoryError:
                yield Refusal(name, number, no_memory(f"{name} page {number}"))
            else:
                yield page


def _decode_tiff(encoded: Encoded, name: str, limits: Limits, ranges: PageRanges) -> Iterator[Page | Refusal]:
    tiff = TiffFile(encoded.data, name)
    for number in select_pages(ranges, len(tiff.pages), name, limits):
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
            yield Refusal(name, number, no_memory(title))
        else:
            yield page


def no_memory(name: str) -> PageTooLarge:
    """The error for a page that Python had no memory for."""
    return PageTooLarge(f"{name} needs more memory than there is.")
