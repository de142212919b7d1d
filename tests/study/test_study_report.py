from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from study_texts import write_study

pytest.importorskip("torch", reason="needs the extra `study`")
pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")
pytest.importorskip("sklearn", reason="needs the extra `study`")
pytest.importorskip("matplotlib", reason="needs the extra `study`")

from docdex.errors import StudyError
from docdex.study import Study, StudyConfig, read_config
from docdex.study.report import write_report
from docdex.study.run import run_study


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study and the folder of its run."""
    folder = tmp_path_factory.mktemp("report")
    path = write_study(folder, "[imbalance]", "shares = [0.1, 0.5]")
    path.write_text(path.read_text(encoding="utf-8").replace('"tiny"', '"tiny & <co>"'), encoding="utf-8")
    return run_study(read_config(path), folder / "run", say=lambda line: None), folder / "run"


def test_the_report_is_one_page_with_every_table_and_picture_inside(run: tuple[Study, Path]) -> None:
    study, folder = run
    path = write_report(study, folder)
    page = path.read_text(encoding="utf-8")
    assert path == folder / "report.html"
    assert re.findall(r'src="(?!data:image/png;base64,)', page) == []
    assert "<script" not in page
    assert "http" not in page
    assert "Study: tiny &amp; &lt;co&gt;" in page
    for title in ("Texts", "Losses", "Cohesion by class", "One class cut to 10 %", "Test texts by t-SNE"):
        assert title in page
    assert page.count("<table>") == page.count("</table>") > 4
    assert "<code>cross-entropy</code>" in page
    pictures = {each.stem: each for each in (folder / "pictures").iterdir()}
    assert pictures.keys() == {"sizes", "map", "imbalance", "cut"}
    for each in pictures.values():
        pixels = cv2.imdecode(np.frombuffer(each.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        assert pixels.std() > 5


def test_the_same_study_makes_the_same_report(run: tuple[Study, Path]) -> None:
    study, folder = run
    first = write_report(study, folder).read_bytes()
    assert write_report(study, folder).read_bytes() == first


def test_a_study_resumed_with_other_pictures_or_another_first_seed_has_its_report(
    study_folder: Path, tiny_study: Callable[..., Path]
) -> None:
    config = read_config(tiny_study())
    run_study(config, study_folder / "run", say=lambda line: None)
    first = write_report_of(config, study_folder / "run")
    for other in ({"pictured": 12}, {"seeds": (2, 1)}):
        changed = msgspec.structs.replace(config, **other)
        assert write_report_of(changed, study_folder / "run") != first
    assert write_report_of(config, study_folder / "run") == first


def write_report_of(config: StudyConfig, folder: Path) -> bytes:
    """The map of a study that goes on in a folder with this config."""
    write_report(run_study(config, folder, resume=True, say=lambda line: None), folder)
    return (folder / "pictures" / "map.png").read_bytes()


def test_a_study_of_neither_side_has_a_report_without_a_map(
    study_folder: Path, tiny_study: Callable[..., Path]
) -> None:
    config = read_config(tiny_study())
    config = msgspec.structs.replace(config, losses=("cosface", "arcface"))
    study = run_study(config, study_folder / "run", say=lambda line: None)
    assert write_report(study, study_folder / "run").exists()
    assert not (study_folder / "run" / "pictures" / "map.png").exists()


def test_a_folder_that_cannot_be_written_is_an_error(run: tuple[Study, Path], tmp_path: Path) -> None:
    study, folder = run
    (tmp_path / "pictures").write_text("in the way", encoding="utf-8")
    for kept in ("corpus.npz", "vectors"):
        (tmp_path / kept).symlink_to(folder / kept)
    with pytest.raises(StudyError, match="cannot be written"):
        write_report(study, tmp_path)
