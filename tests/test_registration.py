from __future__ import annotations

import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest

from docdex.errors import (
    ConflictingSample,
    ContractMismatch,
    EmptySource,
    InvalidLabel,
    RegistrationRefused,
    SourceNotFound,
    UnsupportedFormat,
)
from docdex.gallery import LabelCount
from docdex.images import Encoded, Page
from docdex.recognizer import Recognizer
from fakes import PageOf, open_fake


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return path


def test_one_call_registers_one_page(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    path = save(tmp_path / "utopia.png", page_of(1))
    done = fake.register("id/utopia", path)
    (entry,) = done.added
    assert (entry.label, entry.source, entry.page) == ("id/utopia", str(path), 1)
    assert entry.time.endswith("+00:00")
    assert done.known == done.look_alikes == done.refusals == ()
    assert fake.labels() == [LabelCount("id/utopia", 1)]


def test_the_same_page_again_changes_nothing_and_says_so(fake: Recognizer, page_of: PageOf) -> None:
    first = fake.register("id", page_of(1))
    version = fake.gallery.version
    again = fake.register("id", page_of(1))
    assert again.added == ()
    assert again.known == first.added
    assert fake.gallery.version == version


def test_the_same_page_twice_in_one_batch_is_one_sample(fake: Recognizer, page_of: PageOf) -> None:
    done = fake.register("id", [page_of(1), page_of(1), page_of(0, 1)])
    assert len(done.added) == 2
    assert done.known == done.added[:1]


def test_the_same_page_under_another_label_is_refused(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    with pytest.raises(ConflictingSample, match="registered as 'id' already"):
        fake.register("receipt", page_of(1))
    assert fake.labels() == [LabelCount("id", 1)]


def test_the_same_page_under_two_labels_of_one_batch_is_refused(fake: Recognizer, page_of: PageOf) -> None:
    with pytest.raises(RegistrationRefused) as refused:
        fake.register_many([("id", page_of(1)), ("receipt", page_of(1))])
    assert [type(refusal.error) for refusal in refused.value.refusals] == [ConflictingSample]
    assert fake.labels() == []


def test_a_conflict_that_is_asked_for_is_registered(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    done = fake.register("receipt", page_of(1), allow_conflict=True)
    assert [entry.label for entry in done.added] == ["receipt"]
    assert [entry.label for entry in fake.samples()] == ["id", "receipt"]


def test_a_page_whose_sample_was_renamed_can_be_registered_anew(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    fake.rename("id", "card")
    fake.register("id", page_of(1), allow_conflict=True)
    assert fake.labels() == [LabelCount("card", 1), LabelCount("id", 1)]


def test_a_look_alike_is_accepted_with_a_warning_that_names_it(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    done = fake.register("receipt", page_of(1, 0.3))
    (look_alike,) = done.look_alikes
    assert look_alike.label == "id"
    assert look_alike.sample == done.added[0]
    assert look_alike.similarity == pytest.approx(1 / np.hypot(1, 0.3), abs=0.01)


def test_a_look_alike_within_the_same_batch_is_named_too(fake: Recognizer, page_of: PageOf) -> None:
    done = fake.register_many([("id", page_of(1)), ("receipt", page_of(1, 0.3))])
    assert [(each.sample.label, each.label) for each in done.look_alikes] == [("receipt", "id")]


@pytest.mark.parametrize(
    ("label", "numbers"),
    [
        ("id/gen1/damaged", (1, 0.3)),  # below the label it looks like
        ("id", (1, 0.3)),  # above it
        ("receipt", (1, 2)),  # farther away than the threshold
    ],
)
def test_what_would_not_be_mistaken_is_no_look_alike(
    fake: Recognizer, page_of: PageOf, label: str, numbers: tuple[float, ...]
) -> None:
    fake.register("id/gen1", page_of(1))
    assert fake.register(label, page_of(*(number / 2 for number in numbers))).look_alikes == ()


def test_a_sample_nearest_to_its_own_label_is_no_look_alike(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id", page_of(1)), ("receipt", page_of(1, 0.6))])
    assert fake.register("receipt", page_of(1, 0.5)).look_alikes == ()


def test_all_or_nothing_names_every_refused_page(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("not a picture")
    with pytest.raises(RegistrationRefused, match=r"notes\.jpg and 1 more") as refused:
        fake.register_many([("id", page_of(1)), ("id", text), ("receipt", tmp_path / "gone.png")])
    errors = [type(refusal.error) for refusal in refused.value.refusals]
    assert errors == [UnsupportedFormat, SourceNotFound]


def test_a_refused_registration_makes_no_gallery(fake: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        fake.register("id", tmp_path / "gone.png")
    assert not (tmp_path / "fake.db").exists()


def test_a_batch_of_refusals_alone_makes_no_gallery(fake: Recognizer, tmp_path: Path) -> None:
    done = fake.register_many([("id", tmp_path / "gone.png")], atomic=False)
    assert [refusal.error.code for refusal in done.refusals] == ["source-not-found"]
    assert not (tmp_path / "fake.db").exists()


def test_when_asked_what_can_be_registered_is(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("not a picture")
    items = [("id", page_of(1)), ("id", text), ("no//label", page_of(0, 1)), ("receipt", page_of(0, 0, 1))]
    done = fake.register_many(items, atomic=False)
    assert [entry.label for entry in done.added] == ["id", "receipt"]
    assert [type(refusal.error) for refusal in done.refusals] == [UnsupportedFormat, InvalidLabel]


def test_a_long_batch_gives_the_same_gallery_in_parts_and_at_once(page_of: PageOf, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    # Few directions, so that samples look alike within a part and across parts.
    items = [(f"type/{number % 7}", page_of(*rng.uniform(-1, 1, 3))) for number in range(150)]
    with open_fake(tmp_path / "one.db") as one, open_fake(tmp_path / "parts.db") as parts:
        whole, split = one.register_many(items), parts.register_many(iter(items), atomic=False)
        assert [e.id for e in split.added] == [e.id for e in whole.added]
        assert {(e.id, e.label) for e in parts.samples()} == {(e.id, e.label) for e in one.samples()}
        assert split.look_alikes
        for one_by_one, at_once in zip(split.look_alikes, whole.look_alikes, strict=True):
            assert one_by_one.sample.id == at_once.sample.id
            assert (one_by_one.label, one_by_one.similarity) == (at_once.label, at_once.similarity)


def scanned(pixels: np.ndarray, name: str) -> Page:
    """A page that is another one than any with the same pixels."""
    return Page(pixels, name, 1, Encoded(name.encode()))


def test_a_look_alike_within_a_batch_is_as_near_as_the_gallery_says(
    fake: Recognizer, page_of: PageOf
) -> None:
    rng = np.random.default_rng(3)
    pages = [page_of(*rng.uniform(-1, 1, 12)) for _ in range(40)]
    items = [(f"{kind}/{i}", scanned(page, f"{kind}-{i}")) for kind in "ab" for i, page in enumerate(pages)]
    done = fake.register_many(items)
    assert len(done.look_alikes) == 40
    for look_alike in done.look_alikes:
        (sample,) = fake.gallery.get([look_alike.sample.id])
        ((hit,),) = fake.gallery.search(sample.vector[None], 1, [look_alike.label])
        assert look_alike.similarity == hit.similarity <= 1


def test_of_equal_look_alikes_within_a_batch_the_first_label_is_named(
    fake: Recognizer, page_of: PageOf
) -> None:
    done = fake.register_many([(label, scanned(page_of(1), label)) for label in ("b", "a", "c")])
    assert [(each.sample.label, each.label) for each in done.look_alikes] == [("a", "b"), ("c", "a")]


@pytest.mark.parametrize("label", ["", "a//b", "unknown", "../x"])
def test_a_label_outside_the_grammar_is_refused(fake: Recognizer, page_of: PageOf, label: str) -> None:
    with pytest.raises(InvalidLabel):
        fake.register(label, page_of(1))


def test_labels_are_kept_in_one_spelling(fake: Recognizer, page_of: PageOf) -> None:
    fake.register(unicodedata.normalize("NFD", "carné"), page_of(1))
    assert fake.labels() == [LabelCount(unicodedata.normalize("NFC", "carné"), 1)]


def test_sub_folders_are_label_paths(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    forms = tmp_path / "forms"
    save(forms / "id" / "utopia" / "gen1.png", page_of(1))
    save(forms / "id" / "utopia" / "gen1b.png", page_of(0, 1))
    save(forms / "receipt" / "one.png", page_of(0, 0, 1))
    linked = save(tmp_path / "elsewhere.png", page_of(0, 0, 0, 1))
    (forms / "receipt" / "two.png").symlink_to(linked)
    fake.register_tree(forms)
    assert fake.labels() == [LabelCount("id/utopia", 2), LabelCount("receipt", 2)]


def test_a_tree_without_files_is_an_error_as_an_empty_folder_is(fake: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "forms" / "claim").mkdir(parents=True)
    for register in (fake.register_tree, lambda folder: fake.register("claim", folder)):
        with pytest.raises(EmptySource, match="forms has no files"):
            register(tmp_path / "forms")


def test_a_file_beside_the_sub_folders_has_no_label(
    fake: Recognizer, page_of: PageOf, tmp_path: Path
) -> None:
    save(tmp_path / "forms" / "id" / "one.png", page_of(1))
    stray = save(tmp_path / "forms" / "stray.png", page_of(0, 1))
    with pytest.raises(RegistrationRefused) as refused:
        fake.register_tree(tmp_path / "forms")
    (refusal,) = refused.value.refusals
    assert (refusal.source, type(refusal.error)) == (str(stray), InvalidLabel)


def test_a_folder_adds_all_its_pages_as_samples(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    save(tmp_path / "acme" / "a.png", page_of(1))
    save(tmp_path / "acme" / "deeper" / "b.png", page_of(0, 1))
    assert len(fake.register("claim/acme", tmp_path / "acme").added) == 2


def test_a_source_whose_name_is_no_text_can_be_registered(
    fake: Recognizer, page_of: PageOf, tmp_path: Path
) -> None:
    path = save(tmp_path / "plain.png", page_of(1))
    odd = path.rename(tmp_path / b"odd-\xff.png".decode("utf-8", "surrogateescape"))
    (entry,) = fake.register("id", odd).added
    assert entry.source.endswith(r"odd-\udcff.png")


def test_a_gallery_of_another_model_takes_no_samples(page_of: PageOf, tmp_path: Path) -> None:
    with open_fake(tmp_path / "g.db") as dex:
        dex.register("id", page_of(1))
    with open_fake(tmp_path / "g.db", model="e") as other, pytest.raises(ContractMismatch):
        other.register("receipt", page_of(0, 1))


def test_a_gallery_of_another_model_is_told_before_any_page_is_read(page_of: PageOf, tmp_path: Path) -> None:
    with open_fake(tmp_path / "g.db") as dex:
        dex.register("id", page_of(1))
    read = []
    with open_fake(tmp_path / "g.db", model="e") as other, pytest.raises(ContractMismatch):
        other.register("receipt", (read.append(page) or page for page in [page_of(0, 1)] * 20))
    assert read == []
