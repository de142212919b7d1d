from __future__ import annotations

from pathlib import Path

import pytest

from docdex.errors import ContractMismatch, InvalidSetting
from docdex.recognizer import Recognizer
from fakes import PageOf, open_fake


def test_labels_that_probes_may_mix_up_are_named_nearest_first(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many(
        [
            ("id/gen1", page_of(1)),
            ("id/gen2", page_of(1, 0.2)),
            ("receipt", page_of(1, 0.6)),
            ("ticket", page_of(0, 0, 1)),
        ]
    )
    health = fake.check()
    assert [(pair.labels, pair.shared) for pair in health.look_alikes] == [
        (("id/gen1", "id/gen2"), "id"),
        (("id/gen2", "receipt"), None),
        (("id/gen1", "receipt"), None),
    ]
    assert health.duplicates == ()


def test_a_label_and_one_below_it_are_no_look_alikes(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id", page_of(1)), ("id/damaged", page_of(1, 0.2))])
    assert fake.check().look_alikes == ()


def test_the_nearest_samples_of_a_pair_are_told(fake: Recognizer, page_of: PageOf) -> None:
    (_, near) = fake.register("a", [page_of(1), page_of(1, 0.3)]).added
    (other,) = fake.register("b", page_of(1, 0.5)).added
    (pair,) = fake.check().look_alikes
    assert pair.samples == (near.id, other.id)


def test_the_same_picture_under_two_labels_is_a_duplicate(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id", page_of(1)), ("id/gen1", page_of(1))], allow_conflict=True)
    fake.register("receipt", page_of(0.97))
    health = fake.check()
    assert [pair.labels for pair in health.duplicates] == [
        ("id", "id/gen1"),
        ("id", "receipt"),
        ("id/gen1", "receipt"),
    ]
    assert health.look_alikes == ()


def test_samples_of_one_label_may_be_as_alike_as_they_like(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", [page_of(1), page_of(0.97)])
    health = fake.check()
    assert health.duplicates == health.look_alikes == health.lonely == ()


def test_labels_of_a_single_sample_are_told(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", [page_of(1), page_of(0, 1)])
    fake.register("receipt", page_of(0, 0, 1))
    assert fake.check().lonely == ("receipt",)


def test_a_stricter_threshold_names_fewer_pairs(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id", page_of(1)), ("receipt", page_of(1, 0.3))])
    assert len(fake.check(threshold=0.9).look_alikes) == 1
    assert fake.check(threshold=0.97).look_alikes == ()


def test_a_gallery_of_another_model_is_not_judged_by_this_ones_threshold(
    page_of: PageOf, tmp_path: Path
) -> None:
    with open_fake(tmp_path / "g.db") as dex:
        dex.register_many([("id", page_of(1)), ("receipt", page_of(1, 0.3))])
    with open_fake(tmp_path / "g.db", model="e") as other:
        with pytest.raises(ContractMismatch):
            other.check()
        assert len(other.check(threshold=0.9).look_alikes) == 1


@pytest.mark.parametrize("threshold", [60, -1.1, float("nan")])
def test_a_threshold_that_is_no_cosine_is_refused(
    fake: Recognizer, page_of: PageOf, threshold: float
) -> None:
    fake.register_many([("id", page_of(1)), ("receipt", page_of(1, 0.3))])
    with pytest.raises(InvalidSetting, match="no cosine"):
        fake.check(threshold=threshold)
