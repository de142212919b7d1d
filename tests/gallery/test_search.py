from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.gallery import Sample, search
from docdex.gallery.search import Snapshot
from gallery_samples import plain_search, sample, unit

# Whole numbers of a small range: many equal directions, and many equal similarities.
directions = st.lists(st.integers(-2, 2), min_size=4, max_size=4).filter(any)
vectors = directions.map(lambda numbers: unit(*numbers))
labels = st.sampled_from(["a", "a/b", "a/c", "b", "c"])


@pytest.fixture(autouse=True)
def small_parts() -> Iterator[None]:
    """Parts so small that a few dozen samples fill many and every path is taken."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "SEGMENT": 32,
            "BLOCK": 4,
            "SMALLEST_CAPACITY": 2,
            "SIMILARITIES": 100,
            "CANDIDATES": 8,
            "RESCORED_ROWS": 3,
        }.items():
            patch.setattr(search, name, value)
        yield


def snapshot_of(samples: list[Sample], snapshot: Snapshot | None = None, first_row: int = 1) -> Snapshot:
    snapshot = snapshot or Snapshot(4)
    if not samples:
        return snapshot
    rows = range(first_row, first_row + len(samples))
    return snapshot.appended(
        rows, [s.id for s in samples], [s.label for s in samples], np.stack([s.vector for s in samples])
    )


@given(
    st.lists(st.tuples(labels, vectors), max_size=120),
    st.lists(vectors, min_size=1, max_size=12),
    st.integers(1, 6),
    st.none() | st.lists(labels, max_size=2),
    st.data(),
)
def test_it_finds_what_comparing_one_by_one_finds(
    made: list[tuple[str, np.ndarray]],
    probes: list[np.ndarray],
    k: int,
    within: list[str] | None,
    data: st.DataObject,
) -> None:
    samples = {row: sample(f"s{row:03}", label, vector) for row, (label, vector) in enumerate(made, start=1)}
    snapshot = snapshot_of(list(samples.values()))
    removed = data.draw(st.sets(st.integers(1, 130), max_size=60))
    renamed = data.draw(st.dictionaries(st.integers(1, 130), labels, max_size=20))
    snapshot = snapshot.removed(sorted(removed)).relabelled(list(renamed), list(renamed.values()))
    left = [
        sample(each.id, renamed.get(row, each.label), each.vector)
        for row, each in samples.items()
        if row not in removed
    ]
    assert len(snapshot) == len(left)
    expected = [plain_search(left, probe, k, within) for probe in probes]
    assert snapshot.search(np.stack(probes), k, within) == expected


@given(st.lists(st.tuples(labels, vectors), min_size=1, max_size=80), vectors, st.randoms())
def test_the_order_of_registration_changes_nothing(
    made: list[tuple[str, np.ndarray]], probe: np.ndarray, random: st.Random
) -> None:
    samples = [sample(f"s{i:03}", label, vector) for i, (label, vector) in enumerate(made)]
    shuffled = random.sample(samples, len(samples))
    assert snapshot_of(samples).search(probe[None], 3) == snapshot_of(shuffled).search(probe[None], 3)


@pytest.mark.parametrize("close_ones", [300, 3_000])
def test_similarities_that_differ_by_less_than_float32_rounding_are_ordered_right(
    monkeypatch: pytest.MonkeyPatch, close_ones: int
) -> None:
    for name, value in {"SEGMENT": 65_536, "BLOCK": 8, "CANDIDATES": 1_024}.items():
        monkeypatch.setattr(search, name, value)
    rng = np.random.default_rng(7)
    base = rng.standard_normal(512)
    noise = np.where(rng.permutation(3_000) < close_ones, 1e-6, 1.0)[:, None]
    vectors = (base + noise * rng.standard_normal((3_000, 512))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    samples = [sample(f"s{i:04}", f"l{i % 1_000}", vector) for i, vector in enumerate(vectors)]
    snapshot = Snapshot(512).appended(
        range(3_000), [s.id for s in samples], [s.label for s in samples], vectors
    )
    probes = np.stack([unit(*base), -unit(*base), vectors[0]])
    assert snapshot.search(probes, 5) == [plain_search(samples, probe, 5) for probe in probes]


def test_a_label_with_many_samples_does_not_crowd_out_its_rivals() -> None:
    crowd = [sample(f"s{i:03}", "crowd", unit(1, 0.001 * i, 0, 0)) for i in range(200)]
    rivals = [sample("r1", "rival", unit(0, 1, 0, 0)), sample("r2", "other", unit(-1, 0, 0, 0))]
    hits = snapshot_of(crowd + rivals).search(unit(1, 0, 0, 0)[None], 3)[0]
    assert [hit.label for hit in hits] == ["crowd", "rival", "other"]


def test_a_search_goes_on_over_its_moment_while_others_write() -> None:
    before = snapshot_of([sample(f"s{i:02}", f"l{i}", unit(1, i, 0, 0)) for i in range(40)])
    probe = unit(1, 3, 0, 0)[None]
    found = before.search(probe, 5)
    after = before.relabelled([4, 5, 26], ["x", "y", "z"]).removed(range(4, 20))
    after = snapshot_of([sample(f"t{i:02}", "new", unit(1, 3, 0, 0)) for i in range(50)], after, first_row=41)
    assert before.search(probe, 5) == found
    assert after.search(probe, 1)[0][0].label == "new"


def test_growing_keeps_the_room_of_the_removed_bounded() -> None:
    snapshot = Snapshot(4)
    for row in range(1, 1_000):
        snapshot = snapshot_of([sample(f"s{row}", "a")], snapshot, first_row=row).removed([row - 5])
    assert len(snapshot) == 5
    assert sum(segment.size for segment in snapshot.segments) <= 32
