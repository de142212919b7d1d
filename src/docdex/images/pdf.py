"""Turns the pages of a PDF into pixels, one at a time, taking a scan's own JPEG where a page is just that."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from docdex.errors import DamagedSource, EmptySource, PasswordProtected, UnsupportedFormat
from docdex.images.decode import decode_image
from docdex.images.headers import Format, read_header, sniff
from docdex.images.page import Limits

if TYPE_CHECKING:
    import pypdfium2

# PDFium keeps global state. Re-entrant, because a document may be closed by the garbage collector under it.
_lock = threading.RLock()

# Of a rendered page's short side, at least: below it, thin lines and small print break up.
_LEAST_SIDE = 512
# Where full size is asked for: A4 at 150 dpi. A drawn page has no size in pixels of its own.
_FULL_SIDE = 1240

_EDGE = 0.01
_SAME_ASPECT = 0.02
_DEEPEST = 8
_INVISIBLE_TEXT = 3

# Keys that change how an image looks on its page. Image dictionaries are never compressed, so a search of the
# whole file finds them; a chance hit inside a stream only means that a page is rendered.
_ALTERS_IMAGES = re.compile(rb"/(?:Decode|S?Mask)\s*[\[\d]|/ColorTransform")
_LINEARISED_LENGTH = re.compile(rb"/Linearized.{0,200}?/L\s+(\d{1,12})", re.DOTALL)


class PdfFile:
    """An open PDF; a context manager. data: the whole file. name: what messages call it.

    Raises PasswordProtected, EmptySource or DamagedSource when opened.
    """

    def __init__(self, data: bytes, name: str) -> None:
        import pypdfium2

        self._data = data
        self._name = name
        self._scans_are_plain: bool | None = None
        _check_complete(data, name)
        with _lock:
            # Not through PdfDocument, which gives the error of the document before for one without pages.
            handle = pypdfium2.raw.FPDF_LoadMemDocument64(data, len(data), None)
            if not handle:
                if pypdfium2.raw.FPDF_GetLastError() == pypdfium2.raw.FPDF_ERR_PASSWORD:
                    raise PasswordProtected(f"{name} asks for a password. Save it without one and try again.")
                raise DamagedSource(f"{name} is a damaged PDF: PDFium cannot open it.")
            self._document = pypdfium2.PdfDocument(handle)
            self.page_count = len(self._document)
            if self.page_count and self._document.get_formtype() != pypdfium2.raw.FORMTYPE_NONE:
                self._document.init_forms()  # what is filled into a form is part of the page
        if not self.page_count:
            self.close()
            raise EmptySource(f"{name} is a PDF without pages.")

    def __enter__(self) -> PdfFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what PDFium holds. Harmless when repeated."""
        with _lock:
            self._document.close()

    def decode(self, number: int, limits: Limits, short_side: int = 0) -> NDArray[np.uint8]:
        """Pixels (H, W, 3) uint8 RGB of a page, counted from 1. Raises DamagedSource, PageTooLarge.

        short_side: pixels that the short side must keep; 0 is full size.
        """
        name = f"{self._name} page {number}"
        with self._open_page(number, name) as page:
            scan = self._find_scan(page, name, limits)
            if scan is None:
                return _render(page, name, limits, short_side)
        try:
            return scan.decode(name, limits, short_side)
        except (DamagedSource, UnsupportedFormat):
            # PDFium draws what can be saved of a scan that is no whole JPEG, or it says that nothing can.
            with self._open_page(number, name) as page:
                return _render(page, name, limits, short_side)

    def read_text(self, number: int, limits: Limits) -> str:
        """The words laid on a page, counted from 1; empty for a scan. Raises DamagedSource, PageTooLarge."""
        name = f"{self._name} page {number}"
        with self._open_page(number, name) as page, contextlib.closing(page.get_textpage()) as words:
            limits.check_characters(name, words.count_chars())
            return str(words.get_text_bounded())

    def shows_anything(self, number: int) -> bool:
        """Whether a page, counted from 1, has anything drawn on it. Raises DamagedSource."""
        from pypdfium2 import raw

        with self._open_page(number, f"{self._name} page {number}") as page:
            return bool(raw.FPDFPage_CountObjects(page) or raw.FPDFPage_GetAnnotCount(page))

    @contextlib.contextmanager
    def _open_page(self, number: int, name: str) -> Iterator[pypdfium2.PdfPage]:
        import pypdfium2

        with _lock:
            page = None
            try:
                page = self._document[number - 1]
                yield page
            except pypdfium2.PdfiumError as error:
                raise DamagedSource(f"{name} is damaged: PDFium cannot draw it.") from error
            finally:
                if page is not None:
                    page.close()

    def _find_scan(self, page: pypdfium2.PdfPage, name: str, limits: Limits) -> _Scan | None:
        """The JPEG that a page is made of, if that is all there is to see. Raises PageTooLarge."""
        from pypdfium2 import raw

        image, is_alone = None, True
        for item in page.get_objects(max_depth=_DEEPEST):
            if item.type == raw.FPDF_PAGEOBJ_IMAGE:
                # PDFium ends the process where memory ends, so it must not meet such an image.
                limits.check_pixels(f"An image on {name}", *item.get_px_size())
                is_alone = is_alone and image is None and item.level == 0
                image = item
            elif item.level == 0 and not _is_invisible(item):
                is_alone = False
        if image is None or not is_alone or raw.FPDFPage_GetAnnotCount(page):
            return None
        if raw.FPDFImageObj_GetImageFilterCount(image) != 1:
            return None
        if not _fills(image, page) or not self._shows_as_stored(image):
            return None
        return _Scan(bytes(image.get_data()), page.get_rotation())

    def _shows_as_stored(self, image: pypdfium2.PdfImage) -> bool:
        from pypdfium2 import raw

        colours = (
            raw.FPDF_COLORSPACE_DEVICEGRAY,
            raw.FPDF_COLORSPACE_DEVICERGB,
            raw.FPDF_COLORSPACE_ICCBASED,
        )
        if image.get_metadata().colorspace not in colours or raw.FPDFPageObj_HasTransparency(image):
            return False
        clip = raw.FPDFPageObj_GetClipPath(image)
        if clip and raw.FPDFClipPath_CountPaths(clip) > 0:
            return False
        if self._scans_are_plain is None:
            self._scans_are_plain = _ALTERS_IMAGES.search(self._data) is None
        return self._scans_are_plain


