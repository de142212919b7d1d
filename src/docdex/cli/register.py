"""`docdex register`: pages into the gallery, by label or by the folders they lie in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from docdex.cli.command import Command
from docdex.cli.messages import refuse, warn
from docdex.cli.options import (
    allow_conflict_option,
    keep_going_option,
    list_files,
    pages_option,
    with_recognizer,
)
from docdex.cli.terminal import counted, print_line, track
from docdex.labels import parse
from docdex.registration import label_tree

if TYPE_CHECKING:
    from docdex.recognizer import Recognizer
    from docdex.registration import Registration


@click.command(cls=Command)
@click.argument("label", metavar="LABEL", required=False)
@click.argument("sources", metavar="SOURCES...", nargs=-1, type=click.Path())
@click.option(
    "--tree", metavar="FOLDER", type=click.Path(), help="Register a folder whose sub-folders are label paths."
)
@keep_going_option
@allow_conflict_option
@pages_option
@with_recognizer
def register(
    dex: Recognizer,
    *,
    label: str | None,
    sources: tuple[str, ...],
    tree: str | None,
    keep_going: bool,
    allow_conflict: bool,
    pages: str | None,
) -> None:
    """Register pages under a label.

    SOURCES are images, PDFs and folders of them; with --by text also DOCX, HTML, e-mails and plain text,
    compared by their words from then on. One page is enough for a label; more make it more
    sensitive. A label is a path: a page of claim/acme is a claim too. A page that is registered already
    changes nothing. When a page is refused nothing is registered, unless --keep-going is given.

    \b
    Example:
      docdex register claim/acme claim_acme.jpg
      docdex register --tree forms/
      docdex register letter/reminder reminder.docx --by text --gallery letters.db
    """
    if tree is not None:
        if label is not None:
            raise click.UsageError("Give either --tree FOLDER or LABEL SOURCES..., not both.")
        items = [(name, str(path)) for name, path in label_tree(tree)]
    elif label is None or not sources:
        raise click.UsageError("Give a label and what to register under it, or --tree FOLDER.")
    else:
        items = [(parse(label), path) for path in list_files(sources)]
    with track(items, "Registering") as tracked:
        done = dex.register_many(tracked, pages=pages, atomic=not keep_going, allow_conflict=allow_conflict)
    report(done)


def report(done: Registration) -> None:
    """Say what came of registering, a line for each label. Ends the command with 1 after refusals."""
    for refusal in done.refusals:
        refuse(refusal)
    for alike in done.look_alikes:
        sample = alike.sample
        warn(
            f"{sample.source} page {sample.page}, now registered as '{sample.label}', looks like "
            f"'{alike.label}' (similarity {alike.similarity:.4f}): probes may be taken for either."
        )
    added = Counter(entry.label for entry in done.added)
    known = Counter(entry.label for entry in done.known)
    for label in dict.fromkeys(entry.label for entry in (*done.added, *done.known)):
        before = f", {known[label]} known already" if known[label] else ""
        print_line(f"{label}: {counted(added[label], 'sample')} registered{before}")
    if done.refusals:
        raise click.exceptions.Exit(1)
