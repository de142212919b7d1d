from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from docdex.errors import TrainingError
from docdex.training.classes import ClassTable, drawn_counts, expand, one_of_24
from docdex.training.config import DataConfig, SourceConfig, read_config
from docdex.training.templates import draw, draw_of_editions, draw_of_office, draw_of_shop


def silent(_: str) -> None:
    pass


def table(config: Path) -> ClassTable:
    return ClassTable.build(read_config(config).data, silent)


def of_folder(path: Path, classes: str, **more: object) -> ClassTable:
    source = msgspec.convert({"folder": str(path), "classes": classes}, SourceConfig)
    return ClassTable.build(DataConfig((source,), templates=0, **more), silent)  # type: ignore[arg-type]


def folder_of(path: Path, count: int) -> Path:
    """A folder of flat images, each of another grey: 10 times its number."""
    path.mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(path / f"{number}.png"), np.full((30, 20, 3), 10 * number, dtype=np.uint8))
    return path


def test_each_image_and_each_image_turned_and_each_template_is_a_class(tiny_run: Path) -> None:
    classes = table(tiny_run)
    assert len(classes) == 12 * 2 + 20
    for template in range(20):
        page = classes.page(24 + template, np.random.default_rng(0))
        assert np.array_equal(page, draw(template, np.random.default_rng(0), classes.pictures))


