"""`docdex check`: what in a gallery will confuse answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from docdex.cli.answers import number
from docdex.cli.command import Command
from docdex.cli.options import json_option, with_model
from docdex.cli.terminal import print_json, print_table

if TYPE_CHECKING:
    from docdex.recognizer import Recognizer


@click.command(cls=Command)
@json_option
@click.option("--threshold", metavar="X", type=float, help="Instead of the calibrated one or the model's.")
@with_model
def check(dex: Recognizer, as_json: bool, threshold: float | None) -> None:
    """Find what will confuse answers.

    A duplicate is a pair of labels that hold what looks like the same picture, or reads like the same text; a
    look-alike is a pair that contradict each other and have samples at least as near as the threshold; lonely
    is a label with a single sample, which is enough, but the first place to add one.

    A pipe gets tab-separated lines: finding, label, other label, similarity; - is nothing.

    \b
    Example:
      docdex check
    """
    health = dex.check(threshold=threshold)
    if as_json:
        print_json(health)
        return
    pairs = [("duplicate", pair) for pair in health.duplicates]
    pairs += [("look-alike", pair) for pair in health.look_alikes]
    rows = [[finding, *pair.labels, number(pair.similarity)] for finding, pair in pairs]
    rows += [["lonely", label, "", ""] for label in health.lonely]
    print_table(["finding", "label", "other label", "similarity"], rows)
