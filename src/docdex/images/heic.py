"""Decodes HEIC, what phones of one maker write, through the optional package pillow-heif."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from docdex.errors import DamagedSource, MissingExtra
from docdex.images.decode import over_white
from docdex.images.page import Limits


def decode_heic(data: bytes, name: str, limits: Limits) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) uint8 RGB of the primary image. Raises MissingExtra, PageTooLarge, DamagedSource."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtra(f"{name} is HEIC, which needs an extra: pip install 'docdex[heic]'.") from error
    try:
        image = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
        width, height = image.size
        if width < 1 or height < 1:
            raise DamagedSource(f"{name} is a damaged HEIC: it claims {width} x {height} pixels.")
        limits.check_pixels(name, width, height)
        # libheif turns the image itself; the EXIF orientation that such files carry too must not count again.
        mode, pixels = image.mode, np.asarray(image)
    except (ValueError, IndexError, EOFError, OSError, RuntimeError, SyntaxError) as error:
        raise DamagedSource(f"{name} is a damaged HEIC: its image data cannot be decoded.") from error
    if pixels.ndim == 2:
        return _three_channels(pixels[..., np.newaxis])
    if mode == "RGB":
        return np.ascontiguousarray(pixels)
    colour, alpha = _three_channels(pixels[..., :-1]), np.ascontiguousarray(pixels[..., -1])
    return over_white(colour, alpha, premultiplied=mode.endswith("a"))


def _three_channels(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(colour, (*colour.shape[:2], 3)))
