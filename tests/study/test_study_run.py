from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from study_texts import draw_rows, write_rows

from killing import kill_at_work, running

pytest.importorskip("torch", reason="needs the extra `study`")
pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")
pytest.importorskip("sklearn", reason="needs the extra `study`")
pytest.importorskip("matplotlib", reason="needs the extra `study`")

from docdex.errors import MissingExtra, StudyError
from docdex.study import Study, read_config, read_json
from docdex.study.run import ASKED, CELLS, RESULT, run_study

Tiny = Callable[..., Path]
PARTS = """
[unseen]
share = 0.5
samples = [1]
[imbalance]
shares = [0.2]
[transfer]
rows = [8, 0]
epochs = 1
target = { train = ["train.csv"], test = ["test.csv"] }
[[variants]]
name = "sgd"
changes = { optim = { optimiser = "sgd", rates = [1.0, 3.0] } }
"""


def quiet(line: str) -> None:
    """Where what is said does not matter."""


def without_times(study: Study) -> list[object]:
    """What of a study does not depend on how busy the machine was."""
    return [
        msgspec.structs.replace(
            row,
            figures={name: found for name, found in row.figures.items() if name != "seconds to quality"},
            seconds=0,
            cpu_seconds=0,
            megabytes=None,
            own_megabytes=None,
        )
        for row in study.rows
    ]


