"""Processes and threads that use one gallery at once: nothing is lost, and no answer differs for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from docdex import Match, Recognizer
from fakes import TINY, Pixels, draw_blocks, noisy
from killing import running
from register_pages import SCRIPT, document_of

DOCUMENTS = 50


def test_two_processes_register_while_a_third_recognises(tmp_path: Path) -> None:
    path = tmp_path / "gallery.db"  # made by whichever is first
    stranger = draw_blocks(999)
    with (
        running(SCRIPT, path, 1, DOCUMENTS) as one,
        running(SCRIPT, path, 2, DOCUMENTS) as two,
        Recognizer.open(path, model=TINY) as dex,
    ):
        for clerk, process in ((1, one), (2, two)):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for number, line in enumerate(process.stdout):
                assert line == f"{number}\n"
                label, pages = document_of(clerk, number)
                match = dex.recognize(pages[number % 2])
                assert (match.decision, match.label) == ("match", label)
                assert match.similarity == pytest.approx(1, abs=1e-5)
                assert dex.recognize(stranger).decision == "unknown"
    assert one.returncode == two.returncode == 0
    with Recognizer.open(path, model=TINY) as dex:
        dex.gallery.verify()
        assert dict(dex.labels()) == {
            document_of(clerk, number)[0]: 2 for clerk in (1, 2) for number in range(DOCUMENTS)
        }


def test_two_processes_that_register_the_same_pages_write_each_once(tmp_path: Path) -> None:
    path = tmp_path / "gallery.db"
    with running(SCRIPT, path, 1, DOCUMENTS) as one, running(SCRIPT, path, 1, DOCUMENTS) as two:
        one.communicate()
        two.communicate()
    assert one.returncode == two.returncode == 0
    with Recognizer.open(path, model=TINY) as dex:
        assert len(dex.samples()) == len({entry.digest for entry in dex.samples()}) == 2 * DOCUMENTS


def test_eight_threads_that_register_and_recognise_answer_as_one(tmp_path: Path) -> None:
    known = [(f"type/{number}", draw_blocks(number)) for number in range(6)]
    shares = [[document_of(thread, number) for number in range(4)] for thread in range(8)]
    # Of types known from the start, each turned another way: whatever comes later is farther from them.
    probes = [np.rot90(noisy(page, number), number) for number, (_, page) in enumerate(known)]
    stranger = draw_blocks(999)

    def nearest(dex: Recognizer) -> list[Match]:
        return [dex.recognize(probe, top=1) for probe in probes]

    with (
        Recognizer.open(tmp_path / "alone.db", model=TINY) as alone,
        Recognizer.open(tmp_path / "shared.db", model=TINY) as shared,
    ):
        for dex in (alone, shared):
            dex.register_many(known)
        expected = nearest(alone)
        assert [match.label for match in expected] == [label for label, _ in known]

        def work(share: list[tuple[str, list[Pixels]]]) -> None:
            for label, pages in share:
                assert len(shared.register(label, pages).added) == len(pages)
                assert nearest(shared) == expected
                assert shared.recognize(pages[0]).label == label
                assert shared.recognize(stranger).decision == "unknown"

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, shares))
        alone.register_many([document for share in shares for document in share])
        assert shared.labels() == alone.labels()
        for probe in [*probes, stranger, *(pages[0] for share in shares for _, pages in share)]:
            assert shared.recognize(probe) == alone.recognize(probe)
