"""What every gallery engine must keep when several handles and threads use it, and when it is rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from docdex.errors import ContractMismatch
from docdex.gallery import Gallery, Sample
from docdex.labels import is_within
from gallery_engines import ENGINES, Open, answers, ids
from gallery_samples import CONTRACT, OTHER_CONTRACT, content, plain_search, sample, unit

LABELS = st.sampled_from(["a", "a/b", "b", "c"])
IDS = st.sampled_from([f"s{i}" for i in range(8)])
VECTORS = st.lists(st.integers(-1, 1), min_size=4, max_size=4).filter(any).map(lambda numbers: unit(*numbers))
HANDLES = st.integers(0, 1)


class TwoHandles(RuleBasedStateMachine):
    """Two handles on one gallery, written through by turns, against a dictionary of samples."""

    def __init__(self, engine: Callable[[Path], Open], folder: Path) -> None:
        super().__init__()
        self.open = engine(folder)
        self.handles = [self.open(CONTRACT), self.open()]
        self.samples: dict[str, Sample] = {each.id: each for each in self.handles[0].scan()}

    @initialize()
    def begin_empty(self) -> None:
        assert self.handles[1].delete(list(self.samples)) == len(self.samples)
        self.samples.clear()

    @rule(handle=HANDLES, made=st.lists(st.tuples(IDS, LABELS, VECTORS), max_size=5))
    def upsert(self, handle: int, made: list[tuple[str, str, np.ndarray]]) -> None:
        written = [sample(*each) for each in made]
        self.handles[handle].upsert(written)
        self.samples.update({each.id: each for each in written})

    @rule(handle=HANDLES, gone=st.lists(IDS, max_size=4))
    def delete(self, handle: int, gone: list[str]) -> None:
        assert self.handles[handle].delete(gone) == len(self.samples.keys() & set(gone))
        for sample_id in gone:
            self.samples.pop(sample_id, None)

    @rule(handle=HANDLES, renamed=st.dictionaries(IDS, LABELS, max_size=4))
    def relabel(self, handle: int, renamed: dict[str, str]) -> None:
        assert self.handles[handle].relabel(renamed) == len(self.samples.keys() & renamed.keys())
        for sample_id in self.samples.keys() & renamed.keys():
            each = self.samples[sample_id]
            self.samples[sample_id] = sample(sample_id, renamed[sample_id], each.vector)

    @rule(handle=HANDLES)
    def rebuild(self, handle: int) -> None:
        self.handles[handle].rebuild(CONTRACT, self.handles[1 - handle].scan())

    @rule(handle=HANDLES)
    def reopen(self, handle: int) -> None:
        self.handles[handle].close()
        self.handles[handle] = self.open()

    @rule(handle=HANDLES, probe=VECTORS, k=st.integers(1, 4), within=st.none() | st.lists(LABELS, max_size=2))
    def search(self, handle: int, probe: np.ndarray, k: int, within: list[str] | None) -> None:
        expected = plain_search(self.samples.values(), probe, k, within)
        assert self.handles[handle].search(probe[None], k, within) == [expected]

    @invariant()
    def one_handle_keeps_up(self) -> None:
        # The other one searches now and then, and has more to catch up with.
        probe = unit(1, 1, 0, 0)
        assert self.handles[0].search(probe[None], 4) == [plain_search(self.samples.values(), probe, 4)]

    @invariant()
    def both_handles_tell_the_same(self) -> None:
        for handle in self.handles:
            assert {each.id: content(each) for each in handle.scan()} == {
                key: content(each) for key, each in self.samples.items()
            }
            assert sum(count for _, count in handle.labels()) == handle.count() == len(self.samples)
            assert ids(handle, "a") == [each.id for each in handle.scan() if is_within(each.label, "a")]

    def teardown(self) -> None:
        for handle in self.handles:
            handle.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_two_handles_see_each_others_writes(engine: str, tmp_path: Path) -> None:
    run_state_machine_as_test(
        lambda: TwoHandles(ENGINES[engine], tmp_path),
        settings=settings(max_examples=25, stateful_step_count=20, deadline=None),
    )


def test_threads_that_write_and_search_at_once_lose_nothing(gallery: Gallery) -> None:
    def work(thread: int) -> None:
        for i in range(15):
            vector = unit(*np.random.default_rng([thread, i]).standard_normal(4))
            gallery.upsert([sample(f"{thread}-{i}", f"l{thread}-{i}", vector)])
            assert gallery.search(vector[None], 1)[0][0].sample_id == f"{thread}-{i}"

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, thread) for thread in range(4)]:
            done.result()
    assert sorted(ids(gallery)) == sorted(f"{thread}-{i}" for thread in range(4) for i in range(15))


# Rebuilding


def embedded_anew(each: Sample) -> Sample:
    return sample(each.id, each.label, unit(*each.vector[:3]), digest=each.digest)


def test_rebuilding_replaces_contract_and_vectors_and_keeps_settings(
    gallery: Gallery, open_gallery: Open
) -> None:
    gallery.upsert([sample("1", "a", unit(1, 0, 0, 1)), sample("2", "b", unit(0, 1, 0, 1)), sample("3", "c")])
    gallery.write_setting("key", b"value")
    assert answers(gallery, 1, 0, 0, 0, k=1) == [("c", "3")]
    gallery.rebuild(OTHER_CONTRACT, (embedded_anew(each) for each in gallery.scan() if each.id != "3"))
    for handle in (gallery, open_gallery(), open_gallery(OTHER_CONTRACT)):
        assert handle.contract == OTHER_CONTRACT
        assert answers(handle, 0, 1, 0) == [("b", "2"), ("a", "1")]
        assert ids(handle) == ["1", "2"]
        assert handle.read_setting("key") == b"value"
    with pytest.raises(ContractMismatch):
        open_gallery(CONTRACT)
    gallery.verify()


def test_a_handle_from_before_a_rebuild_is_refused(gallery: Gallery, open_gallery: Open) -> None:
    gallery.upsert([sample("1")])
    old = open_gallery()
    assert answers(old, 1, 0, 0, 0) == [("a", "1")]
    gallery.rebuild(OTHER_CONTRACT, map(embedded_anew, gallery.scan()))
    for call in (
        lambda: old.upsert([sample("2")]),
        lambda: old.search(unit(1, 0, 0, 0)[None], 1),
        lambda: old.get(["1"]),
        lambda: list(old.scan()),
    ):
        with pytest.raises(ContractMismatch):
            call()
    assert gallery.count() == 1


def test_a_rebuild_that_fails_half_way_changes_nothing(gallery: Gallery, open_gallery: Open) -> None:
    before = [sample(f"{i:03}", "a", unit(1, i, 0, 0)) for i in range(300)]
    gallery.upsert(before)
    version = gallery.version

    def failing() -> Iterator[Sample]:
        for count, each in enumerate(gallery.scan()):
            if count == 280:
                raise KeyboardInterrupt
            yield embedded_anew(each)

    with pytest.raises(KeyboardInterrupt):
        gallery.rebuild(OTHER_CONTRACT, failing())
    for handle in (gallery, open_gallery(CONTRACT)):
        assert [content(each) for each in handle.scan()] == [content(each) for each in before]
        assert handle.version == version
        assert answers(handle, 1, 0, 0, 0) == [("a", "000")]
