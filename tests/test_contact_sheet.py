from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.contact_sheet import CARD, COLUMNS, GAP, HEADER, RED, TONES, WIDTH, Row, contact_sheet

PROBE = np.full((300, 200, 3), (10, 60, 200), np.uint8)
SAMPLE = np.full((100, 260, 3), (200, 60, 10), np.uint8)


def shows(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour, np.uint8)).all(axis=2).any())


def card(sheet: NDArray[np.uint8], place: int) -> NDArray[np.uint8]:
    x = GAP + place % COLUMNS * (CARD[0] + GAP)
    y = HEADER + place // COLUMNS * (CARD[1] + GAP)
    return sheet[y : y + CARD[1], x : x + CARD[0]]


def match(**changes: object) -> Row:
    facts = {
        "probe": PROBE,
        "decision": "match",
        "label": "claim/acme",
        "similarity": 0.87,
        "nearest": "claim/acme",
    }
    return Row(**{**facts, "sample": SAMPLE, **changes})  # type: ignore[arg-type]


def test_every_row_gets_a_card_with_its_probe_and_sample() -> None:
    sheet = contact_sheet([match()] * (COLUMNS + 1))
    assert sheet.dtype == np.uint8
    assert sheet.shape == (HEADER + 2 * (CARD[1] + GAP) + GAP, WIDTH, 3)
    for place in range(COLUMNS + 1):
        assert shows(card(sheet, place), (10, 60, 200))
        assert shows(card(sheet, place), (200, 60, 10))
    assert not shows(card(sheet, COLUMNS + 1), (10, 60, 200))


@pytest.mark.parametrize("decision", ["match", "ambiguous", "unknown"])
def test_a_decision_has_its_colour_and_no_other(decision: str) -> None:
    drawn = card(contact_sheet([match(decision=decision)]), 0)
    assert {name for name, tone in TONES.items() if shows(drawn, tone)} == {decision}


def test_only_an_answer_known_to_be_wrong_is_framed_in_red() -> None:
    sheet = contact_sheet([match(right=False), match(right=True), match(right=None)])
    assert [shows(card(sheet, place), RED) for place in range(3)] == [True, False, False]


def test_what_a_probe_really_is_is_said_below_it() -> None:
    plain, told = (card(contact_sheet([match(truth=truth)]), 0) for truth in (None, "claim/borealis"))
    caption = np.s_[204:226, : CARD[0] // 2]
    assert (plain[caption] != told[caption]).any()
    plain[caption] = told[caption]
    assert (plain == told).all()


def test_an_empty_gallery_still_gives_a_card() -> None:
    drawn = card(contact_sheet([Row(PROBE, "unknown", None, None)]), 0)
    assert shows(drawn, (10, 60, 200))
    assert shows(drawn, TONES["unknown"])


def test_no_rows_give_a_sheet_with_its_header_only() -> None:
    assert contact_sheet([]).shape == (HEADER + GAP, WIDTH, 3)


@pytest.mark.parametrize("shape", [(1, 4000, 3), (4000, 1, 3), (1, 1, 3)])
def test_a_picture_of_any_proportion_stays_in_its_room(shape: tuple[int, int, int]) -> None:
    drawn = card(contact_sheet([match(probe=np.zeros(shape, np.uint8), sample=None)]), 0)
    assert shows(drawn, (0, 0, 0))
    assert not shows(drawn[:, CARD[0] // 2 :], (0, 0, 0))


def test_a_long_label_keeps_its_end_inside_the_card() -> None:
    short = contact_sheet([match(label="x/second-generation")])
    long = contact_sheet([match(label="/".join(["a-long-segment"] * 8) + "/second-generation")])
    assert (short != long).any()
    outside = np.ones(short.shape[:2], bool)
    outside[HEADER : HEADER + CARD[1], GAP : GAP + CARD[0]] = False
    assert (short[outside] == long[outside]).all()


def test_the_strokes_of_opencv_4_do_where_it_has_no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    blank = contact_sheet([match(label="a")])
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    lettered = contact_sheet([match(label="a-rather-longer-label")])
    assert lettered.shape == blank.shape
    bar = card(lettered, 0)[228:276]
    assert (bar != np.array(TONES["match"])).any()
