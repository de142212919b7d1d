"""The door of the room that turns what a user gives (paths, folders, bytes, PDFs, arrays) into pages.

Everything here is decided by content, never by a file's name. Limits are checked from headers, before
pixels are decoded, and every refusal is an error of `docdex.errors`.
"""

from docdex.images.files import find_files
from docdex.images.page import Limits, Page, PageSource, Refusal
from docdex.images.quiet import mute_decoders
from docdex.images.sources import iter_pages, read_pages

__all__ = [
    "Limits",
    "Page",
    "PageSource",
    "Refusal",
    "find_files",
    "iter_pages",
    "mute_decoders",
    "read_pages",
]
