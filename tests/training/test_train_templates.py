from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.errors import TrainingError
from docdex.training import classes
from docdex.training.templates import FORMS, draw, draw_of_editions, draw_of_office, draw_of_shop
from docdex.training.templates.kinds import KINDS, Kind
from docdex.training.templates.parts import draw_paragraph
from docdex.training.templates.sheet import Sheet
from docdex.training.templates.typefaces import Typeface

Pixels = NDArray[np.uint8]
PICTURES = [np.full((20, 30, 3), level, dtype=np.uint8) for level in (40, 120, 200)]


BOTH = pytest.mark.parametrize("typeset", [False, True], ids=["plotted", "typeset"])


def filled_in(template: int, seed: int, typeset: bool) -> Pixels:
    """A copy of a template from its first print: how much paper comes before is the cutter's affair."""
    page = draw(template, np.random.default_rng(seed), PICTURES, typeset=typeset)
    return page[np.flatnonzero((page != page[0, 0]).any(axis=(1, 2)))[0] :]


def copies(template: int, count: int, typeset: bool) -> list[Pixels]:
    """Copies of a template cut to the height of the shortest, as lists make receipts longer."""
    drawn = [filled_in(template, seed, typeset) for seed in range(count)]
    height = min(len(page) for page in drawn)
    return [page[:height] for page in drawn]


def unlike(one: Pixels, other: Pixels) -> float:
    """Share of pixels whose channels differ by more than 40 levels anywhere."""
    height, width = min(len(one), len(other)), min(one.shape[1], other.shape[1])
    apart = np.abs(one[:height, :width].astype(int) - other[:height, :width])
    return float((apart.max(axis=2) > 40).mean())


@BOTH
def test_the_same_number_and_generator_draw_the_same_page(typeset: bool) -> None:
    for template in range(40):
        one, other = (draw(template, np.random.default_rng(1), PICTURES, typeset=typeset) for _ in range(2))
        assert np.array_equal(one, other)


def test_another_person_s_copy_is_another_page() -> None:
    for template in range(40):
        one, other = (draw(template, np.random.default_rng(k), PICTURES) for k in (1, 2))
        assert one.shape != other.shape or not np.array_equal(one, other)


@settings(max_examples=60, deadline=None)
@given(template=st.integers(0, 10**6), seed=st.integers(0, 2**32))
def test_any_number_draws_a_page_with_a_short_side_of_about_200(template: int, seed: int) -> None:
    page = draw(template, np.random.default_rng(seed))
    assert page.dtype == np.uint8
    assert page.shape[2] == 3
    assert 100 <= min(page.shape[:2]) <= 230
    assert max(page.shape[:2]) <= 760
    assert page.std() > 1


@BOTH
def test_what_is_fixed_is_fixed(typeset: bool) -> None:
    """The median over people shows the template; a new copy is nearer to its own than to any other's."""
    medians = {t: np.median(copies(t, 9, typeset), axis=0).astype(np.uint8) for t in range(0, 40, 2)}
    for template in medians:
        copy = filled_in(template, 99, typeset)
        distances = {t: unlike(copy, median) for t, median in medians.items()}
        assert min(distances, key=distances.__getitem__) == template