@pytest.fixture
def whole(tiny_study: Tiny) -> Path:
    """A config that asks for every part."""
    path = tiny_study(PARTS)
    path.write_text("counts = [2]\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_every_part_of_a_study_is_measured_with_every_seed(whole: Path, study_folder: Path) -> None:
    said: list[str] = []
    shown: list[tuple[int, int]] = []
    study = run_study(
        read_config(whole), study_folder / "run", say=said.append, show=lambda *at: shown.append(at)
    )
    parts = {row.part for row in study.rows}
    assert parts == {"base", "counts", "imbalance", "unseen", "transfer", "variants"}
    assert all(row.seeds == (1, 2) for row in study.rows if row.loss != "tf-idf")
    assert shown[-1] == (len(said), len(said))
    base = study.find("base", "triplet")
    assert base is not None
    assert base.figures.keys() >= {"cohesion", "separation", "group among itself", "seconds to quality"}
    assert base.cpu_seconds > 0
    cut = study.find("imbalance", "triplet", "birds at 20 %")
    assert cut is not None
    assert cut.texts == 3 * 12 + 2
    transfer = study.find("transfer", "untrained")
    assert transfer is not None
    assert transfer.figures.keys() >= {
        f"{way} of {n} texts" for way in ("probe", "fine-tuned") for n in (8, "all")
    }
    unseen = study.find("unseen", "cross-entropy")
    assert unseen is not None
    assert unseen.figures.keys() == {"tpr@1e-3", "identified by 1", "auroc by 1", "dir@0.01 by 1"}
    assert study == read_json(study_folder / "run" / RESULT, Study)


def test_training_tells_topics_apart_and_what_is_untrained_does_so_less(
    tiny_study: Tiny, study_folder: Path
) -> None:
    path = tiny_study()
    path.write_text(path.read_text(encoding="utf-8").replace("epochs = 2", "epochs = 20"), encoding="utf-8")
    study = run_study(read_config(path), study_folder / "run", say=quiet)
    right = {row.loss: row.figures["centroid"].mean or 0.0 for row in study.rows}
    assert min(right["cross-entropy"], right["triplet"], right["tf-idf"]) > 0.9
    assert right["untrained"] < right["cross-entropy"]


def test_killed_and_resumed_a_study_is_the_same_and_nothing_is_made_again(
    whole: Path, study_folder: Path
) -> None:
    config = read_config(whole)
    with running(Path(__file__).parent / "run_tiny_study.py", whole, "run") as process:
        kill_at_work(process, random.Random(4), lines=9, pause=0.1)
    kept = {path.name: path.read_bytes() for path in (study_folder / "run" / CELLS).glob("*.json")}
    assert kept
    assert not (study_folder / "run" / RESULT).exists()
    resumed = run_study(config, study_folder / "run", resume=True, say=quiet)
    after = {path.name: path.read_bytes() for path in (study_folder / "run" / CELLS).glob("*.json")}
    assert after.items() > kept.items()
    straight = run_study(config, study_folder / "straight", say=quiet)
    assert without_times(resumed) == without_times(straight)


def test_a_cell_in_a_process_of_its_own_finds_what_it_finds_in_this_one(
    tiny_study: Tiny, study_folder: Path
) -> None:
    config = read_config(tiny_study())
    config = msgspec.structs.replace(config, losses=("triplet",), sides=("triplet", "cosface"))
    alone = run_study(config, study_folder / "alone", say=quiet)
    beside = run_study(msgspec.structs.replace(config, workers=2), study_folder / "beside", say=quiet)
    assert without_times(beside) == without_times(alone)


def test_a_cell_that_breaks_down_is_one_error_and_the_others_are_kept(
    tiny_study: Tiny, study_folder: Path
) -> None:
    path = tiny_study()
    config = path.read_text(encoding="utf-8").replace("rates = [0.3]", "rates = [1e38]\noptimiser = 'sgd'")
    path.write_text(config.replace('losses = ["cross-entropy"', 'losses = ["untrained", "cross-entropy"'))
    text = path.read_text(encoding="utf-8").replace('"triplet", "untrained"', '"triplet"')
    path.write_text(text.replace("workers = 0", "workers = 1"), encoding="utf-8")
    with pytest.raises(StudyError, match=r"base-cross-entropy-seed-1.*lower `optim.rates`.*--resume"):
        run_study(read_config(path), study_folder / "run", say=quiet)
    assert (study_folder / "run" / CELLS / "base-untrained-seed-1.json").exists()


def test_a_folder_is_never_written_over(tiny_study: Tiny, study_folder: Path) -> None:
    config, folder = read_config(tiny_study()), study_folder / "run"
    with pytest.raises(StudyError, match="no study to resume"):
        run_study(config, folder, resume=True, say=quiet)
    run_study(config, folder, say=quiet)
    with pytest.raises(StudyError, match="holds a study already"):
        run_study(config, folder, say=quiet)
    more_epochs = msgspec.structs.replace(config.optim, epochs=3)
    with pytest.raises(StudyError, match=r"another study: optim\.epochs differ"):
        run_study(msgspec.structs.replace(config, optim=more_epochs), folder, resume=True, say=quiet)
    write_rows(study_folder / "train.csv", draw_rows(9, 12))
    with pytest.raises(StudyError, match="another study: the texts differ"):
        run_study(config, folder, resume=True, say=quiet)


def test_one_more_seed_is_all_that_is_trained_when_one_is_added(tiny_study: Tiny, study_folder: Path) -> None:
    config = read_config(tiny_study())
    run_study(config, study_folder / "run", say=quiet)
    said: list[str] = []
    more = msgspec.structs.replace(config, seeds=(1, 2, 3))
    study = run_study(more, study_folder / "run", resume=True, say=said.append)
    assert len(said) == 3
    assert all("seed-3" in line for line in said)
    found = study.find("base", "triplet")
    assert found is not None
    assert found.seeds == (1, 2, 3)


def test_a_damaged_cell_is_made_again_and_a_damaged_folder_is_an_error(
    tiny_study: Tiny, study_folder: Path
) -> None:
    config, folder = read_config(tiny_study()), study_folder / "run"
    first = run_study(config, folder, say=quiet)
    (folder / CELLS / "base-triplet-seed-1.json").write_text("{", encoding="utf-8")
    assert without_times(run_study(config, folder, resume=True, say=quiet)) == without_times(first)
    (folder / ASKED).write_text("[]", encoding="utf-8")
    with pytest.raises(StudyError, match="no part of a study"):
        run_study(config, folder, resume=True, say=quiet)


def test_a_place_that_cannot_be_written_is_an_error(tiny_study: Tiny, study_folder: Path) -> None:
    (study_folder / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StudyError, match="cannot be written"):
        run_study(read_config(tiny_study()), study_folder / "file" / "run", say=quiet)


@pytest.mark.parametrize("package", ["torch", "sklearn", "matplotlib", "pytorch_metric_learning"])
def test_without_the_extra_study_names_it(
    tiny_study: Tiny, study_folder: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    config = read_config(tiny_study())
    shutil.rmtree(study_folder / "run", ignore_errors=True)
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtra, match=r"docdex\[study\]"):
        run_study(config, study_folder / "run", say=quiet)
    assert not (study_folder / "run").exists()
