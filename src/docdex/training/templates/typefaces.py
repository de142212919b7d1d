"""Set drawn pages in real typefaces, since the strokes of plotter fonts look like no printed document."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from docdex.errors import TrainingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EM = 34
"""Pixels of a typeface's em that look as large as OpenCV's plotter fonts at scale 1."""


@dataclass(frozen=True, slots=True)
class Typeface:
    """A typeface from a package's files, or one of OpenCV's plotter fonts.

    package: importable name, or None for a plotter font. regular, bold: files inside the package. plotter:
    OpenCV's number.
    """

    package: str | None = None
    regular: str = ""
    bold: str = ""
    plotter: int = cv2.FONT_HERSHEY_SIMPLEX

    def write(
        self,
        canvas: NDArray[np.uint8],
        words: str,
        place: tuple[int, int],
        *,
        size: float,
        colour: tuple[int, int, int],
        bold: bool = False,
    ) -> None:
        """Words on a canvas (H, W, 3) uint8, drawn into.

        place: (x, y) where the baseline starts, pixels. size: in the scale of OpenCV's plotter fonts.
        """
        if self.package is None:
            cv2.putText(canvas, words, place, self.plotter, size, colour, 2 if bold else 1, cv2.LINE_AA)
            return
        face = _load(self.package, self.bold if bold else self.regular)
        cv2.putText(canvas, words, place, colour, face, _pixels(size))

    def width(self, words: str, size: float) -> int:
        """Pixels that words take up from left to right, in the size that `write` has."""
        if self.package is None:
            return int(cv2.getTextSize(words, self.plotter, size, 1)[0][0])
        face = _load(self.package, self.regular)
        return int(cv2.getTextSize((0, 0), words, (0, 0), face, _pixels(size))[2])


def _pixels(size: float) -> int:
    return max(5, round(size * _EM))


@functools.cache
def _load(package: str, file: str) -> cv2.FontFace:
    spec = importlib.util.find_spec(package)
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    for folder in folders:
        if (path := Path(folder, file)).is_file():
            return cv2.FontFace(str(path))
    raise TrainingError(f"Typeface {file} of package {package} is missing: pip install 'docdex[train]'.")


def _of(package: str, regular: str, bold: str) -> Typeface:
    return Typeface(package, regular, bold)


_DEJAVU = "mpl-data/fonts/ttf/"
TYPEWRITERS = (
    _of("matplotlib", _DEJAVU + "DejaVuSansMono.ttf", _DEJAVU + "DejaVuSansMono-Bold.ttf"),
    _of("matplotlib", _DEJAVU + "cmtt10.ttf", _DEJAVU + "cmtt10.ttf"),
)
PRINTED_FACES = (
    *TYPEWRITERS,
    _of("matplotlib", _DEJAVU + "DejaVuSans.ttf", _DEJAVU + "DejaVuSans-Bold.ttf"),
    _of("matplotlib", _DEJAVU + "DejaVuSerif.ttf", _DEJAVU + "DejaVuSerif-Bold.ttf"),
    _of("matplotlib", _DEJAVU + "STIXGeneral.ttf", _DEJAVU + "STIXGeneralBol.ttf"),
    _of("font_roboto", "files/Roboto-Regular.ttf", "files/Roboto-Bold.ttf"),
    _of("font_roboto", "files/Roboto-Light.ttf", "files/Roboto-Medium.ttf"),
    _of("font_source_sans_pro", "files/SourceSansPro-Regular.ttf", "files/SourceSansPro-Bold.ttf"),
    _of("font_source_serif_pro", "files/SourceSerifPro-Regular.ttf", "files/SourceSerifPro-Bold.ttf"),
    _of("font_lato", "files/Lato-Regular.ttf", "files/Lato-Bold.ttf"),
)
MACHINE_FACE = Typeface(plotter=cv2.FONT_HERSHEY_PLAIN)
PLOTTER_FACES = (
    Typeface(plotter=cv2.FONT_HERSHEY_SIMPLEX),
    Typeface(plotter=cv2.FONT_HERSHEY_DUPLEX),
    Typeface(plotter=cv2.FONT_HERSHEY_COMPLEX),
    Typeface(plotter=cv2.FONT_HERSHEY_TRIPLEX),
    MACHINE_FACE,
)