@pytest.fixture
def one_branch_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shop has another branch, whose address would stand below the same name."""
    monkeypatch.setattr("docdex.training.templates.slips._CHAINS", 0.0)


@BOTH
@pytest.mark.usefixtures("one_branch_each")
@pytest.mark.parametrize("template", range(0, 60, 4))
def test_most_of_a_page_is_the_same_for_everybody(template: int, typeset: bool) -> None:
    # Printed values are darker and wider than plotted ones, so they take more of a page.
    drawn = np.stack(copies(template, 9, typeset))
    assert (drawn == drawn[0]).all(axis=(0, 3)).mean() > (0.5 if typeset else 0.6)


@BOTH
@pytest.mark.usefixtures("one_branch_each")
@pytest.mark.parametrize("template", range(0, 120, 3))
def test_the_head_of_a_page_is_the_same_for_everybody(template: int, typeset: bool) -> None:
    first, *others = (page[:20] for page in copies(template, 5, typeset))
    assert all(np.array_equal(first, head) for head in others)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.draw.__name__)
def test_the_template_s_own_words_are_the_same_for_everybody_and_so_are_their_places(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[tuple[str, float, float]] = []
    print_words = Sheet.printed

    def record(sheet: Sheet, x: float, y: float, words: str, **style: object) -> None:
        printed.append((words, x, y))
        print_words(sheet, x, y, words, **style)  # type: ignore[arg-type]

    monkeypatch.setattr(Sheet, "printed", record)
    monkeypatch.setattr("docdex.training.templates.template.KINDS", (replace(kind, share=1.0),))
    for number in range(12):
        seen = []
        for seed in range(4):
            printed.clear()
            draw(number, np.random.default_rng(seed))
            seen.append(list(printed))
        assert seen[0]
        words = [[word for word, _, _ in copy] for copy in seen]
        assert all(copy == words[0] for copy in words)
        places = [[x for _, x, _ in copy] for copy in seen]
        assert all(copy == places[0] for copy in places)
        if kind.draw.__name__ not in {"_receipt", "_invoice"}:  # lists push down what is below them
            assert all(copy == seen[0] for copy in seen)


def test_the_foot_of_an_invoice_is_the_same_below_a_list_of_any_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (invoice,) = (kind for kind in KINDS if kind.draw.__name__ == "_invoice")
    monkeypatch.setattr("docdex.training.templates.template.KINDS", (replace(invoice, share=1.0),))
    written: list[tuple[float, float, int]] = []

    def record(sheet: Sheet, rng: np.random.Generator, x: float, y: float, **style: Any) -> float:
        if rng is sheet.art:
            written.append((x, y, rng.bit_generator.state["state"]["state"]))
        return draw_paragraph(sheet, rng, x, y, **style)

    monkeypatch.setattr("docdex.training.templates.kinds.draw_paragraph", record)
    for template in range(40):
        feet = set()
        for seed in range(12):
            written.clear()
            draw(template, np.random.default_rng(seed))
            feet.add(tuple(written))
        assert len(feet) == 1


def test_typeset_prices_are_printed_in_the_face_of_their_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    (receipt,) = (kind for kind in KINDS if kind.draw.__name__ == "_receipt")
    sheets: list[Sheet] = []

    def record(sheet: Sheet) -> int:
        sheets.append(sheet)
        return receipt.draw(sheet)

    kind = replace(receipt, share=1.0, draw=record, typeset=record)
    monkeypatch.setattr("docdex.training.templates.template.KINDS", (kind,))
    for template in range(40):
        draw(template, np.random.default_rng(template), typeset=True)
        draw(template, np.random.default_rng(template))
    alike = np.array([sheet.value_face == sheet.face for sheet in sheets]).reshape(-1, 2).sum(axis=0)
    assert alike[0] >= 34
    assert alike[1] <= 20


def test_branches_of_a_shop_share_all_that_is_printed_but_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (receipt,) = (kind for kind in KINDS if kind.draw.__name__ == "_receipt")
    monkeypatch.setattr("docdex.training.templates.template.KINDS", (replace(receipt, share=1.0),))
    printed: list[str] = []
    print_words = Sheet.printed

    def record(sheet: Sheet, x: float, y: float, words: str, **style: Any) -> None:
        printed.append(words)
        print_words(sheet, x, y, words, **style)

    monkeypatch.setattr(Sheet, "printed", record)

    def lines(template: int, seed: int, chains: float) -> list[str]:
        monkeypatch.setattr("docdex.training.templates.slips._CHAINS", chains)
        printed.clear()
        draw(template, np.random.default_rng(seed), typeset=True)
        return list(printed)

    for template in range(30):
        alone = lines(template, 0, 0.0)
        branches = [lines(template, seed, 1.0) for seed in range(4)]
        changed = [number for number, line in enumerate(alone) if any(b[number] != line for b in branches)]
        assert all(len(branch) == len(alone) for branch in branches)
        # The name stays, and what is not the name's neighbour.
        assert changed == list(range(1, 1 + len(changed)))
        assert 2 <= len(changed) <= 7


def test_about_half_of_the_shops_have_branches(monkeypatch: pytest.MonkeyPatch) -> None:
    (receipt,) = (kind for kind in KINDS if kind.draw.__name__ == "_receipt")
    monkeypatch.setattr("docdex.training.templates.template.KINDS", (replace(receipt, share=1.0),))
    heads = [[filled_in(template, seed, typeset=True)[:40] for seed in (1, 2)] for template in range(60)]
    assert 0.3 < np.mean([one.shape != other.shape or unlike(one, other) > 0 for one, other in heads]) < 0.8


def test_a_typeface_that_is_not_installed_is_named() -> None:
    missing = Typeface("docdex", "Nobody-Regular.ttf", "Nobody-Bold.ttf")
    with pytest.raises(TrainingError, match=r"Nobody-Bold\.ttf of package docdex is missing"):
        missing.write(np.zeros((9, 9, 3), np.uint8), "a", (0, 8), size=0.3, colour=(9, 9, 9), bold=True)


def test_twins_share_a_layout_in_about_half_of_the_families() -> None:
    shapes = [[draw(2 * n + k, np.random.default_rng(0)).shape[1] for k in (0, 1)] for n in range(200)]
    assert 0.4 < np.mean([one == other for one, other in shapes]) < 0.75


def test_twins_are_different_templates() -> None:
    pages = [[draw(2 * n + k, np.random.default_rng(0), PICTURES) for k in (0, 1)] for n in range(60)]
    twins = [(one, other) for one, other in pages if one.shape == other.shape]
    assert twins
    assert all(unlike(one, other) > 0 for one, other in twins)


def test_pictures_are_found_among_other_files(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.json").write_text("{}", encoding="utf-8")
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((9, 9, 3), np.uint8))
    assert len(classes._read_pictures(tmp_path)) == 2


def test_without_pictures_their_places_stay_empty() -> None:
    magenta = [np.full((8, 8, 3), (255, 0, 255), dtype=np.uint8)]

    def shows_one(template: int, pictures: list[Pixels]) -> bool:
        page = draw(template, np.random.default_rng(0), pictures)
        return bool((page == (255, 0, 255)).all(axis=2).any())

    marked = [template for template in range(60) if shows_one(template, magenta)]
    assert len(marked) > 5
    assert not any(shows_one(template, []) for template in marked)


def form(number: int, seed: int, typeset: bool = True, *, editions: bool = False) -> Pixels:
    draw_form = draw_of_editions if editions else draw_of_office
    return draw_form(number, np.random.default_rng(seed), PICTURES, typeset=typeset)


EITHER = pytest.mark.parametrize("editions", [False, True], ids=["office", "editions"])


@BOTH
@EITHER
def test_a_form_is_the_same_for_everybody_but_for_its_data(typeset: bool, editions: bool) -> None:
    for number in range(0, 40, 3):
        drawn = np.stack([form(number, seed, typeset, editions=editions) for seed in range(5)])
        same = (drawn == drawn[0]).all(axis=(0, 3))
        assert np.array_equal(form(number, 0, typeset, editions=editions), drawn[0])
        assert 0.6 < same.mean() < 1


def family(number: int, editions: bool) -> list[Pixels]:
    """The forms of an office, or editions of a form, without the data of any one person."""
    return [
        np.median([form(number * FORMS + k, seed, editions=editions) for seed in range(5)], axis=0).astype(
            np.uint8
        )
        for k in range(FORMS)
    ]


@EITHER
def test_forms_of_a_family_are_alike_and_none_is_another(editions: bool) -> None:
    for number in range(12):
        medians = family(number, editions)
        assert len({median.shape for median in medians}) == 1
        papers = {tuple(median[0, 0].tolist()) for median in medians}
        assert len(papers) == 1
        for own in range(FORMS):
            copy = form(number * FORMS + own, 99, editions=editions)
            distances = [unlike(copy, other) for other in medians]
            assert int(np.argmin(distances)) == own
            # Editions differ in less, and then one person's data count for more.
            assert editions or sorted(distances)[1] > 2 * distances[own]


def test_editions_of_a_form_differ_in_less_than_forms_of_an_office() -> None:
    def between(editions: bool) -> float:
        """How unlike two forms of a family are, the median of twelve families."""
        families = [family(number, editions) for number in range(12)]
        return float(np.median([unlike(medians[0], medians[1]) for medians in families]))

    assert between(editions=True) < between(editions=False)


def test_editions_of_a_form_begin_alike_and_do_not_end_so() -> None:
    for number in range(12):
        medians = family(number, True)
        height = len(medians[0])
        differs = [np.flatnonzero((median != medians[0]).any(axis=(1, 2))) for median in medians[1:]]
        # The title is at the head, and each has its own.
        body = [rows[rows > 0.3 * height] for rows in differs]
        assert all(len(rows) for rows in body)
        assert any(rows[-1] > 0.6 * height for rows in body)


@EITHER
def test_families_are_unlike(editions: bool) -> None:
    shapes = {form(number * FORMS, 0, editions=editions).shape for number in range(20)}
    assert len(shapes) > 8


@BOTH
def test_a_shop_prints_slips_of_any_length_under_one_head(typeset: bool) -> None:
    lengths = set()
    for shop in range(20):
        slips = [
            draw_of_shop(shop, np.random.default_rng(seed), PICTURES, typeset=typeset) for seed in range(5)
        ]
        again = draw_of_shop(shop, np.random.default_rng(0), PICTURES, typeset=typeset)
        assert np.array_equal(slips[0], again)
        assert len({slip.shape[1] for slip in slips}) == 1
        lengths |= {len(slip) for slip in slips}
    assert len(lengths) > 40


def test_half_of_the_pairs_of_shops_have_one_till() -> None:
    widths = [draw_of_shop(shop, np.random.default_rng(0)).shape[1] for shop in range(200)]
    of_pairs = sum(widths[shop] == widths[shop + 1] for shop in range(0, 200, 2))
    of_others = sum(widths[shop] == widths[shop + 1] for shop in range(1, 199, 2))
    assert 35 < of_pairs < 65
    assert of_others < 10
