from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.preprocess import VERSION, View, cut_margins, find_head, head_square, prepare

LEVEL = 2 / 255
"""One grey level in the model's range."""


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    side=st.sampled_from([16, 64, 144]),
    seed=st.integers(0, 99),
    view=st.sampled_from(["whole", "top"]),
)
def test_any_page_becomes_a_square_of_numbers_from_minus_one_to_one(
    height: int, width: int, side: int, seed: int, view: View
) -> None:
    prepared = prepare(noise(height, width, seed), side, view)
    assert prepared.shape == (3, side, side)
    assert prepared.dtype == np.float32
    assert prepared.flags.c_contiguous
    assert prepared.min() >= -1
    assert prepared.max() <= 1 + 1e-6


def test_black_is_minus_one_white_is_one_and_channels_keep_their_order() -> None:
    page = np.zeros((30, 20, 3), dtype=np.uint8)
    page[..., 0] = 255
    red, green, blue = prepare(page, 16)
    assert np.allclose(red, 1, atol=1e-6)
    assert (green == -1).all()
    assert (blue == -1).all()


def test_a_page_of_the_model_s_size_is_only_scaled() -> None:
    page = noise(64, 64)
    assert np.allclose(prepare(page, 64), page.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


def test_shrinking_averages_so_that_fine_print_is_grey() -> None:
    stripes = np.zeros((640, 640, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(prepare(stripes, 64)).max() < 0.02


def test_shrinking_by_a_whole_number_is_the_mean_of_blocks() -> None:
    page = noise(192, 320)
    means = page.reshape(64, 3, 64, 5, 3).mean(axis=(1, 3))
    assert np.allclose(prepare(page, 64), means.transpose(2, 0, 1) / 127.5 - 1, atol=LEVEL)


@pytest.mark.parametrize("shape", [(8, 8), (8, 200), (200, 8)])
def test_enlarging_gives_no_steps(shape: tuple[int, int]) -> None:
    ramp = np.zeros((*shape, 3), dtype=np.uint8)
    ramp[:] = np.linspace(0, 255, shape[1], dtype=np.uint8)[None, :, None]
    row = prepare(ramp, 64)[0, 32]
    assert (np.diff(row) >= -1e-6).all()
    assert np.diff(row).max() < 0.05  # a block's edge would be 0.29


def printed_sheet(
    print_at: tuple[slice, slice], *, height: int = 594, width: int = 420, ink: int = 30, paper: int = 250
) -> NDArray[np.uint8]:
    """A sheet with lines of letters in a part of it."""
    page = np.full((height, width, 3), paper, dtype=np.uint8)
    part = page[print_at]
    for top in range(0, len(part) - 5, 12):
        for left in range(0, part.shape[1] - 3, 6):
            part[top : top + 6, left : left + 3] = ink
    return page


def stained_sheet() -> NDArray[np.uint8]:
    """A blank sheet with three dark spots."""
    page = np.full((594, 420, 3), 250, dtype=np.uint8)
    for top, left in ((100, 80), (150, 200), (300, 120)):
        page[top : top + 40, left : left + 40] = 120
    return page


RECEIPT = (slice(60, 300), slice(40, 180))


@pytest.mark.parametrize(("ink", "paper"), [(30, 250), (170, 240), (60, 130)])
def test_a_receipt_on_a_sheet_is_cut_out_with_a_little_around_it(ink: int, paper: int) -> None:
    sheet = printed_sheet(RECEIPT, ink=ink, paper=paper)
    cut = cut_margins(sheet)
    assert np.shares_memory(cut, sheet)
    assert (cut == ink).all(axis=2).sum() == (sheet == ink).all(axis=2).sum()
    assert cut.shape[0] == pytest.approx(1.2 * 240, abs=12)
    assert cut.shape[1] == pytest.approx(1.2 * 140, abs=12)


def test_a_photo_with_a_light_gradient_and_a_table_around_is_cut_alike() -> None:
    sheet = printed_sheet(RECEIPT).astype(np.float32)
    sheet *= np.linspace(0.5, 1, sheet.shape[1])[None, :, None]
    photo = sheet.astype(np.uint8)
    photo[:, :6] = 40  # the table shows
    photo[-5:] = 20
    cut, clean = cut_margins(photo), cut_margins(printed_sheet(RECEIPT))
    assert np.allclose(cut.shape, clean.shape, atol=12)


def test_the_same_receipt_anywhere_on_any_sheet_is_cut_alike() -> None:
    one = cut_margins(printed_sheet(RECEIPT))
    other = cut_margins(printed_sheet((slice(200, 440), slice(300, 440)), height=700, width=600))
    assert np.allclose(one.shape, other.shape, atol=10)
    assert (one == 30).sum() == (other == 30).sum()


@pytest.mark.parametrize(
    "page",
    [
        printed_sheet((slice(30, 560), slice(30, 390))),
        np.full((400, 300, 3), 255, dtype=np.uint8),
        np.zeros((400, 300, 3), dtype=np.uint8),
        noise(400, 300),
        printed_sheet((slice(100, 106), slice(100, 109))),
        stained_sheet(),
        printed_sheet(RECEIPT)[:20],
        noise(1, 1),
        noise(1, 500),
    ],
    ids=["full", "blank", "black", "noise", "a mark", "stains", "a strip", "a pixel", "a line"],
)
def test_other_pages_are_left_whole(page: NDArray[np.uint8]) -> None:
    assert cut_margins(page).shape == page.shape


@settings(max_examples=200, deadline=None)
@given(
    height=st.integers(1, 60), width=st.integers(1, 300), dots=st.integers(0, 30), seed=st.integers(0, 999)
)
def test_of_a_page_of_any_shape_something_is_left(height: int, width: int, dots: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    page = np.full((height, width, 3), 250, dtype=np.uint8)
    page[rng.integers(0, height, dots), rng.integers(0, width // 3 + 1, dots).clip(0, width - 1)] = 10
    assert cut_margins(page).size > 0


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_cut_page_that_was_turned_is_the_input_turned(turns: int) -> None:
    page = printed_sheet(RECEIPT)
    turned = prepare(np.ascontiguousarray(np.rot90(page, turns)), 48)
    assert np.abs(turned - np.rot90(prepare(page, 48), turns, axes=(1, 2))).mean() < 0.02


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("shape", [(300, 300), (300, 210), (40, 40)])
def test_a_page_that_was_turned_is_the_input_turned(turns: int, shape: tuple[int, int]) -> None:
    page = noise(*shape)
    turned = prepare(np.ascontiguousarray(np.rot90(page, turns)), 48)
    assert np.allclose(turned, np.rot90(prepare(page, 48), turns, axes=(1, 2)), atol=1.01 * LEVEL)


def test_a_view_into_a_larger_array_is_prepared_like_its_copy() -> None:
    page = noise(100, 90)
    view = page[10:80, 5:77]
    assert np.array_equal(prepare(view, 32), prepare(view.copy(), 32))


def test_the_numbers_are_those_of_this_preprocess_version() -> None:
    """If this fails, `prepare` gives other numbers: raise VERSION, and every model needs new weights."""
    rows, columns = np.mgrid[0:90, 0:60]
    page = np.stack([rows * 2, columns * 4, (rows * columns) % 256], axis=2).astype(np.uint8)
    prepared = prepare(page, 16)
    assert VERSION == 3
    picked = prepared[[0, 1, 2, 0], [0, 7, 15, 8], [0, 9, 15, 3]]
    assert np.allclose(picked, [-0.9608, 0.1059, -0.0353, -0.2549], atol=1.01 * LEVEL)


def test_the_square_at_the_head_is_as_wide_as_the_page_and_nothing_is_missing_of_a_wide_one() -> None:
    page = np.random.default_rng(0).integers(0, 256, (130, 90, 3), dtype=np.uint8)
    assert np.array_equal(head_square(page), page[:90])
    assert np.array_equal(head_square(page.transpose(1, 0, 2)), page.transpose(1, 0, 2))


@pytest.mark.parametrize("page", [noise(300, 90), np.full((300, 90, 3), 240, np.uint8), noise(60, 2)])
def test_the_square_is_as_wide_as_a_slip_on_which_no_print_is_found(page: NDArray[np.uint8]) -> None:
    assert np.array_equal(head_square(page), page[: page.shape[1]])


def test_what_stands_below_the_square_at_the_head_changes_nothing_in_that_view() -> None:
    page = np.random.default_rng(0).integers(0, 256, (130, 90, 3), dtype=np.uint8)
    other = page.copy()
    other[90:] = 255 - other[90:]
    assert np.array_equal(prepare(page, 32, "top"), prepare(other, 32, "top"))
    assert not np.array_equal(prepare(page, 32), prepare(other, 32))


def slip(
    *, left: int = 20, right: int = 20, above: int = 20, items: int = 12, note: str = ""
) -> NDArray[np.uint8]:
    """A till slip whose print is 200 pixels wide, with other margins and other items; a note at its top."""
    page = np.full((above + 70 + 16 * items + 40, left + 200 + right, 3), 245, np.uint8)
    for row, words in enumerate(("SHOP OF ALL THINGS", "12 HIGH STREET", "TEL 0123 456789")):
        cv2.putText(page, words, (left + 10 + 12 * row, above + 12 + 18 * row), 1, 1.0, (20, 20, 20), 1)
    for row in range(items):
        baseline = above + 78 + 16 * row
        cv2.putText(page, f"item {row}", (left, baseline), 1, 0.9, (20, 20, 20), 1)
        cv2.putText(page, f"{row}.50", (left + 166, baseline), 1, 0.9, (20, 20, 20), 1)
    if note:
        cv2.putText(page, note, (6, 14), 5, 0.7, (40, 40, 140), 1)
    return page


def seen(page: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The head of a slip as a model sees it, at half the size so that a pixel more or less hardly counts."""
    return prepare(page, 48, "top")


def test_the_head_of_a_slip_is_seen_at_one_place_however_the_paper_was_cut() -> None:
    plain = slip(items=30)
    for other in (
        slip(left=60, items=30),
        slip(left=14, right=50, items=26),
        slip(above=120, items=30),
        slip(above=90, items=36, note="3180"),
    ):
        assert other.shape[0] >= 1.6 * other.shape[1]
        fitted = np.corrcoef(seen(plain).ravel(), seen(other).ravel())[0, 1]
        unfitted = np.corrcoef(*(prepare(page[: page.shape[1]], 48).ravel() for page in (plain, other)))[0, 1]
        assert fitted > 0.75
        assert unfitted < fitted - 0.2


def test_the_square_at_a_slips_head_is_a_square_of_the_page_itself() -> None:
    for page in (slip(items=20), slip(above=300, items=4), slip(left=90, right=90, items=50)):
        square = head_square(page)
        assert square.shape[0] == square.shape[1]
        assert 200 < len(square) < page.shape[1]
        assert np.shares_memory(square, page)


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 400),
    width=st.integers(1, 120),
    marks=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(1, 9)), max_size=40),
)
def test_however_little_is_printed_the_square_at_the_head_is_of_the_page(
    height: int, width: int, marks: list[tuple[float, float, int]]
) -> None:
    page = np.full((height, width, 3), 240, np.uint8)
    for down, along, size in marks:
        y, x = int(down * height), int(along * width)
        page[y : y + size, x : x + 2 * size] = 20
    square = head_square(page)
    assert np.shares_memory(square, page)
    assert 1 <= square.shape[1] <= width
    assert square.shape[0] == min(height, square.shape[1])
    rows, columns = find_head(page)
    assert np.array_equal(page[rows.start : rows.stop, columns.start : columns.stop], square)
    assert square.shape[:2] == (rows.stop - rows.start, columns.stop - columns.start)


def test_a_sheet_of_any_usual_shape_keeps_its_margins() -> None:
    sheet = np.full((297, 210, 3), 250, np.uint8)
    sheet[60:250, 70:150] = noise(190, 80)
    assert np.array_equal(head_square(sheet), sheet[:210])
