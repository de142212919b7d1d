"""`docdex list`, `show`, `rename` and `remove`: looking after labels, which needs no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from docdex.cli.command import Command
from docdex.cli.options import json_option, with_gallery
from docdex.cli.terminal import can_ask, counted, print_json, print_line, print_table

if TYPE_CHECKING:
    from docdex.recognizer import Recognizer


@click.command("list", cls=Command)
@json_option
@with_gallery
def list_(dex: Recognizer, as_json: bool) -> None:
    """List the labels that have samples, with how many.

    \b
    Example:
      docdex list
    """
    labels = dex.labels()
    if as_json:
        for label in labels:
            print_json(label._asdict())
    else:
        print_table(["label", "samples"], [[label, str(samples)] for label, samples in labels])


@click.command(cls=Command)
@click.argument("label")
@json_option
@with_gallery
def show(dex: Recognizer, label: str, as_json: bool) -> None:
    """Show the samples of a label.

    Those at LABEL and below it: id, label, source, page, and when it was registered.

    \b
    Example:
      docdex show claim
    """
    samples = dex.samples(label)
    if as_json:
        for sample in samples:
            print_json(sample)
    else:
        rows = [[entry.id, entry.label, entry.source, str(entry.page), entry.time] for entry in samples]
        print_table(["sample", "label", "source", "page", "registered"], rows)


@click.command(cls=Command)
@click.argument("old")
@click.argument("new")
@click.option("--merge", is_flag=True, help="Allow NEW to have samples already.")
@with_gallery
def rename(dex: Recognizer, old: str, new: str, merge: bool) -> None:
    """Move a label with all below it.

    Samples of OLD become samples of NEW; those of OLD/x become samples of NEW/x.

    \b
    Example:
      docdex rename id/utopia id/utopia/gen1
    """
    moved = dex.rename(old, new, merge=merge)
    print_line(f"{counted(moved, 'sample')} moved from {old} to {new}")


@click.command(cls=Command)
@click.argument("label", required=False)
@click.option("--sample", "ids", metavar="ID", multiple=True, help="Remove this sample; may be repeated.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_gallery
def remove(dex: Recognizer, label: str | None, ids: tuple[str, ...], yes: bool) -> None:
    """Remove a label, or single samples.

    LABEL goes with all labels below it; a single sample by the id that `docdex show` gives. On a terminal a
    label is removed only after asking.

    \b
    Example:
      docdex remove claim/acme
      docdex remove --sample 3f786850e387550f
    """
    if (label is None) == (not ids):
        raise click.UsageError("Give either LABEL or --sample ID.")
    if label is not None:
        samples = dex.samples(label)
        if not yes and can_ask():
            labels = {sample.label for sample in samples}
            click.confirm(
                f"Remove {counted(samples, 'sample')} of {counted(labels, 'label')}?", abort=True, err=True
            )
        removed = dex.remove(label)
    else:
        missing = set(ids) - {sample.id for sample in dex.gallery.get(ids)}
        if missing:
            raise click.UsageError(f"No sample {min(missing)} in the gallery; nothing was removed.")
        removed = dex.remove_samples(ids)
    print_line(f"{counted(removed, 'sample')} removed")
