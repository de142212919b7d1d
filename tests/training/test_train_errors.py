"""What can go wrong in a run ends `docdex train` with one sentence, and costs no checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("torch", reason="needs the extra train")

import torch

from docdex.cli import main
from docdex.training import checkpoint
from docdex.training.loop import Trainer


def train(config: Path, run: Path, *options: str) -> Result:
    done = CliRunner().invoke(main, ["train", str(config), "--run", str(run), *options], prog_name="docdex")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def refused(config: Path, run: Path, *options: str) -> str:
    """The one sentence with which the command ends."""
    done = train(config, run, *options)
    assert done.exit_code == 1, done.output
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("Error: ")
    assert sentence.endswith("(training)")
    return sentence


def change(config: Path, old: str, new: str) -> None:
    text = config.read_text(encoding="utf-8")
    assert text.count(old) == 1
    config.write_text(text.replace(old, new), encoding="utf-8")


def pages_of(config: Path) -> list[Path]:
    return sorted((config.parent / "data" / "train" / "pages").iterdir())


@pytest.fixture
def last_good(trained: Path, tmp_path: Path) -> Path:
    """Folder of a finished run of the tiny config, to be written to."""
    return shutil.copytree(trained, tmp_path / "run")


def contents(run: Path) -> dict[str, bytes]:
    """What a run can be resumed from: its checkpoint, and the tables that it names."""
    tables = run / checkpoint.load(run / "last.pt")["rows"]
    return {path.name: path.read_bytes() for path in (run / "last.pt", *tables.iterdir())}


def test_broken_images_are_left_out_and_named_and_the_run_goes_on(
    tiny_run: Path, trained: Path, tmp_path: Path
) -> None:
    broken = pages_of(tiny_run)[3]
    broken.write_bytes(broken.read_bytes()[:40])
    change(tiny_run, "steps = 6", "steps = 1")
    change(tiny_run, "seed = 3", f'seed = 3\nstart_from = "{trained}"')
    done = train(tiny_run, tmp_path / "run")
    assert done.exit_code == 0, done.output
    listed = tmp_path / "run" / "broken.tsv"
    assert f"1 files or pages are left out, as they cannot be decoded: listed in {listed}" in done.stdout
    assert str(broken) in listed.read_text(encoding="utf-8")


def test_a_folder_with_nothing_but_broken_images_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    for path in pages_of(tiny_run):
        path.write_bytes(b"no image")
    assert "none of its 12 files can be decoded" in refused(tiny_run, tmp_path / "run")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_goes_away_while_a_run_learns_is_named_whoever_was_to_read_it(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    change(tiny_run, "workers = 0", f"workers = {workers}")
    change(tiny_run, "templates = 20", "templates = 0\nmemory_gigabytes = 0")

    def lose_images(trainer: Trainer) -> None:
        for path in pages_of(tiny_run):
            path.unlink()

    monkeypatch.setattr(Trainer, "_measure", lose_images)
    change(tiny_run, "steps = 6", "steps = 40")  # more than a worker makes ahead
    sentence = refused(tiny_run, tmp_path / "run")
    assert "could be read when it was scanned, and now cannot" in sentence
    assert str(tiny_run.parent / "data" / "train" / "pages") in sentence


def test_a_folder_without_pictures_for_templates_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    change(tiny_run, 'pictures = "$DOCDEX_DATA/train"', 'pictures = "$DOCDEX_DATA/pictuers"')
    sentence = refused(tiny_run, tmp_path / "run")
    assert "pictuers: no pictures for templates (config data.pictures)" in sentence


def test_an_empty_class_is_refused_by_its_name(tiny_run: Path, tmp_path: Path) -> None:
    change(tiny_run, 'folder = "$DOCDEX_DATA/train"', 'folder = "$DOCDEX_DATA/train"\nclasses = "labelled"')
    (pages_of(tiny_run)[0].parents[1] / "passports").mkdir()
    assert "classes without an image: passports" in refused(tiny_run, tmp_path / "run")


def test_a_class_of_broken_images_is_refused_by_its_name(tiny_run: Path, tmp_path: Path) -> None:
    change(tiny_run, 'folder = "$DOCDEX_DATA/train"', 'folder = "$DOCDEX_DATA/train"\nclasses = "labelled"')
    (other := pages_of(tiny_run)[0].parents[1] / "passports").mkdir()
    (other / "1.png").write_bytes(b"no image")
    assert "none of the images of class passports can be decoded" in refused(tiny_run, tmp_path / "run")


def test_a_misspelt_key_is_refused_by_its_name_before_anything_is_made(
    tiny_run: Path, tmp_path: Path
) -> None:
    change(tiny_run, "warmup = 2", "warm_up = 2")
    sentence = refused(tiny_run, tmp_path / "run")
    assert "warm_up" in sentence
    assert "optim" in sentence
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_resumed_as_another_architecture(tiny_run: Path, last_good: Path) -> None:
    before = contents(last_good)
    change(tiny_run, "squeeze = 8", "squeeze = 16")
    assert "made by another config: model.squeeze" in refused(tiny_run, last_good, "--resume")
    assert contents(last_good) == before


def test_a_checkpoint_that_holds_another_network_is_refused(tiny_run: Path, last_good: Path) -> None:
    state: dict[str, Any] = checkpoint.load(last_good / "last.pt")
    state["network"] = {f"trunk.{name}": value for name, value in state["network"].items()}
    torch.save(state, last_good / "last.pt")
    before = contents(last_good)
    sentence = refused(tiny_run, last_good, "--resume")
    assert "a checkpoint of another network: Missing key(s)" in sentence
    assert len(sentence) < 500
    assert contents(last_good) == before


def test_a_run_is_not_resumed_with_its_classes_in_another_order(tiny_run: Path, last_good: Path) -> None:
    before = contents(last_good)
    first = pages_of(tiny_run)[0]
    moved = first.rename(first.with_name("zz.png"))
    change(tiny_run, "steps = 6", "steps = 7")
    assert "or of these in another order" in refused(tiny_run, last_good, "--resume")
    assert contents(last_good) == before
    moved.rename(first)
    assert train(tiny_run, last_good, "--resume").exit_code == 0


@pytest.mark.parametrize("lacking", ["averaged", "optimiser", "progress"])
def test_a_checkpoint_that_lacks_a_part_is_refused_by_its_name(
    tiny_run: Path, last_good: Path, lacking: str
) -> None:
    state: dict[str, Any] = checkpoint.load(last_good / "last.pt")
    del state[lacking]
    torch.save(state, last_good / "last.pt")
    assert f"a checkpoint of another network: '{lacking}'" in refused(tiny_run, last_good, "--resume")


def test_a_run_does_not_start_from_one_whose_config_is_of_another_docdex(
    tiny_run: Path, last_good: Path, tmp_path: Path
) -> None:
    state: dict[str, Any] = checkpoint.load(last_good / "last.pt")
    state["config"]["optim"]["surprise"] = 1
    torch.save(state, last_good / "last.pt")
    change(tiny_run, "seed = 3", f'seed = 3\nstart_from = "{last_good}"')
    sentence = refused(tiny_run, tmp_path / "next")
    assert "a checkpoint of another docdex: Object contains unknown field `surprise`" in sentence


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_ends_the_run_and_what_it_had_saved_goes_on(tiny_run: Path, last_good: Path) -> None:
    before = contents(last_good)
    change(tiny_run, "steps = 6", "steps = 7")
    (last_good / "last.partial").symlink_to("/dev/full")
    sentence = refused(tiny_run, last_good, "--resume")
    assert "last.pt: not written:" in sentence
    assert "No space left" in sentence
    assert "The checkpoint before it is untouched." in sentence
    assert contents(last_good) == before
    assert train(tiny_run, last_good, "--resume").exit_code == 0
    assert checkpoint.load(last_good / "last.pt")["step"] == 7


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_disk_too_full_for_the_log_ends_the_run_in_the_same_way(tiny_run: Path, last_good: Path) -> None:
    before = contents(last_good)
    change(tiny_run, "steps = 6", "steps = 7")
    (last_good / "log.jsonl").unlink()
    (last_good / "log.jsonl").symlink_to("/dev/full")
    sentence = refused(tiny_run, last_good, "--resume")
    assert "figures not written:" in sentence
    assert "No space left" in sentence
    assert contents(last_good).keys() == before.keys()
    assert checkpoint.load(last_good / "last.pt")["step"] in (6, 7)
