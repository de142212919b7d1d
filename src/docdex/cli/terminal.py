"""How results look: tables and progress bars for a person, plain lines for a pipe, JSON for machines."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from docdex.cli.messages import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence, Sized

    from docdex.training.progress import Pace

T = TypeVar("T")

_STYLES = {
    "match": "green",
    "right": "green",
    "ok": "green",
    "ambiguous": "yellow",
    "unknown": "cyan",
    "refused": "red",
    "wrong": "red",
    "fault": "red",
}
"""Colours of words that judge, wherever they fill a cell."""


def is_terminal() -> bool:
    """Whether a person looks at stdout."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Whether a person can answer on stdin."""
    return sys.stdin.isatty()


def print_line(text: str) -> None:
    """Print a line of text."""
    click.echo(shown(text))


def print_json(value: object) -> None:
    """Print one JSON object on one line, in UTF-8."""
    click.echo(msgspec.json.encode(value))


def print_row(cells: Sequence[str]) -> None:
    """Print a line of tab-separated cells; an empty one is `-`, so that columns can be counted."""
    click.echo("\t".join(shown(cell) or "-" for cell in cells))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table to a terminal, and lines without headings to a pipe."""
    if not is_terminal():
        for row in rows:
            print_row(row)
        return
    # Not Console(markup=...): names may hold brackets and colons, and are only ever text.
    table = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        cells = ("\n".join(shown(line) for line in cell.split("\n")) for cell in row)
        table.add_row(*(Text(cell, style=_STYLES.get(cell, ""), overflow="fold") for cell in cells))
    Console(file=sys.stdout).print(table)


@contextmanager
def progress(doing: str, *, hidden: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, if that is a terminal; gives what tells it how many of how many are done.

    hidden: draw none, where lines go to the same terminal meanwhile.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    bar = Progress(
        # Turns also while one long file is read, when the count stands still.
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
        # Results are printed meanwhile, perhaps into a pipe.
        redirect_stdout=False,
    )
    with bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def track(items: Sequence[T], doing: str, *, hidden: bool = False) -> Iterator[Iterator[T]]:
    """Gives the items; a progress bar advances when the next one is asked for, and goes after the last."""
    with ExitStack() as stack:
        show = stack.enter_context(progress(doing, hidden=hidden))

        def tracked() -> Iterator[T]:
            for done, item in enumerate(items):
                show(done, len(items))
                yield item
            # Whoever asks for one more may print about all of them, on the same terminal.
            stack.close()

        yield tracked()


@contextmanager
def training_bar() -> Iterator[Callable[[Pace], None] | None]:
    """A bar that stays below what a run says, if both go to a terminal: gives what tells it of a step."""
    if not (is_terminal() and sys.stderr.isatty()):
        yield None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:.0f} images/s, {task.fields[left]} left"),
        console=Console(file=sys.stderr),
    )

    def show(pace: Pace) -> None:
        if not bar.tasks:
            # Not before the first step: the bar has a thread, and workers are forked until then.
            bar.add_task("", total=1.0, rate=0.0, left="")
            bar.start()
        told = f"step {pace.step} loss {pace.loss:.3f}"
        left = str(timedelta(seconds=round(pace.left)))
        bar.update(bar.task_ids[0], completed=pace.done, description=told, rate=pace.rate, left=left)

    try:
        yield show
    finally:
        bar.stop()


def counted(items: Sized | int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 sample", "2 samples"."""
    number = items if isinstance(items, int) else len(items)
    return f"{number} {one if number == 1 else many or one + 's'}"