@dataclass(frozen=True, slots=True)
class _Scan:
    """A page's own JPEG. rotation: clockwise, in degrees, as the page asks to be shown."""

    jpeg: bytes
    rotation: int

    def decode(self, name: str, limits: Limits, short_side: int) -> NDArray[np.uint8]:
        header = read_header(self.jpeg, sniff(self.jpeg, name), name)
        if header.format is not Format.JPEG or header.components not in (1, 3):
            raise DamagedSource(f"The scan of {name} is no JPEG in grey or colour.")
        limits.check_pixels(name, header.width, header.height)
        # A PDF shows an image as stored; the camera's note on how it was held does not count inside one.
        pixels = decode_image(replace(header, orientation=1), name, short_side)
        return np.ascontiguousarray(np.rot90(pixels, -(self.rotation // 90)))


def _is_invisible(item: pypdfium2.PdfObject) -> bool:
    from pypdfium2 import raw

    # The words that text recognition lays under a scan.
    if item.type != raw.FPDF_PAGEOBJ_TEXT:
        return False
    return bool(raw.FPDFTextObj_GetTextRenderMode(item) == _INVISIBLE_TEXT)


def _fills(image: pypdfium2.PdfImage, page: pypdfium2.PdfPage) -> bool:
    """Whether an image lies upright, undistorted and edge to edge on its page."""
    matrix = image.get_matrix()
    left, bottom, right, top = page.get_bbox()
    width, height = right - left, top - bottom
    across, up = _EDGE * width, _EDGE * height
    if abs(matrix.b) > up or abs(matrix.c) > across or width <= 0 or height <= 0:
        return False
    edges_meet = (
        abs(matrix.e - left) <= across
        and abs(matrix.f - bottom) <= up
        and abs(matrix.e + matrix.a - right) <= across
        and abs(matrix.f + matrix.d - top) <= up
    )
    columns, rows = image.get_px_size()
    if rows < 1 or not edges_meet:
        return False
    return bool(abs(columns / rows * height / width - 1) <= _SAME_ASPECT)


def _render(page: pypdfium2.PdfPage, name: str, limits: Limits, short_side: int) -> NDArray[np.uint8]:
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise DamagedSource(f"{name} is damaged: it measures {width:g} x {height:g} points.")
    side = max(short_side, _LEAST_SIDE) if short_side else _FULL_SIDE
    scale = side / min(width, height)
    limits.check_pixels(name, round(width * scale), round(height * scale))
    bitmap = page.render(scale=scale, rev_byteorder=True)
    try:
        return np.array(bitmap.to_numpy()[..., :3])
    finally:
        bitmap.close()


def _check_complete(data: bytes, name: str) -> None:
    """Raise DamagedSource for a PDF without its end: PDFium mends what is left and loses pages silently."""
    linearised = _LINEARISED_LENGTH.search(data[:2048])
    promised = int(linearised[1]) if linearised else 0
    has_end = data.rfind(b"startxref") >= 0 or data.rfind(b"%%EOF") >= 0
    if not has_end or promised > len(data):
        raise DamagedSource(f"{name} is a truncated PDF: its end is missing. Get it again.")
