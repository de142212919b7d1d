from __future__ import annotations

import json
import multiprocessing
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
from dying import killed_after_saves

from docdex.errors import TrainingError
from docdex.preprocess import prepare
from docdex.training import checkpoint, initial, loop
from docdex.training.config import OptimConfig, TrainConfig, read_config
from docdex.training.loop import Trainer, cpu_seconds
from docdex.training.templates import FORMS
from docdex.training.views import Batch


def silent(_: str) -> None:
    pass


def train(config: TrainConfig, run: Path, *, resume: bool = False) -> dict[str, Any]:
    Trainer(config, run, resume=resume, say=silent).train()
    return load(run)


def same(one: Any, other: Any) -> bool:
    """Equal to the last bit, tensors inside included."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


LEARNED = ("network", "averaged", "optimiser", "tables", "row_optimiser")


def load(run: Path) -> dict[str, Any]:
    """A run's last checkpoint, the tables of its class layer among the rest."""
    state = checkpoint.load(run / "last.pt")
    paths = sorted((run / state["rows"]).iterdir())
    return {**state, "tables": {path.stem: torch.from_numpy(np.load(path)) for path in paths}}


def test_a_run_learns_and_keeps_what_it_learned(tiny_run: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    trainer = Trainer(config, tmp_path / "run", say=silent)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    centres = trainer.centres.centres.clone()
    trainer.train()
    state = load(tmp_path / "run")
    assert state["step"] == 6
    assert state["progress"]["seconds"] > 0
    assert msgspec.convert(state["config"], TrainConfig) == config
    changed = {name for name, value in state["network"].items() if not torch.equal(value, before[name])}
    assert not any(name.startswith("lower.") for name in changed)
    assert any(name.startswith("upper.") for name in changed)
    assert any(name.startswith("head.") for name in changed)
    assert not torch.equal(state["tables"]["centres"], centres)
    record = json.loads((tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert record["step"] == 6
    assert np.isfinite(record["loss"])


def test_the_same_config_makes_the_same_weights(tiny_run: Path, trained: Path, tmp_path: Path) -> None:
    one, other = load(trained), train(read_config(tiny_run), tmp_path / "other")
    assert all(same(one[part], other[part]) for part in LEARNED)


def test_centres_that_start_at_random_ask_no_network_about_pages(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initial, "CleanVectors", None)
    config = read_config(tiny_run)
    config = msgspec.structs.replace(config, loss=msgspec.structs.replace(config.loss, start="random"))
    centres = Trainer(config, tmp_path / "run", say=silent).centres.centres
    assert torch.allclose(centres.norm(dim=1), torch.ones(len(centres)))


def test_another_seed_starts_from_another_network(tiny_run: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    one, other = (
        Trainer(msgspec.structs.replace(config, seed=seed), tmp_path / "run", say=silent) for seed in (3, 4)
    )
    assert not same(one.network.state_dict(), other.network.state_dict())


def test_killed_and_resumed_a_run_ends_with_the_weights_of_one_that_was_not(
    tiny_run: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_config(tiny_run)
    with killed_after_saves(4):  # the first of them before the first step
        train(config, tmp_path / "killed")
    assert checkpoint.load(tmp_path / "killed" / "last.pt")["step"] == 3
    resumed = train(config, tmp_path / "killed", resume=True)
    uninterrupted = load(trained)
    assert resumed["step"] == 6
    assert all(same(resumed[part], uninterrupted[part]) for part in LEARNED)


def test_centres_mapped_from_a_file_and_killed_end_as_those_in_memory_that_were_not(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_config(tiny_run)
    optim = msgspec.structs.replace(config.optim, centres="adamw", centre_rate=0.01, centre_decay=0.1)
    config = msgspec.structs.replace(config, optim=optim)
    whole = train(config, tmp_path / "whole")
    assert set(whole["tables"]) == {"centres", "first", "second", "touched"}
    mapped, killed = msgspec.structs.replace(config, centre_memory=0.0), tmp_path / "killed"
    trainer = Trainer(mapped, killed, say=silent)
    step = trainer._step

    def die_at_step_4(batch: Batch) -> float:
        if trainer.progress.step == 4:
            raise KeyboardInterrupt
        return step(batch)

    monkeypatch.setattr(trainer, "_step", die_at_step_4)
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    # Nothing but the checkpoint outlives a process, and it does not hang on the mapped file.
    besides = {"scans", "broken.tsv", "events"}  # of the data, and for TensorBoard where that is there
    assert {path.name for path in killed.iterdir()} - besides == {"last.pt", load(killed)["rows"]}
    resumed = train(mapped, killed, resume=True)
    assert all(same(resumed[part], whole[part]) for part in LEARNED)


def test_a_finished_run_resumed_stays_as_it_is(tiny_run: Path, trained: Path, tmp_path: Path) -> None:
    finished = load(trained)
    again = train(read_config(tiny_run), shutil.copytree(trained, tmp_path / "run"), resume=True)
    assert again["step"] == 6
    assert all(same(finished[part], again[part]) for part in LEARNED)


def test_a_run_is_not_overwritten_by_another(tiny_run: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    (tmp_path / "last.pt").write_bytes(b"hours of work")
    with pytest.raises(TrainingError, match="holds a run already"):
        Trainer(config, tmp_path, say=silent)
    assert (tmp_path / "last.pt").read_bytes() == b"hours of work"


def test_what_cannot_be_resumed_is_said_before_any_data_are_read(tiny_run: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    told: list[str] = []
    with pytest.raises(TrainingError, match="no such checkpoint"):
        Trainer(config, tmp_path / "nowhere", resume=True, say=told.append)
    run = tmp_path / "run"
    state = {"step": 1, "config": msgspec.to_builtins(msgspec.structs.replace(config, seed=9, name="other"))}
    checkpoint.save(run / "last.pt", state)
    with pytest.raises(TrainingError, match="another config: name, seed"):
        Trainer(config, run, resume=True, say=told.append)
    checkpoint.save(run / "last.pt", {"step": 1, "config": {"nonsense": 1}})
    with pytest.raises(TrainingError, match="no config of this docdex"):
        Trainer(config, run, resume=True, say=told.append)
    assert told == []


def test_a_run_whose_data_changed_is_not_resumed(tiny_run: Path, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "train" / "pages" / "00.png").unlink()
    with pytest.raises(TrainingError, match="44 classes, the data make 42"):
        Trainer(read_config(tiny_run), trained, resume=True, say=silent)


def test_a_run_may_be_resumed_for_longer(tiny_run: Path, trained: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    longer = msgspec.structs.replace(config, optim=msgspec.structs.replace(config.optim, steps=8))
    assert train(longer, shutil.copytree(trained, tmp_path / "run"), resume=True)["step"] == 8


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_config(tiny_run)
    trainer = Trainer(config, tmp_path / "run", say=silent)
    loss = trainer.centres.loss

    def burst(vectors: torch.Tensor, labels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        return loss(vectors, labels, rng) * (float("nan") if trainer.progress.step == 2 else 1)

    monkeypatch.setattr(trainer.centres, "loss", burst)
    with pytest.raises(TrainingError, match="loss is nan at step 2"):
        trainer.train()
    state = checkpoint.load(tmp_path / "run" / "last.pt")
    assert state["step"] == 2
    assert all(value.isfinite().all() for value in state["network"].values())


class ScriptedValidation:
    """Stands for the benchmark: its scores are known beforehand."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = iter(scores)

    def measure(self, _: object) -> dict[str, float]:
        return dict.fromkeys(loop._CHOSEN_BY, next(self.scores))


def test_the_best_checkpoint_is_kept_and_not_the_last(tiny_run: Path, tmp_path: Path) -> None:
    config = msgspec.structs.replace(read_config(tiny_run), validate_minutes=1e-9)
    trainer = Trainer(config, tmp_path / "run", say=silent)
    trainer.validation = ScriptedValidation([0.1, 0.2, 0.3, 0.9, 0.4, 0.5, 0.6, 0.7])  # type: ignore[assignment]
    trainer.train()
    best, last = (checkpoint.load(tmp_path / "run" / f"{name}.pt") for name in ("best", "last"))
    assert best["step"] == 3
    assert last["step"] == 6
    assert best["progress"]["best"] == last["progress"]["best"] == pytest.approx(0.9)
    assert [entry["step"] for entry in last["progress"]["history"]] == [0, 1, 2, 3, 4, 5, 6, 6]


def test_a_run_killed_before_its_first_step_goes_on(tiny_run: Path, trained: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run)
    with killed_after_saves(1):
        train(config, tmp_path / "killed")
    assert checkpoint.load(tmp_path / "killed" / "last.pt")["step"] == 0
    resumed, uninterrupted = train(config, tmp_path / "killed", resume=True), load(trained)
    assert all(same(resumed[part], uninterrupted[part]) for part in LEARNED)


def test_a_best_checkpoint_newer_than_the_last_is_not_replaced_by_a_worse_one(
    tiny_run: Path, tmp_path: Path
) -> None:
    config = msgspec.structs.replace(read_config(tiny_run), validate_minutes=1e-9, checkpoint_minutes=60.0)
    trainer = Trainer(config, tmp_path / "run", say=silent)
    trainer.validation = ScriptedValidation([0.1, 0.2, 0.9])  # type: ignore[assignment]
    with pytest.raises(StopIteration):  # killed after it had measured step 2, and saved nothing since step 0
        trainer.train()
    resumed = Trainer(config, tmp_path / "run", resume=True, say=silent)
    resumed.validation = ScriptedValidation([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])  # type: ignore[assignment]
    resumed.train()
    assert checkpoint.load(tmp_path / "run" / "best.pt")["step"] == 2
    assert resumed.progress.best == pytest.approx(0.9)


def test_a_benchmark_that_cannot_tell_all_still_chooses(tiny_run: Path, tmp_path: Path) -> None:
    class Lacking(ScriptedValidation):
        def measure(self, network: object) -> dict[str, float]:
            return {**super().measure(network), "rank1_stress": float("nan")}

    told: list[str] = []
    trainer = Trainer(read_config(tiny_run), tmp_path / "run", say=told.append)
    trainer.validation = Lacking([0.1, 0.7])  # type: ignore[assignment]
    trainer.train()
    assert [line for line in told if "rank1_stress" in line and "cannot tell" in line] == [
        "the score is without what this benchmark cannot tell: rank1_stress"
    ]
    assert checkpoint.load(tmp_path / "run" / "best.pt")["progress"]["best"] == pytest.approx(0.7)
    lines = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line).get("rank1_stress", "not said") for line in lines} == {None, "not said"}


def test_the_budget_in_minutes_is_kept(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_config(tiny_run)
    config = msgspec.structs.replace(config, optim=OptimConfig(batch=8, minutes=5.0, warmup=2))
    trainer = Trainer(config, tmp_path / "run", say=silent)
    clock = iter(range(0, 100_000, 60))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    trainer.train()
    assert trainer.progress.step == 5
    assert trainer.share_done() == pytest.approx(1)


def test_weights_decay_in_matrices_and_kernels_only(tiny_run: Path, tmp_path: Path) -> None:
    trainer = Trainer(read_config(tiny_run), tmp_path / "run", say=silent)
    groups = trainer.optimiser.param_groups
    assert all((p.ndim > 1) == (group["weight_decay"] > 0) for group in groups for p in group["params"])
    learned = sum(p.requires_grad for p in trainer.network.parameters())
    assert sum(len(group["params"]) for group in groups) == learned


def _spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    time.sleep(60)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells of running processes")
def test_the_cpu_time_of_running_workers_is_counted() -> None:
    before = cpu_seconds()
    worker = multiprocessing.get_context("spawn").Process(target=_spin, args=(0.3,))
    worker.start()
    try:
        deadline = time.monotonic() + 20
        while cpu_seconds() - before < 0.3 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert cpu_seconds() - before >= 0.3
    finally:
        worker.kill()
        worker.join()


def test_a_run_starts_where_another_got(tiny_run: Path, trained: Path, tmp_path: Path) -> None:
    config = msgspec.structs.replace(read_config(tiny_run), start_from=str(trained), seed=9)
    trainer = Trainer(config, tmp_path / "next", say=silent)
    before = checkpoint.load(trained / "last.pt")
    assert same(dict(trainer.network.state_dict()), before["averaged"])
    assert torch.equal(trainer.centres.centres, load(trained)["tables"]["centres"])
    assert trainer.progress.step == 0
    trainer.train()
    assert not same(checkpoint.load(tmp_path / "next" / "last.pt")["averaged"], before["averaged"])


def where_it_puts(trainer: Trainer, number: int) -> torch.Tensor:
    """The vector that a run's network has of the clean page of a class, an image's."""
    page = np.ascontiguousarray(trainer.table.page(number, np.random.default_rng(0)))
    with torch.no_grad():
        return trainer.network.eval()(torch.from_numpy(prepare(page, trainer.config.model.side)[None]))[0]


def test_a_run_may_start_from_one_of_other_classes_but_not_from_none(
    tiny_run: Path, trained: Path, tmp_path: Path
) -> None:
    config = msgspec.structs.replace(read_config(tiny_run), start_from=str(trained))
    data = msgspec.structs.replace(config.data, templates=config.data.templates - 1)
    trainer = Trainer(msgspec.structs.replace(config, data=data), tmp_path / "next", say=silent)
    assert len(trainer.centres.centres) == len(trainer.table)
    # Other classes, other centres: where this network puts their clean pages.
    assert torch.allclose(trainer.centres.centres[0], where_it_puts(trainer, 0), atol=1e-3)
    with pytest.raises(TrainingError, match="no such checkpoint"):
        Trainer(msgspec.structs.replace(config, start_from=str(tmp_path)), tmp_path / "next", say=silent)


@pytest.mark.parametrize(
    "more", [{"templates": 3}, {"offices": 2}, {"editions": 2}, {"templates": 150}], ids=str
)
@pytest.mark.parametrize("start", ["clean", "random"])
def test_classes_that_are_new_start_anew_and_the_others_go_on(
    start: str, more: dict[str, int], tiny_run: Path, trained: Path, tmp_path: Path
) -> None:
    config = msgspec.structs.replace(read_config(tiny_run), start_from=str(trained))
    loss = msgspec.structs.replace(config.loss, start=start)
    (key, added), *_ = more.items()
    data = msgspec.structs.replace(config.data, **{key: getattr(config.data, key) + added})
    trainer = Trainer(msgspec.structs.replace(config, data=data, loss=loss), tmp_path / "next", say=silent)
    before = load(trained)["tables"]["centres"]
    assert len(trainer.table) == len(before) + added * (FORMS if key in {"offices", "editions"} else 1)
    assert torch.equal(trainer.centres.centres[: len(before)], before)
    new = trainer.centres.centres[len(before) :]
    assert torch.allclose(new.norm(dim=1), torch.ones(len(new)), atol=1e-4)
    assert len(torch.unique(new, dim=0)) == len(new)


def test_a_run_takes_no_centres_over_from_one_of_other_images(
    tiny_run: Path, trained: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    state = checkpoint.load(other / "last.pt")
    assert state["made_of"]
    torch.save({**state, "made_of": "as many, and others"}, other / "last.pt")
    config = read_config(tiny_run)
    kept, anew = (
        Trainer(
            msgspec.structs.replace(config, start_from=str(start)), tmp_path / f"next-{number}", say=silent
        )
        for number, start in enumerate((trained, other))
    )
    assert same(dict(kept.network.state_dict()), dict(anew.network.state_dict()))
    assert not torch.allclose(kept.centres.centres, anew.centres.centres, atol=1e-3)


def test_a_run_may_start_from_one_of_another_side_but_not_of_another_head(
    tiny_run: Path, trained: Path, tmp_path: Path
) -> None:
    config = msgspec.structs.replace(read_config(tiny_run), start_from=str(trained))
    larger = msgspec.structs.replace(config, model=msgspec.structs.replace(config.model, side=96))
    trainer = Trainer(larger, tmp_path / "larger", say=silent)
    before = checkpoint.load(trained / "last.pt")["averaged"]
    after = trainer.network.state_dict()
    assert {name for name in before if not same(before[name], after[name])} == {"head.first.weight"}
    trainer.train()
    assert checkpoint.load(tmp_path / "larger" / "last.pt")["step"] == 6
    wider = msgspec.structs.replace(larger, model=msgspec.structs.replace(larger.model, squeeze=9))
    with pytest.raises(TrainingError, match="another network"):
        Trainer(wider, tmp_path / "wider", say=silent)
