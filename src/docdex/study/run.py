"""Run a study: each cell in a process of its own, and kept as soon as it is finished."""

from __future__ import annotations

import multiprocessing as mp
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import numpy as np

from docdex.errors import DocdexError, MissingExtra, StudyError
from docdex.study.cells import Cell, cells, choose_rates, rate_cells
from docdex.study.config import TF_IDF, differences
from docdex.study.corpus import Corpus
from docdex.study.record import Asked, Found, Study, read_json, write_json
from docdex.study.summary import summarise
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import (
        ForkServerContext,
        ForkServerProcess,
        SpawnContext,
        SpawnProcess,
    )
    from pathlib import Path

    from docdex.study.config import StudyConfig

ASKED, CELLS, CORPUS, RESULT, VECTORS = "asked.json", "cells", "corpus.npz", "study.json", "vectors"
"""Files and folders in that of the run."""
_PICTURED = ("base", "variants", "imbalance")
"""Parts whose cells of the first seed keep vectors of the test."""
_LOADED = [
    "docdex.study.work",
    "torch._dynamo",
    *(f"pytorch_metric_learning.{part}" for part in ("losses", "miners", "distances")),
    "sklearn.linear_model",
]
"""What every cell needs or may need, loaded once for all: torch loads its compiler when the first optimiser
is made, which takes a second and a half and 100 MB."""


def require_extra() -> None:
    """Raises MissingExtra unless the packages of a study are installed."""
    try:
        import matplotlib  # noqa: F401
        import pytorch_metric_learning  # noqa: F401
        import sklearn  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            f"A study needs more than is installed ({error}): pip install 'docdex[study]'."
        ) from error


def run_study(
    config: StudyConfig,
    folder: Path,
    *,
    resume: bool = False,
    say: Callable[[str], None] = print,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> Study:
    """Train and measure every cell that `folder` does not hold yet, and sum up: also in its `study.json`.

    resume: go on with what the folder holds. say: is told of each cell. show: how many of how many are done.

    Raises StudyError for texts that cannot be used, a folder that holds another study or one that was not to
    be resumed, and a cell that broke down: what was finished stays. MissingExtra without the extra `study`.
    """
    require_extra()
    if resume != (folder / ASKED).exists():
        raise StudyError(
            f"{folder} holds no study to resume."
            if resume
            else f"{folder} holds a study already: resume it, or choose another folder."
        )
    corpus = Corpus.read(config)
    _claim(config, corpus, folder)
    run = _Run(config, corpus, folder, say, show)
    to_choose = rate_cells(config)
    tried = run.all(to_choose, to_choose)
    rates = choose_rates(config, {cell: found.figures["centroid"] for cell, found in tried.items()})
    wanted = cells(config, corpus.labels, rates)
    found = run.all(wanted, [*to_choose, *wanted])
    study = summarise(config, corpus, list(found.values()))
    write_json(study, folder / RESULT)
    return study


def _claim(config: StudyConfig, corpus: Corpus, folder: Path) -> None:
    """Make the folder this study's. Raises StudyError where it is another's."""
    asked = folder / ASKED
    if asked.exists():
        before = read_json(asked, Asked)
        other = differences(before.config, config)
        if before.digest != corpus.digest:
            other.append("the texts")
        if other:
            raise StudyError(
                f"{folder} holds another study: {', '.join(other)} differ. Choose another folder."
            )
    try:
        for inside in (CELLS, VECTORS):
            (folder / inside).mkdir(parents=True, exist_ok=True)
        corpus.write(folder / CORPUS)
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror}.") from error
    write_json(Asked(config, corpus.digest), asked)