def test_a_turned_class_is_its_image_turned_by_a_quarter_or_a_half(tiny_run: Path) -> None:
    classes = table(tiny_run)
    turns = set()
    for number in range(24):
        page = classes.page(number, np.random.default_rng(0))
        image = classes.pages[number // 2]
        turn = 1 + number // 2 % 3 if number % 2 else 0
        assert np.array_equal(np.rot90(page, -turn), image)
        turns.add(turn)
    assert turns == {0, 1, 2, 3}


def test_a_near_twin_of_an_image_is_a_class_of_its_own_and_always_the_same(tmp_path: Path) -> None:
    for number in range(4):
        image = draw(3 * number, np.random.default_rng(number))
        cv2.imwrite(str(tmp_path / f"{number}.png"), image[..., ::-1])
    classes = of_folder(tmp_path, "twinned")
    assert len(classes) == 4 * 3
    for image in range(4):
        upright, turned, twin, again = (
            classes.page(3 * image + variant, np.random.default_rng(seed))
            for variant, seed in ((0, 0), (1, 0), (2, 0), (2, 1))
        )
        assert np.array_equal(upright, classes.pages[image])
        assert np.array_equal(np.rot90(upright, 1 + image % 3), turned)
        assert np.array_equal(twin, again)
        assert twin.shape == upright.shape
        assert not np.array_equal(twin, upright)
    twins = [classes.page(3 * image + 2, np.random.default_rng(0)) for image in range(4)]
    assert len({twin.tobytes() for twin in twins}) == 4


def test_one_class_an_image_if_asked(tmp_path: Path) -> None:
    classes = of_folder(folder_of(tmp_path / "a", 5), "one")
    assert [int(classes.page(number, np.random.default_rng(0))[0, 0, 0]) for number in range(5)] == [
        0, 10, 20, 30, 40,
    ]  # fmt: skip


def test_class_24_i_plus_k_is_variant_k_of_image_i_and_the_last_is_the_last(tmp_path: Path) -> None:
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 256, (31, 20, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    classes = of_folder(tmp_path, "24")
    assert len(classes) == 3 * 24
    rng = np.random.default_rng(0)
    for number in range(len(classes)):
        image, variant = divmod(number, 24)
        assert np.array_equal(classes.page(number, rng), one_of_24(classes.pages[image], variant))
    drawn = classes.draw(np.linspace(0, 1, 10_001)[:-1])
    assert (drawn.min(), drawn.max()) == (0, 71)
    with pytest.raises(IndexError):
        classes.page(72, rng)


def test_the_24_variants_are_all_different_and_are_halves_turned_and_flipped() -> None:
    image = np.random.default_rng(0).integers(0, 256, (21, 12, 3), dtype=np.uint8)
    variants = [one_of_24(image, number) for number in range(24)]
    assert len({variant.tobytes() for variant in variants}) == 24
    assert np.array_equal(variants[0], image)
    assert np.array_equal(variants[3], np.rot90(image, 3))
    assert np.array_equal(variants[4], image[:, ::-1])
    assert np.array_equal(variants[8], image[:10])
    assert np.array_equal(variants[16], image[-10:])
    # The eight of a part are a group: each is another one turned or flipped.
    for part in range(3):
        eight = {variant.tobytes() for variant in variants[8 * part : 8 * part + 8]}
        assert {np.rot90(variant).tobytes() for variant in variants[8 * part : 8 * part + 8]} == eight
        assert {variant[::-1].tobytes() for variant in variants[8 * part : 8 * part + 8]} == eight


def test_an_image_one_pixel_high_has_halves_too(tmp_path: Path) -> None:
    assert one_of_24(np.zeros((1, 5, 3), np.uint8), 8).shape == (1, 5, 3)
    assert one_of_24(np.zeros((1, 5, 3), np.uint8), 23).size


def test_labelled_folders_are_classes_of_several_images(tmp_path: Path) -> None:
    for name, grey in (("id/front/1", 10), ("id/front/2", 20), ("id/1", 30), ("form/1", 40), ("form/2", 50)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((30, 20, 3), grey, dtype=np.uint8))
    classes = of_folder(tmp_path, "labelled")
    rng = np.random.default_rng(0)
    greys = [{int(classes.page(number, rng)[0, 0, 0]) for _ in range(40)} for number in range(len(classes))]
    assert sorted(map(sorted, greys)) == [[10, 20], [30], [40, 50]]
    # As often as the others, however many images it has.
    assert classes.probabilities(np.arange(3)) == pytest.approx([1 / 3] * 3)


def test_a_list_of_labelled_files_takes_their_folders_for_classes(tmp_path: Path) -> None:
    folder_of(tmp_path / "a", 2)
    folder_of(tmp_path / "b", 2)
    (tmp_path / "train.txt").write_text("a/0.png\nb/0.png\nb/1.png\n", encoding="utf-8")
    source = SourceConfig(list=str(tmp_path / "train.txt"), classes="labelled")
    assert len(ClassTable.build(DataConfig((source,), templates=0), silent)) == 2


def test_an_empty_class_is_refused_by_name(tmp_path: Path) -> None:
    folder_of(tmp_path / "full", 2)
    (tmp_path / "id" / "empty").mkdir(parents=True)
    with pytest.raises(TrainingError, match="classes without an image: id/empty"):
        of_folder(tmp_path, "labelled")


def test_a_class_of_broken_images_is_refused_by_name(tmp_path: Path) -> None:
    folder_of(tmp_path / "full", 2)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "1.jpg").write_bytes(b"no image")
    with pytest.raises(TrainingError, match="none of the images of class bad"):
        of_folder(tmp_path, "labelled")


def test_a_labelled_image_in_no_folder_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path / "a", 2)
    cv2.imwrite(str(tmp_path / "stray.png"), np.zeros((30, 20, 3), dtype=np.uint8))
    with pytest.raises(TrainingError, match="some images have no class"):
        of_folder(tmp_path, "labelled")


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path / "a", 5)
    with pytest.raises(TrainingError, match="one class"):
        of_folder(tmp_path, "labelled")


def test_beyond_the_memory_pages_are_decoded_when_asked_for_and_are_the_same(tmp_path: Path) -> None:
    folder_of(tmp_path / "pages", 6)
    size = 30 * 20 * 3
    pages = [
        of_folder(tmp_path / "pages", "one", memory_gigabytes=images * size / 1e9).pages
        for images in (100, 3, 2.5, 0)
    ]
    assert [some.kept for some in pages] == [6, 3, 2, 0]
    for index in range(6):
        assert np.array_equal(pages[0][index], pages[1][index])
        assert np.array_equal(pages[0][index], pages[3][index])


