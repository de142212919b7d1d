from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from docdex.errors import TrainingError
from docdex.training.classes import ClassTable, expand, read_small
from docdex.training.config import DataConfig, SourceConfig, read_config


def table(config: Path) -> ClassTable:
    return ClassTable.build(read_config(config).data, lambda _: None)


def folder_of(path: Path, count: int) -> Path:
    path.mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(path / f"{number}.png"), np.full((30, 20, 3), 10 * number, dtype=np.uint8))
    return path


def test_each_image_and_each_image_turned_and_each_template_is_a_class(tiny_run: Path) -> None:
    classes = table(tiny_run)
    assert len(classes) == 12 * 2 + 20
    assert sorted(classes.image[:24].tolist()) == sorted(2 * list(range(12)))
    assert (classes.image[24:] == -1).all()
    assert set(classes.turns[:24].tolist()) == {0, 1, 2, 3}


def test_a_turned_class_is_its_image_turned(tiny_run: Path) -> None:
    classes = table(tiny_run)
    for number in range(24):
        page = classes.page(number, np.random.default_rng(0))
        image = classes.pages[int(classes.image[number])]
        assert np.array_equal(np.rot90(page, -int(classes.turns[number])), image)


def test_a_template_is_filled_in_anew_each_time_and_by_its_own_number(tiny_run: Path) -> None:
    classes = table(tiny_run)
    first = classes.page(24, np.random.default_rng(0))
    assert np.array_equal(first, classes.page(24, np.random.default_rng(0)))
    again = classes.page(24, np.random.default_rng(1))
    assert first.shape != again.shape or not np.array_equal(first, again)
    assert not np.array_equal(first[:20], classes.page(25, np.random.default_rng(0))[:20])


def test_a_source_is_drawn_as_often_as_its_weight_says(tmp_path: Path) -> None:
    sources = (
        SourceConfig(str(folder_of(tmp_path / "a", 6)), weight=1.0, turned=False),
        SourceConfig(str(folder_of(tmp_path / "b", 6)), weight=0.5, turned=False),
    )
    classes = ClassTable.build(DataConfig(sources, templates=10, template_share=0.4), lambda _: None)
    assert classes.probabilities.sum() == pytest.approx(1)
    assert classes.probabilities[:6] == pytest.approx(2 * classes.probabilities[6:12])
    assert classes.probabilities[12:].sum() == pytest.approx(0.4)
    without = ClassTable.build(DataConfig(sources, templates=0), lambda _: None)
    assert without.probabilities[:6].sum() == pytest.approx(2 / 3)


def test_a_file_that_is_no_image_is_left_out_and_named(tiny_run: Path, tmp_path: Path) -> None:
    broken = tmp_path / "data" / "train" / "pages" / "broken.jpg"
    broken.write_bytes(b"no image")
    classes = table(tiny_run)
    assert classes.unreadable == (broken,)
    assert len(classes.pages) == 12


def test_a_source_without_images_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "gone"):
        with pytest.raises(TrainingError, match="no images"):
            ClassTable.build(DataConfig((SourceConfig(str(folder)),)), lambda _: None)
    (empty / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(TrainingError, match="can be decoded"):
        ClassTable.build(DataConfig((SourceConfig(str(empty)),)), lambda _: None)


def test_images_are_kept_no_larger_than_asked_and_never_enlarged(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((300, 500, 3), dtype=np.uint8))
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((30, 50, 3), dtype=np.uint8))
    large, small = (read_small(tmp_path / f"{name}.png", 60) for name in ("large", "small"))
    assert large is not None and large.shape == (60, 100, 3)
    assert small is not None and small.shape == (30, 50, 3)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.full((4, 4), 77, np.uint8), [77, 77, 77]),
        (np.full((4, 4, 3), (10, 20, 30), np.uint8), [30, 20, 10]),
        (np.full((4, 4, 4), (10, 20, 30, 0), np.uint8), [255, 255, 255]),
        (np.full((4, 4, 4), (10, 20, 30, 255), np.uint8), [30, 20, 10]),
        (np.full((4, 4), 0xFFFF, np.uint16), [255, 255, 255]),
        (np.full((4, 4, 3), (0x00FF, 257, 0x40FF), np.uint16), [64, 1, 0]),
    ],
    ids=["grey", "colour", "transparent", "opaque", "16-bit grey", "16-bit colour"],
)
def test_any_image_is_read_as_rgb_over_white(tmp_path: Path, stored: np.ndarray, expected: list[int]) -> None:
    path = tmp_path / "image.png"
    cv2.imwrite(str(path), stored)
    read = read_small(path, 100)
    assert read is not None
    assert read.dtype == np.uint8
    assert (read == expected).all()


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