class _Run:
    """Cells of one study, from what its folder holds and by making the others."""

    def __init__(
        self,
        config: StudyConfig,
        corpus: Corpus,
        folder: Path,
        say: Callable[[str], None],
        show: Callable[[int, int], None],
    ) -> None:
        self.config, self.corpus, self.folder, self.say, self.show = config, corpus, folder, say, show

    def all(self, wanted: Sequence[Cell], known: Sequence[Cell]) -> dict[Cell, Found]:
        """What came of the wanted cells. known: all that are known to come, to be counted."""
        found = {cell: kept for cell in wanted if (kept := self._kept(cell)) is not None}
        missing = [cell for cell in wanted if cell not in found]
        done = len(known) - len(missing)
        self.show(done, len(known))
        for cell in self._make(missing):
            found[cell] = read_json(self._path(cell), Found)
            done += 1
            self.say(f"{done} of {len(known)}: {_told(found[cell])}")
            self.show(done, len(known))
        return {cell: found[cell] for cell in wanted}

    def _path(self, cell: Cell) -> Path:
        return self.folder / CELLS / f"{cell.name}.json"

    def _kept(self, cell: Cell) -> Found | None:
        """What was found before; a cell of another rate, or without its picture's vectors, is made anew."""
        with suppress(StudyError):
            found = read_json(self._path(cell), Found)
            return found if found.cell == cell and self._has_vectors(cell) else None
        return None

    def _has_vectors(self, cell: Cell) -> bool:
        """Whether what pictures need of a cell is there: another first seed or `pictured` asks for others."""
        if cell.part not in _PICTURED or cell.loss == TF_IDF or cell.seed != self.config.seeds[0]:
            return True
        rows = pictured_rows(len(self.corpus.test), self.config.pictured)
        try:
            return len(np.load(_vectors_path(self.folder, cell), mmap_mode="r")) == len(rows)
        except (OSError, ValueError):
            return False

    def _make(self, wanted: Sequence[Cell]) -> Iterable[Cell]:
        """Make cells and write each at once; gives those that are finished."""
        if self.config.workers == 0:
            for cell in wanted:
                _work_and_keep(self.config, self.corpus, cell, self.folder)
                yield cell
            return
        context = _context()
        waiting = list(reversed(wanted))
        busy: dict[int, tuple[Cell, ForkServerProcess | SpawnProcess, Connection]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self.config.workers:
                    cell = waiting.pop()
                    ours, theirs = context.Pipe(duplex=False)
                    process = context.Process(
                        target=_in_process, args=(self.config, cell, self.folder, theirs)
                    )
                    process.start()
                    theirs.close()
                    busy[process.sentinel] = cell, process, ours
                for sentinel in wait(list(busy)):
                    cell, process, ours = busy.pop(sentinel)  # type: ignore[arg-type]
                    process.join()
                    _judge(cell, process, ours)
                    yield cell
        finally:
            for _, process, _ in busy.values():
                process.terminate()
                process.join()


def _context() -> ForkServerContext | SpawnContext:
    """How processes start: forked from one that has loaded torch and nothing else, where that can be."""
    if "forkserver" not in mp.get_all_start_methods():
        return mp.get_context("spawn")
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


def _in_process(config: StudyConfig, cell: Cell, folder: Path, told: Connection) -> None:
    """Work on a cell in a process of its own; tell what was in the way."""
    try:
        _work_and_keep(config, Corpus.load(folder / CORPUS), cell, folder)
    except KeyboardInterrupt:
        raise SystemExit(1) from None
    except DocdexError as error:
        told.send(error.message)
        raise SystemExit(1) from None


def _work_and_keep(config: StudyConfig, corpus: Corpus, cell: Cell, folder: Path) -> None:
    from docdex.study.work import work

    found, vectors = work(config, corpus, cell)
    try:
        if vectors is not None and cell.seed == config.seeds[0]:
            rows = pictured_rows(len(vectors), config.pictured)
            with whole_file(_vectors_path(folder, cell)) as partial, partial.open("wb") as file:
                np.save(file, vectors[rows])
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror}.") from error
    write_json(found, folder / CELLS / f"{cell.name}.json")


def _vectors_path(folder: Path, cell: Cell) -> Path:
    return folder / VECTORS / f"{cell.name}.npy"


def pictured_rows(texts: int, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Which of the test's texts are drawn: an even sample of its order, the same for all cells."""
    return np.unique(np.linspace(0, texts - 1, min(texts, count)).astype(np.int64))


def _judge(cell: Cell, process: ForkServerProcess | SpawnProcess, told: Connection) -> None:
    """Raise StudyError for a cell whose process failed."""
    with told:
        said = None
        with suppress(EOFError, OSError):
            said = told.recv() if told.poll() else None
    if process.exitcode:
        why = said or f"its process ended with {process.exitcode}"
        raise StudyError(f"{cell.name}: {why} What was finished is kept: --resume goes on from there.")


def _told(found: Found) -> str:
    """A finished cell in a line."""
    right = found.figures.get("centroid")
    shown = "" if right is None else f", nearest centroid right {right:.3f}"
    return f"{found.cell.name} in {found.cpu_seconds:.1f} s{shown}"
