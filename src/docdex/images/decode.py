"""Decodes one image to upright RGB, 8 bits, no larger than it has to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from docdex.errors import DamagedSource, PageTooLarge, UnsupportedFormat
from docdex.images.headers import Format, Header
from docdex.images.quiet import quiet_opencv

if TYPE_CHECKING:
    from docdex.images.tiff import Directory

Pixels = NDArray[np.uint8]


def decode_image(header: Header, name: str, short_side: int = 0) -> Pixels:
    """Pixels (H, W, 3) uint8 RGB of an image whose header was checked. Raises DamagedSource.

    short_side: a JPEG is decoded at 1/2, 1/4 or 1/8 while its short side keeps this many pixels; 0 is full.
    """
    import cv2

    encoded = np.frombuffer(header.data, np.uint8)
    if header.format is Format.JPEG:
        reduction = _reduction(header, short_side)
        if reduction is None:
            pixels = _decode(encoded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION, name)
        else:
            # OpenCV refuses reduced decoding straight to RGB; what is left to swap is small.
            pixels = _decode(encoded, reduction | cv2.IMREAD_IGNORE_ORIENTATION, name)
            cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
    elif header.has_padding:
        pixels = _decode(encoded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION, name)
    else:
        pixels = to_rgb(_decode(encoded, cv2.IMREAD_UNCHANGED, name), name)
    return turn_upright(pixels, header.orientation)


def decode_tiff_page(encoded: Pixels, directory: Directory, name: str) -> Pixels:
    """Pixels (H, W, 3) uint8 RGB of the page a patched TIFF begins with. Raises DamagedSource."""
    import cv2

    stored = _decode(encoded, cv2.IMREAD_UNCHANGED, name)
    if directory.white_is_zero and directory.bits == 16:
        stored = cv2.bitwise_not(stored)  # OpenCV turns only 1-bit and 8-bit samples round
    if directory.alpha == "none" and stored.ndim == 3:
        stored = stored[..., :3]
    pixels = to_rgb(stored, name, premultiplied=directory.alpha == "premultiplied")
    return turn_upright(pixels, directory.orientation)


def _reduction(header: Header, short_side: int) -> int | None:
    import cv2

    if short_side < 1:
        return None
    for factor, flag in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if min(header.width, header.height) >= factor * short_side:
            return flag
    return None


def _decode(encoded: Pixels, flags: int, name: str) -> NDArray[Any]:
    import cv2

    try:
        with quiet_opencv():
            pixels = cv2.imdecode(encoded, flags)
    except cv2.error as error:
        if error.code == cv2.Error.STS_NO_MEM:
            raise PageTooLarge(f"{name} needs more memory than there is.") from error
        if "CV_IO_MAX_IMAGE" in str(error):
            raise PageTooLarge(
                f"{name} is larger than OpenCV decodes; raise OPENCV_IO_MAX_IMAGE_PIXELS to allow it."
            ) from error
        raise DamagedSource(f"{name} is damaged: its image data cannot be decoded.") from error
    if pixels is None or pixels.size == 0:
        raise DamagedSource(f"{name} is damaged: its image data cannot be decoded.")
    return pixels


def to_rgb(stored: NDArray[Any], name: str, *, premultiplied: bool = False) -> Pixels:
    """RGB over white of what OpenCV gives unchanged: grey, BGR or BGRA, uint8 or uint16 (scaled, not cut).

    premultiplied: the colours are multiplied by their alpha already. Raises UnsupportedFormat for others.
    """
    import cv2

    if stored.dtype == np.uint16:
        stored = cv2.convertScaleAbs(stored, alpha=1 / 257)
    if stored.dtype != np.uint8:
        raise UnsupportedFormat(
            f"{name} has samples of type {stored.dtype}; docdex reads 8 or 16 bits unsigned."
        )
    if stored.ndim == 2:
        return cv2.cvtColor(stored, cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]
    if stored.shape[2] == 3:
        return cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]
    if stored.shape[2] != 4:
        raise UnsupportedFormat(f"{name} has {stored.shape[2]} channels; docdex reads grey, RGB and RGBA.")
    return over_white(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGB), stored[..., 3], premultiplied=premultiplied)


def over_white(colour: NDArray[Any], alpha: NDArray[Any], *, premultiplied: bool = False) -> Pixels:
    """What paper shows through: colour (H, W, 3) and alpha (H, W), uint8, laid over white."""
    import cv2

    if int(alpha.min()) == 255:
        return colour
    coverage = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    if premultiplied:
        return cv2.add(colour, cv2.bitwise_not(coverage))  # type: ignore[return-value]
    ink = cv2.multiply(cv2.bitwise_not(colour), coverage, scale=1 / 255)
    return cv2.bitwise_not(ink)  # type: ignore[return-value]


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation, 1-8 (EXIF 2.32, tag 0x0112), so that the page stands as it should be seen."""
    import cv2

    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)  # type: ignore[assignment]
    # After the transposition each of the eight is a flip: 1 across, 0 down, -1 both.
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else cv2.flip(pixels, flip)  # type: ignore[return-value]
