from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from running import Run

pytest.importorskip("torch", reason="needs the extra `study`")
pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")
pytest.importorskip("sklearn", reason="needs the extra `study`")
pytest.importorskip("matplotlib", reason="needs the extra `study`")

CONFIG = """
name = "ours"
published = "ag_news"
losses = ["cross-entropy", "triplet"]
seeds = [1, 2]
workers = 0
pictured = 10
[data]
train = ["train.csv"]
test = ["test.csv"]
[model]
dimension = 4
[optim]
rates = [0.3]
epochs = 1
"""


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    for name, words in (
        ("train", ("war peace", "goal win")),
        ("test", ("war war", "goal")),
        ("own", ("a b", "c d")),
    ):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            labelled = [("World", words[0]), ("Sports", words[1])] * 6
            csv.writer(file).writerows([("label", "text"), *labelled])
    path = tmp_path / "ours.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_a_study_says_what_it_found_of_each_published_finding(run: Run, ours: Path, tmp_path: Path) -> None:
    said = run("study ours.toml -o results/ours.json").stdout
    assert "Overall the two are about equal\t" in said
    assert "1 of 4: base-cross-entropy-seed-1" in said
    assert str(Path("runs/ours/report.html")) in said
    assert (tmp_path / "runs/ours/report.html").exists()
    found = (tmp_path / "results/ours.json").read_bytes()
    assert found == (tmp_path / "runs/ours/study.json").read_bytes()


def test_a_finished_study_is_not_run_again_by_mistake(run: Run, ours: Path) -> None:
    run("study ours.toml --run a")
    assert "resume it, or choose another folder" in run("study ours.toml --run a", code=1).stderr
    assert "seed-1" not in run("study ours.toml --run a --resume").stdout.split("published")[0]


def test_a_user_names_texts_of_his_own(run: Run, ours: Path) -> None:
    run("study ours.toml --train own.csv --test own.csv")
    said = run("study ours.toml --run b --test nowhere.csv", code=1).stderr
    assert "nowhere.csv" in said
    assert "(study)" in said
    assert len(said.splitlines()) == 1


def test_a_misspelt_key_is_one_error(run: Run, ours: Path) -> None:
    ours.write_text(CONFIG.replace("epochs", "epoch"), encoding="utf-8")
    said = run("study ours.toml", code=1).stderr
    assert "epoch" in said
    assert len(said.splitlines()) == 1


def test_a_study_of_images_goes_its_own_way(run: Run, ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Path, Path]] = []

    def study_images(study: str, runs: Path, results: Path, say: Callable[[str], None]) -> SimpleNamespace:
        asked.append((study, runs, results))
        return SimpleNamespace()

    for name, given in (
        ("config", {"read_images_study": lambda path: path.name}),
        ("rows", {"study_images": study_images}),
    ):
        module = ModuleType(f"docdex.study.images.{name}")
        vars(module).update(given)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    ours.write_text('kind = "images"\n', encoding="utf-8")
    run("study ours.toml")
    run("study ours.toml --run x -o y.json")
    assert asked == [
        ("ours.toml", Path("runs/ours"), Path("runs/ours/study.json")),
        ("ours.toml", Path("x"), Path("y.json")),
    ]


def test_without_the_extra_a_study_names_it(run: Run, ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning", None)
    said = run("study ours.toml", code=1).stderr
    assert "docdex[study]" in said
    assert "(missing-extra)" in said


def test_a_study_of_images_is_given_no_texts(run: Run, ours: Path) -> None:
    ours.write_text('kind = "images"\n', encoding="utf-8")
    said = run("study", ours, "--train", "a.csv", "--target-test", "b.csv", code=2)
    assert "--train, --target-test: a study of images reads what its config names." in said.stderr
    assert "invalid-setting" in said.stderr


def test_the_base_install_names_the_extra_too(run: Run, ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docdex.study.losses", None)
    said = run("study ours.toml", code=1).stderr
    assert "docdex[study]" in said
    assert "(missing-extra)" in said
