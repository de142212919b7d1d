from __future__ import annotations

import cv2
import numpy as np
import pytest

from docdex.errors import DocdexError
from docdex.examples import canvas as canvas_module
from docdex.examples.canvas import Box, Canvas, rgb, smooth

needs_fonts = pytest.mark.skipif(not hasattr(cv2, "FontFace"), reason="text needs the fonts of OpenCV 5")


def inked(canvas: Canvas) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not white."""
    rows, columns = np.nonzero((canvas.pixels < 200).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_a_colour_is_written_red_first() -> None:
    assert rgb("#ff8001") == (255, 128, 1)
    assert (Canvas(4, 3, "#ff8001").pixels == (255, 128, 1)).all()


def test_a_filled_box_covers_just_its_pixels() -> None:
    canvas = Canvas(40, 30)
    canvas.fill(Box(10, 5, 20, 12), "#000000")
    left, top, right, bottom = inked(canvas)
    assert (left, top) == (10, 5)
    assert abs(right - 29) <= 1
    assert abs(bottom - 16) <= 1


def test_what_is_drawn_within_a_box_is_cut_off_there() -> None:
    canvas = Canvas(40, 40)
    with canvas.within(Box(10, 10, 10, 10)):
        canvas.disc(15, 15, 14, "#000000")
    assert inked(canvas) == (10, 10, 19, 19)


def test_what_is_faint_lets_the_sheet_through() -> None:
    canvas = Canvas(20, 20)
    with canvas.faint(0.25):
        canvas.fill(canvas.box, "#000000")
    assert abs(int(canvas.pixels[10, 10, 0]) - 191) <= 1


def test_a_gradient_runs_from_the_first_colour_to_the_last() -> None:
    canvas = Canvas(50, 10)
    canvas.gradient(canvas.box, ["#000000", "#ffffff"])
    row = canvas.pixels[5, :, 0].astype(int)
    assert row[0] < 10
    assert row[-1] > 245
    assert (np.diff(row) >= 0).all()


def test_a_smooth_curve_passes_through_its_points() -> None:
    points = np.array([(0.0, 0.0), (3.0, 5.0), (8.0, 2.0), (9.0, 9.0)])
    curve = smooth(points, steps=10)
    assert all(np.abs(curve - point).sum(axis=1).min() < 1e-9 for point in points)


@needs_fonts
@pytest.mark.parametrize(
    ("align", "start", "end"), [("left", 100, 160), ("centre", 70, 130), ("right", 40, 100)]
)
def test_text_stands_where_it_is_aligned(align: str, start: int, end: int) -> None:
    canvas = Canvas(200, 60)
    size = 20 * 60 / Canvas(9, 9).text(0, 0, "HHHH", 20)  # as wide as 60 pixels
    canvas.text(100, 40, "HHHH", size, "#000000", align=align)  # type: ignore[arg-type]
    left, _, right, bottom = inked(canvas)
    assert abs(left - start) <= 4
    assert abs(right - end) <= 4
    assert abs(bottom - 39) <= 1


@needs_fonts
def test_text_turned_upright_is_as_tall_as_it_was_wide() -> None:
    level, upright = Canvas(200, 200), Canvas(200, 200)
    level.text(20, 150, "Upright", 24, "#000000")
    upright.text(150, 180, "Upright", 24, "#000000", angle=90)
    left, _, right, _ = inked(level)
    _, top, _, bottom = inked(upright)
    assert abs((right - left) - (bottom - top)) <= 1


@needs_fonts
def test_text_beyond_the_edge_is_cut_off_and_not_wrapped() -> None:
    canvas = Canvas(60, 100)
    canvas.text(30, 30, "much too long for this", 20, "#000000")
    canvas.text(500, 30, "outside", 20, "#000000")
    assert inked(canvas)[3] < 40


def test_without_the_fonts_of_opencv_5_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    canvas_module._font.cache_clear()
    with pytest.raises(DocdexError, match="opencv-python-headless 5"):
        Canvas(20, 20).text(2, 15, "words never written before", 12)
