"""Takes pages that a program already holds: NumPy arrays and PIL images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from docdex.errors import DamagedSource, EmptySource, UnsupportedFormat
from docdex.images.decode import over_white
from docdex.images.page import Limits

if TYPE_CHECKING:
    from PIL.Image import Image


def is_pil_image(source: object) -> bool:
    """Whether this is a PIL image, told without importing PIL, which the base install does not have."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(source).__mro__)


def pixels_of_array(array: NDArray[np.generic], limits: Limits) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) of an array that is uint8 RGB (H, W, 3) or grey (H, W).

    Raises UnsupportedFormat for other shapes and types, EmptySource, PageTooLarge.
    """
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise UnsupportedFormat(
            f"An array must be uint8 RGB (height, width, 3) or grey (height, width); "
            f"this one is {array.dtype} {array.shape}."
        )
    if array.size == 0:
        raise EmptySource(f"The array of shape {array.shape} has no pixels.")
    height, width = array.shape[:2]
    limits.check_pixels("The array", width, height)
    pixels = array.astype(np.uint8, copy=False)
    return pixels if array.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)


def pixels_of_image(image: Image, limits: Limits) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) uint8 RGB of a PIL image of any mode, over white, turned as its EXIF says.

    Raises EmptySource, PageTooLarge, and DamagedSource if PIL cannot load what the image was opened from.
    """
    from PIL import ImageOps

    width, height = image.size
    if width < 1 or height < 1:
        raise EmptySource(f"The PIL image of {width} x {height} has no pixels.")
    limits.check_pixels("The PIL image", width, height)
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            return _deep_grey(np.asarray(upright), upright.mode)
        # Not `has_transparency_data`: Pillow has it since 10.1, and which Pillow there is, its user chooses.
        if upright.mode == "P" or "transparency" in upright.info or upright.getbands()[-1] in ("A", "a"):
            pixels = np.asarray(upright.convert("RGBA"))
            return over_white(np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3]))
        return np.array(upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedSource(f"The PIL image cannot be loaded: {error}.") from error


def _deep_grey(grey: NDArray[Any], mode: str) -> NDArray[np.uint8]:
    # PIL itself cuts such samples off at 255. "I" holds 16-bit PNGs since long before "I;16" did.
    if mode == "F" or int(grey.min()) < 0 or int(grey.max()) > 65535:
        raise UnsupportedFormat(f"A PIL image of mode {mode} must hold 16-bit samples, 0 to 65535.")
    scaled = np.rint(grey / 257).astype(np.uint8)
    return np.repeat(scaled[..., np.newaxis], 3, axis=2)
