from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from docdex.errors import ContractMismatch, NotAGallery
from docdex.recognizer import Recognizer
from fakes import PageOf, open_fake


def save(path: Path, pixels: np.ndarray) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture
def sources(page_of: PageOf, tmp_path: Path) -> list[Path]:
    return [save(tmp_path / f"{row}.png", page_of(*([0] * row), 1)) for row in range(3)]


def test_a_gallery_changes_its_model_and_keeps_its_samples(
    sources: list[Path], page_of: PageOf, tmp_path: Path
) -> None:
    with open_fake(tmp_path / "g.db") as old:
        old.register_many([(f"type/{row}", path) for row, path in enumerate(sources)])
        samples = old.samples()
    with open_fake(tmp_path / "g.db", model="e") as new:
        with pytest.raises(ContractMismatch):
            new.recognize(page_of(1))
        steps: list[None] = []
        done = new.reembed(advance=lambda: steps.append(None))
        assert (done.from_sources, done.from_thumbnails) == (3, 0)
        assert len(steps) == 3
        assert new.samples() == samples
        assert new.recognize(page_of(0, 1)).label == "type/1"
    with open_fake(tmp_path / "g.db") as old, pytest.raises(ContractMismatch):
        old.recognize(page_of(1))


def test_thumbnails_stand_in_for_sources_that_are_gone_or_changed(
    sources: list[Path], page_of: PageOf, tmp_path: Path
) -> None:
    with open_fake(tmp_path / "g.db") as old:
        old.register_many([(f"type/{row}", path) for row, path in enumerate(sources)])
        old.register("array", page_of(0, 0, 0, 0, 1))
    sources[0].unlink()
    save(sources[1], page_of(0, 0, 0, 1))
    with open_fake(tmp_path / "g.db", model="e") as new:
        done = new.reembed()
        assert (done.from_sources, done.from_thumbnails) == (1, 3)
        assert new.recognize(page_of(0, 0, 1), threshold=0.99).label == "type/2"
        # A JPEG of four pixels is a rough stand-in, but it is a stand-in.
        assert new.recognize(page_of(0, 1), threshold=0.3, margin=0, rotations=False).label == "type/1"


def test_a_real_page_is_found_again_by_its_thumbnail(tmp_path: Path, tiny: Path, blocks: PageOf) -> None:
    with Recognizer.open(tmp_path / "g.db", model=tiny) as dex:
        dex.register_many([(f"type/{seed}", blocks(seed)) for seed in range(4)])
        assert dex.reembed().from_thumbnails == 4
        for seed in range(4):
            match = dex.recognize(blocks(seed))
            assert match.label == f"type/{seed}"
            assert match.similarity is not None
            assert match.similarity > 0.99


def test_a_page_of_a_file_of_several_is_found_again(page_of: PageOf, tmp_path: Path) -> None:
    path = str(tmp_path / "scan.tif")
    cv2.imwritemulti(path, [cv2.cvtColor(page, cv2.COLOR_RGB2BGR) for page in (page_of(1), page_of(0, 1))])
    with open_fake(tmp_path / "g.db") as dex:
        dex.register("second", path, pages="2")
        assert dex.reembed().from_sources == 1
        assert dex.recognize(page_of(0, 1)).label == "second"


def test_a_calibration_does_not_outlive_its_model(
    sources: list[Path], page_of: PageOf, tmp_path: Path
) -> None:
    with open_fake(tmp_path / "g.db") as old:
        old.register("id", sources[0])
        strangers = [page_of(0, row / 40, 1) for row in range(40)]
        assert old.calibrate(strangers, 0.1).calibration.threshold != 0.8
    with open_fake(tmp_path / "g.db", model="e") as new:
        new.reembed()
        assert new.threshold == 0.8
        assert "model ffff" in new.calibration_doubts()[0]


def test_a_damaged_thumbnail_leaves_the_gallery_as_it_was(
    sources: list[Path], page_of: PageOf, tmp_path: Path
) -> None:
    with open_fake(tmp_path / "g.db") as old:
        old.register_many([(f"type/{row}", path) for row, path in enumerate(sources)])
        (sample,) = old.gallery.get([old.samples("type/1")[0].id])
        sample_without = type(sample)(
            **{name: getattr(sample, name) for name in sample.__struct_fields__ if name != "thumbnail"},
            thumbnail=b"no picture",
        )
        old.gallery.upsert([sample_without])
    sources[1].unlink()
    with open_fake(tmp_path / "g.db", model="e") as new, pytest.raises(NotAGallery):
        new.reembed()
    with open_fake(tmp_path / "g.db") as old:
        assert old.recognize(page_of(0, 1)).label == "type/1"
