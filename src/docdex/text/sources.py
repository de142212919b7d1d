"""Reads whatever a user points at as text, page by page, and lets one bad input cost only itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TypeAlias

import numpy as np

from docdex.errors import DocdexError, InvalidSetting, MissingExtra
from docdex.images import (
    ALL_PAGES,
    Encoded,
    Limits,
    Page,
    PageRanges,
    PageSource,
    PdfFile,
    Refusal,
    check_content,
    decode_pages,
    is_pil_image,
    iter_pages,
    load_file,
    name_of,
    no_memory,
    only_pages,
    select_pages,
    walk,
)
from docdex.text.collector import Collector, tidy
from docdex.text.docx import read_docx
from docdex.text.encodings import decode, find_declared
from docdex.text.html import is_html, read_html
from docdex.text.kinds import Kind, tell_kind
from docdex.text.mail import read_mail
from docdex.text.markdown import strip_marks
from docdex.text.ocr import Ocr, read_words
from docdex.text.page import TextPage

TextSource: TypeAlias = "PageSource | TextPage"
"""A file, bytes, a page of text, or a picture of any kind, whose words are read by OCR."""

_DEFAULT_LIMITS = Limits()

_SHORT_SIDE = 1240
"""Pixels of a page's short side for OCR: A4 at 150 dpi, where small print is ten pixels high."""

_START = 2048
_MOST_BYTES = 4


def read_text_pages(
    source: TextSource, *, limits: Limits = _DEFAULT_LIMITS, pages: str | None = None, ocr: Ocr = read_words
) -> Iterator[TextPage]:
    """The pages of one file, of bytes, or of a picture, one at a time.

    A PDF has its pages; every other document is one. pages: ranges such as "1-3,7,10-", from 1; None is all.
    ocr: reads pictures, and pages of a PDF that have no text.

    Raises an InputError for what cannot be read, MissingExtra for pictures without the extra `ocr` and for
    some encodings without the extra `text`, InvalidSetting.
    """
    return only_pages(_read(source, limits, _parse(pages), ocr))


def iter_text_pages(
    sources: Iterable[TextSource] | TextSource,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    pages: str | None = None,
    ocr: Ocr = read_words,
) -> Iterator[TextPage | Refusal]:
    """The pages of any number of sources in their order, folders included (all their files).

    What cannot be read comes as a Refusal in its place, a single page of a file too, and the rest goes on.
    Raises PageOutOfRange for malformed ranges. Otherwise like `read_text_pages`.
    """
    return walk(sources, partial(_read, limits=limits, ranges=_parse(pages), ocr=ocr))


def _parse(pages: str | None) -> PageRanges:
    return ALL_PAGES if pages is None else PageRanges.parse(pages)


def _read(source: TextSource, limits: Limits, ranges: PageRanges, ocr: Ocr) -> Iterator[TextPage | Refusal]:
    name = name_of(source)
    if isinstance(source, TextPage):
        limits.check_characters(name, len(source.text))
        yield source
    elif isinstance(source, (str, os.PathLike)):
        yield from _decode(Encoded(load_file(source, limits)), name, limits, ranges, ocr)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield from _decode(Encoded(bytes(source)), name, limits, ranges, ocr)
    elif isinstance(source, (Page, np.ndarray)) or is_pil_image(source):
        if not isinstance(source, Page):
            ranges.select(1, name)
        yield from _read_pictures(iter_pages([source], limits=limits), ocr, limits)
    else:
        raise InvalidSetting(
            f"Text comes from a path, bytes, a TextPage, a NumPy array, a PIL image or a Page; "
            f"not from {type(source).__name__}."
        )


def _decode(
    encoded: Encoded, name: str, limits: Limits, ranges: PageRanges, ocr: Ocr
) -> Iterator[TextPage | Refusal]:
    check_content(encoded.data, name, limits)
    kind = tell_kind(encoded.data, name)
    if kind is Kind.PDF:
        yield from _read_pdf(encoded, name, limits, ranges, ocr)
        return
    if kind is Kind.PICTURE:
        yield from _read_pictures(decode_pages(encoded, name, limits, ranges, _SHORT_SIDE), ocr, limits)
        return
    ranges.select(1, name)
    try:
        text = _READERS[kind](encoded.data, name, limits)
    except MemoryError as error:
        raise no_memory(name) from error
    yield TextPage(text, name, 1, encoded)


def _read_text(data: bytes, name: str, limits: Limits) -> str:
    """The words of HTML, Markdown or plain text."""
    # No encoding takes more bytes for a character, so most of what is too long need not be decoded.
    if not is_html(data[:_START].decode("latin-1")):
        limits.check_characters(name, len(data) // _MOST_BYTES)
    text = decode(data, name, find_declared(data))
    if is_html(text):
        return read_html(text, name, limits)
    limits.check_characters(name, len(text))
    return tidy(strip_marks(tidy(text)))


_READERS = {Kind.DOCX: read_docx, Kind.MAIL: read_mail, Kind.TEXT: _read_text}


def _read_pdf(
    encoded: Encoded, name: str, limits: Limits, ranges: PageRanges, ocr: Ocr
) -> Iterator[TextPage | Refusal]:
    with PdfFile(encoded.data, name) as pdf:
        for number in select_pages(ranges, pdf.page_count, name, limits):
            try:
                collector = Collector(f"{name} page {number}", limits)
                collector.add(pdf.read_text(number, limits))
                if not collector.text() and pdf.shows_anything(number):
                    collector.add(_read_scan(pdf, number, f"{name} page {number}", limits, ocr))
                page = TextPage(collector.text(), name, number, encoded)
            except DocdexError as error:
                yield Refusal(name, number, error)
            except MemoryError:
                yield Refusal(name, number, no_memory(f"{name} page {number}"))
            else:
                yield page


def _read_scan(pdf: PdfFile, number: int, name: str, limits: Limits, ocr: Ocr) -> str:
    """The words of a page that has no layer of text, by OCR."""
    try:
        return ocr(pdf.decode(number, limits, _SHORT_SIDE))
    except MissingExtra as error:
        raise MissingExtra(f"{name} has no text layer, so it is a scan or drawn. {error.message}") from error


def _read_pictures(found: Iterator[Page | Refusal], ocr: Ocr, limits: Limits) -> Iterator[TextPage | Refusal]:
    for page in found:
        if isinstance(page, Refusal):
            yield page
            continue
        try:
            words = Collector(page.source, limits)
            words.add(ocr(page.pixels))
            read = TextPage(words.text(), page.source, page.number, page.encoded)
        except MissingExtra as error:
            yield Refusal(
                page.source, page.number, MissingExtra(f"{page.source} is a picture. {error.message}")
            )
        except DocdexError as error:
            yield Refusal(page.source, page.number, error)
        else:
            yield read