def test_several_sources_share_memory_and_numbers_scanned_now_or_before(tmp_path: Path) -> None:
    sources = tuple(SourceConfig(str(folder_of(tmp_path / name, 4)), classes="one") for name in "abc")
    size = 30 * 20 * 3
    tables = [
        ClassTable.build(
            DataConfig(sources, templates=0, memory_gigabytes=images * size / 1e9), silent, tmp_path / "run"
        )
        for images in (6.5, 6.5, 0, 100)
    ]
    assert [some.pages.kept for some in tables] == [6, 6, 0, 12]
    for number in range(12):
        greys = {int(some.page(number, np.random.default_rng(0))[0, 0, 0]) for some in tables}
        assert greys == {10 * (number % 4)}


def test_what_is_known_of_the_files_lies_with_the_run_or_where_the_config_says(tmp_path: Path) -> None:
    source = (SourceConfig(str(folder_of(tmp_path / "a", 2))),)
    ClassTable.build(DataConfig(source, templates=0), silent, tmp_path / "run")
    assert len(list((tmp_path / "run" / "scans").iterdir())) == 1
    cache = DataConfig(source, templates=0, cache=str(tmp_path / "cache"))
    ClassTable.build(cache, silent, tmp_path / "other")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert not (tmp_path / "other" / "scans").exists()


def test_copies_are_counted_aloud(tmp_path: Path) -> None:
    folder_of(tmp_path / "a", 3)
    (tmp_path / "a" / "copy.png").write_bytes((tmp_path / "a" / "1.png").read_bytes())
    told: list[str] = []
    ClassTable.build(DataConfig((SourceConfig(str(tmp_path / "a")),), templates=0), told.append)
    assert "1 images are exact copies of others" in told


def test_a_template_is_filled_in_anew_each_time_and_by_its_own_number(tiny_run: Path) -> None:
    classes = table(tiny_run)
    first = classes.page(24, np.random.default_rng(0))
    assert np.array_equal(first, classes.page(24, np.random.default_rng(0)))
    again = classes.page(24, np.random.default_rng(1))
    assert first.shape != again.shape or not np.array_equal(first, again)
    assert not np.array_equal(first[:20], classes.page(25, np.random.default_rng(0))[:20])


def test_offices_editions_and_shops_come_behind_the_templates_and_share_their_views(tmp_path: Path) -> None:
    sources = (SourceConfig(str(folder_of(tmp_path / "a", 4)), classes="one"),)
    data = DataConfig(sources, templates=5, offices=2, editions=1, shops=3, template_share=0.5)
    classes = ClassTable.build(data, silent)
    assert (len(classes), classes.drawn) == (36, 32)
    assert drawn_counts(data) == (5, 16, 8, 3)
    assert classes.probabilities(np.arange(4, 36)) == pytest.approx(0.5 / 32)
    for number, drawn in (
        (8, draw(4, np.random.default_rng(1))),
        (9, draw_of_office(0, np.random.default_rng(1))),
        (24, draw_of_office(15, np.random.default_rng(1))),
        (25, draw_of_editions(0, np.random.default_rng(1))),
        (32, draw_of_editions(7, np.random.default_rng(1))),
        (33, draw_of_shop(0, np.random.default_rng(1))),
        (35, draw_of_shop(2, np.random.default_rng(1))),
    ):
        assert np.array_equal(classes.page(number, np.random.default_rng(1)), drawn)
    with pytest.raises(IndexError):
        classes.page(36, np.random.default_rng(1))


def test_kinds_of_which_none_are_drawn_are_passed_over(tmp_path: Path) -> None:
    sources = (SourceConfig(str(folder_of(tmp_path / "a", 4)), classes="one"),)
    classes = ClassTable.build(DataConfig(sources, templates=0, editions=1, shops=3), silent)
    for number, drawn in (
        (4, draw_of_editions(0, np.random.default_rng(1))),
        (11, draw_of_editions(7, np.random.default_rng(1))),
        (12, draw_of_shop(0, np.random.default_rng(1))),
        (14, draw_of_shop(2, np.random.default_rng(1))),
    ):
        assert np.array_equal(classes.page(number, np.random.default_rng(1)), drawn)


