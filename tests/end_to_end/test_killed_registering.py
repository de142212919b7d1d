"""A process that registers is killed: what it acknowledged is there, whole, for whoever comes next."""

from __future__ import annotations

import random
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from docdex import Match, Recognizer
from fakes import TINY
from killing import kill_at_work, running
from register_pages import SCRIPT, document_of

DOCUMENTS = 50
PAGES = 2


def check_whole(dex: Recognizer, unharmed: Recognizer) -> None:
    """All samples are those of a gallery that nobody was killed at, but for the time."""
    pairs = list(zip(dex.gallery.scan(), unharmed.gallery.scan(), strict=True))
    content = attrgetter("id", "label", "digest", "source", "page", "thumbnail")
    assert [content(each) for each, _ in pairs] == [content(expected) for _, expected in pairs]
    for each, expected in pairs:
        assert np.abs(each.vector - expected.vector).max() < 1e-5


def test_killed_in_the_middle_of_registering_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    dice = random.Random(9)
    path = tmp_path / "gallery.db"
    killed_at_work = 0
    with Recognizer.open(tmp_path / "unharmed.db", model=TINY) as unharmed:
        for clerk in range(20):
            with running(SCRIPT, path, clerk, DOCUMENTS) as process:
                said = kill_at_work(process, dice, lines=DOCUMENTS, pause=0.02)
            acknowledged = said - 1  # the first line is "ready"
            killed_at_work += acknowledged < DOCUMENTS
            with Recognizer.open(path, model=TINY) as dex:
                # It goes on registering, even where the first one was killed while it made the gallery.
                label, pages = document_of(100, clerk)
                for recognizer in (dex, unharmed):
                    assert len(recognizer.register(label, pages).added) == PAGES
                dex.gallery.verify()
                # One more may be there: killed between the commit and the line that tells of it.
                kept, half = divmod(sum(1 for _ in dex.gallery.entries(within=f"clerk{clerk}")), PAGES)
                assert (kept - acknowledged in (0, 1), half) == (True, 0)
                for number in range(kept):
                    unharmed.register(*document_of(clerk, number))
                check_whole(dex, unharmed)
                if acknowledged:
                    label, pages = document_of(clerk, acknowledged - 1)
                    for match in dex.recognize_many(pages):
                        assert isinstance(match, Match)
                        assert match.candidates[0].label == label
                        assert match.similarity == pytest.approx(1, abs=1e-5)
    assert killed_at_work > 10
