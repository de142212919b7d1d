"""What every gallery engine must keep: making, writing, reading and searching."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from docdex.contract import Contract
from docdex.errors import ContractMismatch, GalleryNotFound, GalleryUnavailable, InvalidSetting
from docdex.gallery import Gallery, LabelCount
from gallery_engines import Open, answers, ids
from gallery_samples import CONTRACT, content, sample, unit

# Making and opening


def test_a_new_gallery_is_empty(gallery: Gallery) -> None:
    assert gallery.contract == CONTRACT
    assert gallery.count() == gallery.version == 0
    assert gallery.labels() == ids(gallery) == gallery.get(["x"]) == gallery.find_digest("x") == []
    assert gallery.search(np.eye(4, dtype=np.float32), 3) == [[], [], [], []]
    gallery.verify()


def test_a_gallery_keeps_its_contract(gallery: Gallery, open_gallery: Open) -> None:
    assert open_gallery().contract == open_gallery(CONTRACT).contract == CONTRACT


@pytest.mark.parametrize(
    "changed",
    [{"model": "cd" * 32}, {"preprocess": 2}, {"dimension": 3}],
    ids=lambda changed: next(iter(changed)),
)
def test_another_contract_is_refused_and_both_are_named(
    gallery: Gallery, open_gallery: Open, changed: dict[str, object]
) -> None:
    wanted = Contract(**{"model": "ab" * 32, "preprocess": 1, "dimension": 4, **changed})
    with pytest.raises(ContractMismatch) as caught:
        open_gallery(wanted)
    assert str(CONTRACT) in caught.value.message
    assert str(wanted) in caught.value.message


@pytest.mark.parametrize("arguments", [{}, {"contract": CONTRACT, "create": False}])
def test_a_gallery_is_made_only_when_asked_for(open_gallery: Open, arguments: dict[str, object]) -> None:
    for _ in range(2):  # the first refusal must not leave a gallery behind
        with pytest.raises(GalleryNotFound):
            open_gallery(**arguments)


def test_a_closed_gallery_says_so(gallery: Gallery, open_gallery: Open) -> None:
    gallery.upsert([sample("1")])
    gallery.close()
    gallery.close()
    for call in (
        gallery.count,
        gallery.labels,
        lambda: gallery.upsert([]),
        lambda: gallery.search(unit(1, 0, 0, 0)[None], 1),
        lambda: list(gallery.scan()),
        lambda: gallery.version,
    ):
        with pytest.raises(GalleryUnavailable, match="closed"):
            call()
    assert ids(open_gallery()) == ["1"]


# Writing and reading


def test_what_is_written_is_given_back(gallery: Gallery, other: Gallery) -> None:
    written = sample("1", "claim/acmé", unit(1, 2, 3, 4), digest="ff")
    gallery.upsert([written, sample("2", "claim", unit(0, 0, 0, 1))])
    assert content(other.get(["1"])[0]) == content(written)
    assert [content(each) for each in other.scan(within="claim/acmé")] == [content(written)]
    assert [entry.source for entry in other.entries(within="claim/acmé")] == ["1.jpg"]
    assert other.count() == 2


def test_get_answers_in_the_order_asked_each_once(gallery: Gallery) -> None:
    gallery.upsert([sample("1"), sample("2"), sample("3")])
    assert [each.id for each in gallery.get(["3", "x", "1", "3"])] == ["3", "1"]


def test_a_sample_of_a_known_id_replaces_it(gallery: Gallery, other: Gallery) -> None:
    gallery.upsert([sample("1", "a", unit(1, 0, 0, 0)), sample("2", "b", unit(0, 1, 0, 0))])
    assert answers(other, 1, 0, 0, 0) == [("a", "1"), ("b", "2")]
    gallery.upsert([sample("1", "c", unit(0, 0, 1, 0))])
    assert other.count() == 2
    assert other.labels() == [LabelCount("b", 1), LabelCount("c", 1)]
    assert answers(other, 0, 0, 1, 0) == [("c", "1"), ("b", "2")]


def test_what_was_decided_on_an_older_version_is_not_written(gallery: Gallery, other: Gallery) -> None:
    before = gallery.version
    other.upsert([sample("1")])
    assert not gallery.upsert([sample("2")], version=before)
    assert [entry.id for entry in gallery.entries()] == ["1"]
    assert gallery.upsert([sample("2")], version=gallery.version)
    assert [entry.id for entry in other.entries()] == ["1", "2"]


def test_what_was_decided_on_an_older_version_is_not_removed_or_relabelled(
    gallery: Gallery, other: Gallery
) -> None:
    gallery.upsert([sample("1", "a"), sample("2", "a")])
    before = gallery.version
    assert other.relabel({"2": "kept"}, version=before) == 1
    assert gallery.delete(["1", "2"], version=before) is None
    assert gallery.relabel({"1": "b", "2": "b"}, version=before) is None
    assert other.labels() == [LabelCount("a", 1), LabelCount("kept", 1)]
    assert gallery.delete(["1"], version=gallery.version) == 1
    assert ids(other) == ["2"]


def test_of_one_id_given_twice_the_last_is_kept(gallery: Gallery) -> None:
    gallery.upsert([sample("1", "a"), sample("1", "b")])
    assert [(each.id, each.label) for each in gallery.scan()] == [("1", "b")]


@pytest.mark.parametrize(
    "vector",
    [
        np.array([1, 0, 0], np.float32),
        np.array([[1, 0, 0, 0]], np.float32),
        np.array([2, 0, 0, 0], np.float32),
        np.array([0, 0, 0, 0], np.float32),
        np.array([np.nan, 0, 0, 1], np.float32),
        np.array([np.inf, 0, 0, 0], np.float32),
    ],
    ids=["short", "nested", "long", "zero", "nan", "infinite"],
)
def test_one_wrong_vector_and_nothing_of_the_batch_is_kept(gallery: Gallery, vector: np.ndarray) -> None:
    gallery.upsert([sample("1", "a")])
    with pytest.raises(ContractMismatch):
        gallery.upsert([sample("1", "b"), sample("2"), sample("3", vector=vector)])
    with pytest.raises(ContractMismatch):
        gallery.search(vector[None], 1)
    assert [(each.id, each.label) for each in gallery.scan()] == [("1", "a")]
    assert gallery.version == 1


def test_text_that_cannot_be_stored_is_refused_and_nothing_of_the_batch_is_kept(gallery: Gallery) -> None:
    with pytest.raises(InvalidSetting):
        gallery.upsert([sample("1"), msgspec.structs.replace(sample("2"), source="\udcff.jpg")])
    assert ids(gallery) == []


def test_text_that_nothing_can_be_stored_by_is_refused(gallery: Gallery) -> None:
    gallery.upsert([sample("1")])
    for call in (
        lambda: gallery.delete(["1", "\udcff"]),
        lambda: gallery.relabel({"1": "\udcff"}),
        lambda: gallery.get(["\udcff"]),
        lambda: gallery.find_digest("\udcff"),
        lambda: list(gallery.entries(within="\udcff")),
        lambda: gallery.read_setting("\udcff"),
        lambda: gallery.write_setting("\udcff", b""),
    ):
        with pytest.raises(InvalidSetting, match="Unicode"):
            call()
    assert gallery.labels() == [LabelCount("a", 1)]


def test_a_deleted_sample_is_found_by_nothing(gallery: Gallery, other: Gallery) -> None:
    gallery.upsert(
        [sample("1", "a", digest="d1"), sample("2", "b", digest="d2"), sample("3", "b", digest="d2")]
    )
    assert answers(other, 1, 0, 0, 0) == [("a", "1"), ("b", "2")]
    assert gallery.delete(["2", "x", "2"]) == 1
    assert other.get(["2"]) == []
    assert [each.id for each in other.scan()] == ids(other) == ["1", "3"]
    assert [entry.id for entry in other.find_digest("d2")] == ["3"]
    assert other.labels() == [LabelCount("a", 1), LabelCount("b", 1)]
    assert answers(other, 1, 0, 0, 0) == [("a", "1"), ("b", "3")]
    other.verify()


def test_relabelling_moves_samples_and_leaves_the_rest_of_them(gallery: Gallery, other: Gallery) -> None:
    before = [sample("1", "a", unit(1, 0, 0, 0)), sample("2", "a", unit(0, 1, 0, 0)), sample("3", "b")]
    gallery.upsert(before)
    assert answers(other, 0, 1, 0, 0) == [("a", "2"), ("b", "3")]
    assert gallery.relabel({"1": "c/d", "2": "b", "x": "y"}) == 2
    after = {each.id: content(each) for each in other.scan()}
    assert after == {
        each.id: {**content(each), "label": label}
        for each, label in zip(before, ["c/d", "b", "b"], strict=True)
    }
    assert answers(other, 0, 1, 0, 0) == [("b", "2"), ("c/d", "1")]


def test_entries_come_by_label_then_time_then_id(gallery: Gallery) -> None:
    gallery.upsert(
        [
            sample("5", "b", time="2024-01-01T00:00:00Z"),
            sample("4", "a/x", time="2024-01-01T00:00:00Z"),
            sample("3", "a", time="2024-01-03T00:00:00Z"),
            sample("2", "a", time="2024-01-02T00:00:00Z"),
            sample("1", "a", time="2024-01-03T00:00:00Z"),
        ]
    )
    assert ids(gallery) == [each.id for each in gallery.scan()] == ["2", "1", "3", "4", "5"]


def test_within_is_the_label_and_all_below_and_no_neighbour(gallery: Gallery) -> None:
    gallery.upsert(
        [sample(label, label) for label in ["a", "a-b", "a/b", "a/b/c", "a0", "ab", "A", "b/a", "a b"]]
    )
    assert ids(gallery, "a") == ["a", "a/b", "a/b/c"]
    assert ids(gallery, "a/b") == ["a/b", "a/b/c"]
    assert ids(gallery, "b") == ["b/a"]
    assert ids(gallery, "c") == ids(gallery, "a%") == []


def test_a_scan_shows_one_moment_and_holds_up_no_writer(gallery: Gallery, other: Gallery) -> None:
    gallery.upsert([sample(f"{i}", "a") for i in range(5)])
    scan = other.scan()
    seen = [next(scan).id]
    gallery.delete(["2", "3"])
    gallery.upsert([sample("9", "a")])
    assert seen + [each.id for each in scan] == ["0", "1", "2", "3", "4"]
    assert ids(other) == ["0", "1", "4", "9"]


def test_the_version_grows_with_every_change_of_samples_and_never_otherwise(
    gallery: Gallery, other: Gallery
) -> None:
    versions = [other.version]
    for change in (
        lambda: gallery.upsert([sample("1")]),
        lambda: gallery.upsert([sample("1")]),
        lambda: gallery.upsert([sample("2")]),
        lambda: gallery.relabel({"1": "b"}),
        lambda: gallery.delete(["2"]),
        lambda: gallery.upsert([sample("2")]),
        lambda: gallery.rebuild(CONTRACT, []),
    ):
        change()
        versions.append(other.version)
    assert versions == sorted(set(versions))
    gallery.write_setting("key", b"value")
    gallery.delete(["x"])
    gallery.upsert([])
    gallery.search(unit(1, 0, 0, 0)[None], 1)
    assert other.version == versions[-1]


def test_the_version_grows_by_one_for_each_sample_removed_or_relabelled(
    gallery: Gallery, other: Gallery
) -> None:
    gallery.upsert([sample(f"{i}") for i in range(5)])
    before = gallery.version
    assert gallery.relabel({"0": "a", "1": "b", "2": "c", "x": "d"}) == 3
    assert other.version == before + 3
    assert gallery.delete(["0", "1", "1", "x"]) == 2
    assert other.version == before + 5


def test_settings_are_kept(gallery: Gallery, other: Gallery) -> None:
    assert gallery.read_setting("calibration") is None
    gallery.write_setting("calibration", b"\x00\xff")
    assert other.read_setting("calibration") == b"\x00\xff"
    gallery.write_setting("calibration", b"")
    assert other.read_setting("calibration") == b""
    assert other.read_setting("Calibration") is None


# Searching


def test_a_label_is_answered_once_by_its_best_sample(gallery: Gallery) -> None:
    gallery.upsert([sample(f"{i}", "crowd", unit(1, i / 10, 0, 0)) for i in range(9)])
    gallery.upsert([sample("rival", "b", unit(0, 1, 0, 0))])
    hits = gallery.search(np.stack([unit(1, 0.2, 0, 0), unit(0, -1, 0, 0)]), 5)
    assert [[hit.sample_id for hit in each] for each in hits] == [["2", "rival"], ["0", "rival"]]
    assert hits[0][0].similarity == pytest.approx(1.0)
    assert hits[1][1].similarity == pytest.approx(-1.0)


def test_no_more_than_k_labels_are_answered(gallery: Gallery) -> None:
    gallery.upsert([sample(f"{i}", f"l{i}", unit(1, i, 0, 0)) for i in range(5)])
    assert [label for label, _ in answers(gallery, 1, 0, 0, 0, k=2)] == ["l0", "l1"]
    for k in (0, -1):
        with pytest.raises(InvalidSetting):
            gallery.search(unit(1, 0, 0, 0)[None], k)


def test_no_probes_have_no_answers(gallery: Gallery) -> None:
    gallery.upsert([sample("1")])
    assert gallery.search(np.empty((0, 4), np.float32), 1) == []


def test_equal_similarities_are_ordered_by_label_then_id(gallery: Gallery) -> None:
    gallery.upsert([sample(sample_id, label) for sample_id, label in ["4b", "2c", "3a", "9a", "1c"]])
    assert answers(gallery, 1, 0, 0, 0) == [("a", "3"), ("b", "4"), ("c", "1")]


def test_a_search_among_labels_sees_them_and_all_below_only(gallery: Gallery) -> None:
    gallery.upsert([sample(label, label) for label in ["a", "a-b", "a/b", "b", "c"]])
    probe = unit(1, 0, 0, 0)[None]

    def among(*labels: str) -> list[str]:
        return [hit.label for hit in gallery.search(probe, 9, labels)[0]]

    assert among("a") == ["a", "a/b"]
    assert among("a/b", "c", "x") == ["a/b", "c"]
    assert among("x") == among() == []


def test_similarity_is_between_minus_one_and_one(gallery: Gallery) -> None:
    vectors = np.random.default_rng(1).standard_normal((200, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery.upsert([sample(f"{i}", f"l{i}", vector) for i, vector in enumerate(vectors)])
    hits = [hit for each in gallery.search(np.concatenate([vectors, -vectors]), 200) for hit in each]
    assert max(hit.similarity for hit in hits) <= 1.0
    assert min(hit.similarity for hit in hits) >= -1.0


def test_a_probe_is_answered_the_same_alone_and_among_others(gallery: Gallery) -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((300, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery.upsert([sample(f"{i}", f"l{i % 40}", vector) for i, vector in enumerate(vectors)])
    probes = vectors[:50][:, ::-1]
    assert gallery.search(probes, 5) == [gallery.search(probe[None], 5)[0] for probe in probes]