def test_a_source_is_drawn_as_often_as_its_weight_says(tmp_path: Path) -> None:
    sources = (
        SourceConfig(str(folder_of(tmp_path / "a", 6)), weight=1.0, classes="one"),
        SourceConfig(str(folder_of(tmp_path / "b", 6)), weight=0.5, classes="one"),
    )
    classes = ClassTable.build(DataConfig(sources, templates=10, template_share=0.4), silent)
    probabilities = classes.probabilities(np.arange(22))
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[:6] == pytest.approx(2 * probabilities[6:12])
    assert probabilities[12:].sum() == pytest.approx(0.4)
    without = ClassTable.build(DataConfig(sources, templates=0), silent)
    assert without.probabilities(np.arange(6)).sum() == pytest.approx(2 / 3)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_even_ranks_draw_every_class_by_its_probability(tmp_path: Path, share: float) -> None:
    sources = (
        SourceConfig(str(folder_of(tmp_path / "a", 3)), weight=0.3, classes="24"),
        SourceConfig(str(folder_of(tmp_path / "b", 5)), weight=2.0),
    )
    classes = ClassTable.build(DataConfig(sources, templates=7, template_share=share), silent)
    ranks = (np.arange(200_000) + 0.5) / 200_000
    counts = np.bincount(classes.draw(ranks), minlength=len(classes)) / len(ranks)
    assert counts == pytest.approx(classes.probabilities(np.arange(len(classes))), abs=2e-5)
    edges = classes.draw(np.array([0.0, np.nextafter(1.0, 0.0)]))
    assert (classes.probabilities(edges) > 0).all()


def test_a_file_that_is_no_image_is_left_out_named_and_counted_aloud(tiny_run: Path, tmp_path: Path) -> None:
    broken = tmp_path / "data" / "train" / "pages" / "broken.jpg"
    broken.write_bytes(b"no image")
    told: list[str] = []
    classes = ClassTable.build(read_config(tiny_run).data, told.append, tmp_path / "run")
    assert [item.source for item in classes.broken] == [str(broken)]
    assert len(classes.pages) == 12
    assert "12 images, 24 classes, 1 that cannot be decoded" in told[0]
    assert "1 files or pages are left out" in told[-1]
    head, line = (tmp_path / "run" / "broken.tsv").read_text(encoding="utf-8").splitlines()
    assert head.split("\t") == ["file", "page", "error", "message"]
    assert line.split("\t")[:3] == [str(broken), "", "unsupported-format"]


def test_a_source_without_images_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, why in ((empty, "no images"), (tmp_path / "gone", "no folder")):
        with pytest.raises(TrainingError, match=why):
            ClassTable.build(DataConfig((SourceConfig(str(folder)),)), silent)
    (empty / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(TrainingError, match="can be decoded"):
        ClassTable.build(DataConfig((SourceConfig(str(empty)),)), silent)


def test_the_data_folder_has_a_default_and_other_variables_must_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DOCDEX_DATA", raising=False)
    monkeypatch.delenv("DOCDEX_NOWHERE", raising=False)
    assert expand("$DOCDEX_DATA/train") == Path("../shared/data/train")
    monkeypatch.setenv("DOCDEX_DATA", "/somewhere")
    assert expand("$DOCDEX_DATA/train") == Path("/somewhere/train")
    with pytest.raises(TrainingError, match="DOCDEX_NOWHERE"):
        expand("$DOCDEX_NOWHERE/pages")


def test_a_share_of_the_files_makes_a_share_of_the_classes(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", 8)
    classes = of_folder(folder, "one", share=0.5)
    greys = [int(classes.page(number, np.random.default_rng(0))[0, 0, 0]) for number in range(len(classes))]
    assert greys == [0, 20, 40, 60]
