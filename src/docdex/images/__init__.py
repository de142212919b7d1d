"""The door of the room that turns what a user gives (paths, folders, bytes, PDFs, arrays) into pages.

Everything here is decided by content, never by a file's name. Limits are checked from headers, before
pixels are decoded, and every refusal is an error of `docdex.errors`.

`walk` and what goes with it serve rooms that read something else than pixels from the same sources.
"""

from docdex.images.arrays import is_pil_image
from docdex.images.files import find_files
from docdex.images.headers import Format, sniff
from docdex.images.page import Encoded, Limits, Page, PageSource, Refusal, page_number
from docdex.images.pdf import PdfFile
from docdex.images.quiet import mute_decoders
from docdex.images.ranges import ALL_PAGES, PageRanges
from docdex.images.sources import decode_pages, iter_pages, no_memory, read_pages
from docdex.images.walk import check_content, load_file, name_of, only_pages, select_pages, walk

__all__ = [
    "ALL_PAGES",
    "Encoded",
    "Format",
    "Limits",
    "Page",
    "PageRanges",
    "PageSource",
    "PdfFile",
    "Refusal",
    "check_content",
    "decode_pages",
    "find_files",
    "is_pil_image",
    "iter_pages",
    "load_file",
    "mute_decoders",
    "name_of",
    "no_memory",
    "only_pages",
    "page_number",
    "read_pages",
    "select_pages",
    "sniff",
    "walk",
]
