from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from docdex import registration
from docdex.decision import Match
from docdex.errors import (
    ConflictingSample,
    ContractMismatch,
    GalleryNotFound,
    GalleryUnavailable,
    InvalidSetting,
    LabelTaken,
    ModelNotFound,
    PageOutOfRange,
    SourceNotFound,
    UnknownLabel,
)
from docdex.gallery import LabelCount
from docdex.images import Refusal
from docdex.recognizer import Recognizer
from fakes import TINY, PageOf, noisy, open_fake

# With a real model


def test_one_sample_is_enough_and_a_stranger_is_unknown(tmp_path: Path, blocks: PageOf) -> None:
    with Recognizer.open(tmp_path / "g.db", model=TINY) as dex:
        for seed in range(5):
            dex.register(f"type/{seed}", blocks(seed))
        for seed in range(5):
            match = dex.recognize(noisy(blocks(seed), seed))
            assert (match.decision, match.label, match.rotation) == ("match", f"type/{seed}", 0)
        stranger = dex.recognize(blocks(99))
    assert (stranger.decision, stranger.label) == ("unknown", None)
    assert len(stranger.candidates) == 5
    assert stranger.similarity == stranger.candidates[0].similarity < stranger.threshold


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_turned_page_is_recognised_and_says_how_to_turn_it_back(
    tmp_path: Path, blocks: PageOf, turns: int
) -> None:
    with Recognizer.open(tmp_path / "g.db", model=TINY) as dex:
        dex.register_many([("a", blocks(1)), ("b", blocks(2))])
        probe = np.rot90(noisy(blocks(2), 0), turns)
        match = dex.recognize(np.ascontiguousarray(probe))
        assert match.label == "b"
        assert match.rotation is not None
        upright = dex.recognize(np.ascontiguousarray(np.rot90(probe, match.rotation // 90)))
        assert upright.rotation == 0
        if turns:
            assert dex.recognize(np.ascontiguousarray(probe), rotations=False).decision == "unknown"


def test_a_gallery_opened_again_gives_the_same_answer(tmp_path: Path, blocks: PageOf) -> None:
    with Recognizer.open(tmp_path / "g.db", model=TINY) as dex:
        dex.register_many([("a", blocks(1)), ("b", blocks(2))])
        first = dex.recognize(noisy(blocks(2), 0))
    with Recognizer.open(tmp_path / "g.db", model=TINY) as dex:
        assert dex.recognize(noisy(blocks(2), 0)) == first


def test_a_stream_gives_what_single_pages_give(tmp_path: Path, blocks: PageOf) -> None:
    with Recognizer.open(tmp_path / "g.db", model=TINY) as dex:
        dex.register_many([(f"type/{seed}", blocks(seed)) for seed in range(4)])
        probes = [noisy(blocks(seed % 6), seed) for seed in range(20)]
        streamed = list(dex.recognize_many(probes))
        for match, probe in zip(streamed, probes, strict=True):
            assert isinstance(match, Match)
            alone = dex.recognize(probe)
            assert (match.decision, match.label, match.rotation) == (
                alone.decision,
                alone.label,
                alone.rotation,
            )
            assert match.similarity == pytest.approx(alone.similarity, abs=1e-5)


def test_a_model_that_is_not_there_is_named_when_it_is_needed(tmp_path: Path, blocks: PageOf) -> None:
    with Recognizer.open(tmp_path / "g.db", model="nosuch") as dex, pytest.raises(ModelNotFound):
        dex.register("a", blocks(1))


# With similarities worked out by hand


def test_nothing_is_recognised_before_the_first_registration(
    fake: Recognizer, page_of: PageOf, tmp_path: Path
) -> None:
    with pytest.raises(GalleryNotFound):
        fake.recognize(page_of(1))
    with pytest.raises(GalleryNotFound):
        fake.recognize_many([page_of(1)])
    assert not (tmp_path / "fake.db").exists()


def test_an_emptied_gallery_knows_nobody(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    fake.remove("id")
    match = fake.recognize(page_of(1))
    assert (match.decision, match.similarity, match.candidates, match.rotation) == ("unknown", None, (), None)


def test_a_label_scores_by_its_best_sample(fake: Recognizer, page_of: PageOf) -> None:
    (near, far) = fake.register("id", [page_of(1), page_of(0, 1)]).added
    match = fake.recognize(page_of(1, 0.2), rotations=False)
    assert [(c.label, c.sample) for c in match.candidates] == [("id", near.id)]
    assert far.id != near.id


def test_a_probe_between_two_generations_is_their_common_label(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id/gen1", page_of(1, 0.1)), ("id/gen2", page_of(1, -0.1)), ("x", page_of(0, 0, 1))])
    assert fake.recognize(page_of(1)).label == "id"
    assert fake.recognize(page_of(1, 0.5)).label == "id/gen1"


def test_a_probe_between_strangers_to_each_other_is_ambiguous(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id", page_of(1, 0.1)), ("receipt", page_of(1, -0.1))])
    match = fake.recognize(page_of(1))
    assert (match.decision, match.label) == ("ambiguous", None)
    assert [candidate.label for candidate in match.candidates] == ["id", "receipt"]


@pytest.mark.parametrize("top", [1, 2, 5, 50])
def test_the_number_of_candidates_shown_never_changes_the_decision(
    fake: Recognizer, page_of: PageOf, top: int
) -> None:
    # Forty siblings as near as the best, and a rival of another kind behind all of them.
    siblings = [(f"id/{number:02}", page_of(1, 0.001 * number, 0.2)) for number in range(40)]
    fake.register_many([*siblings, ("receipt", page_of(1, 0, -0.22))], allow_conflict=True)
    match = fake.recognize(page_of(1), top=top)
    assert match.decision == "ambiguous"
    assert len(match.candidates) == min(top, 41)


def test_threshold_and_margin_can_be_given_and_are_told(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id", page_of(1)), ("receipt", page_of(0, 1))])
    probe = page_of(1, 0.6)
    assert fake.recognize(probe, threshold=0.9).decision == "unknown"
    assert fake.recognize(probe, margin=0.9).decision == "ambiguous"
    match = fake.recognize(probe, threshold=0.5, margin=0)
    assert (match.threshold, match.margin) == (0.5, 0)


@pytest.mark.parametrize("setting", [{"top": 0}, {"threshold": 1.1}, {"threshold": np.nan}, {"margin": -0.1}])
def test_settings_outside_what_is_allowed_are_refused(
    fake: Recognizer, page_of: PageOf, setting: dict[str, float]
) -> None:
    fake.register("id", page_of(1))
    with pytest.raises(InvalidSetting):
        fake.recognize(page_of(1), **setting)  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting):
        fake.recognize_many([page_of(1)], **setting)  # type: ignore[arg-type]


def test_one_bad_page_never_stops_a_batch(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    fake.register("id", page_of(1))
    (tmp_path / "notes.jpg").write_text("not a picture")
    sources = [page_of(1), tmp_path / "gone.png", tmp_path / "notes.jpg", page_of(0, 1)]
    codes = [
        item.error.code if isinstance(item, Refusal) else item.decision
        for item in fake.recognize_many(sources)
    ]
    assert codes == ["match", "source-not-found", "unsupported-format", "unknown"]


def test_one_bad_page_alone_is_its_error(fake: Recognizer, page_of: PageOf, tmp_path: Path) -> None:
    fake.register("id", page_of(1))
    with pytest.raises(SourceNotFound):
        fake.recognize(tmp_path / "gone.png")


def test_a_file_of_several_pages_needs_a_page_to_be_chosen(
    fake: Recognizer, page_of: PageOf, tmp_path: Path
) -> None:
    path = str(tmp_path / "scan.tif")
    cv2.imwritemulti(path, [cv2.cvtColor(page, cv2.COLOR_RGB2BGR) for page in (page_of(1), page_of(0, 1))])
    done = fake.register("two", path)
    assert [entry.page for entry in done.added] == [1, 2]
    with pytest.raises(InvalidSetting, match="several pages"):
        fake.recognize(path)
    match = fake.recognize(path, pages="2")
    assert (match.page, match.candidates[0].sample) == (2, done.added[1].id)
    assert [match.page for match in fake.recognize_many(path)] == [1, 2]
    with pytest.raises(PageOutOfRange):
        fake.recognize(path, pages="3")


def test_another_process_that_registers_is_seen(page_of: PageOf, tmp_path: Path) -> None:
    with open_fake(tmp_path / "g.db") as one, open_fake(tmp_path / "g.db") as other:
        one.register("id", page_of(1))
        assert other.recognize(page_of(0, 1)).decision == "unknown"
        one.register("receipt", page_of(0, 1))
        assert other.recognize(page_of(0, 1)).label == "receipt"


def test_a_gallery_of_another_model_is_not_compared_with(page_of: PageOf, tmp_path: Path) -> None:
    with open_fake(tmp_path / "g.db") as dex:
        dex.register("id", page_of(1))
    with open_fake(tmp_path / "g.db", model="e") as other:
        assert other.labels() == [LabelCount("id", 1)]
        with pytest.raises(ContractMismatch, match=r"model ffff.*model eeee"):
            other.recognize(page_of(1))


def test_a_closed_recogniser_answers_no_more(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    fake.close()
    with pytest.raises(GalleryUnavailable):
        fake.recognize(page_of(1))


def test_threads_register_and_recognise_at_once(fake: Recognizer, page_of: PageOf) -> None:
    rng = np.random.default_rng(5)
    pages = [page_of(*rng.uniform(-1, 1, 12)) for _ in range(24)]
    fake.register("first", page_of(1))

    def work(number: int) -> str | None:
        fake.register(f"type/{number}", pages[number], allow_conflict=True)
        return fake.recognize(pages[number], margin=0).label

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(24))) == [f"type/{number}" for number in range(24)]
    assert len(fake.samples()) == 25


# Looking after the gallery


@pytest.fixture
def tree(fake: Recognizer, page_of: PageOf) -> Recognizer:
    labels = ["claim/acme", "claim/acme/gen2", "claim/acmecorp", "id"]
    fake.register_many([(label, page_of(*([0] * index), 1)) for index, label in enumerate(labels)])
    return fake


def names(recognizer: Recognizer) -> list[str]:
    return [label for label, _ in recognizer.labels()]


def test_renaming_moves_a_label_with_all_below_it(tree: Recognizer, page_of: PageOf) -> None:
    assert tree.rename("claim/acme", "insurer/acme") == 2
    assert names(tree) == ["claim/acmecorp", "id", "insurer/acme", "insurer/acme/gen2"]
    assert tree.recognize(page_of(0, 1)).label == "insurer/acme/gen2"


@pytest.mark.parametrize("new", ["id", "claim"])
def test_a_label_with_samples_is_not_renamed_onto(tree: Recognizer, new: str) -> None:
    before = names(tree)
    with pytest.raises(LabelTaken):
        tree.rename("claim/acme", new)
    assert names(tree) == before


def test_two_labels_become_one_when_asked(tree: Recognizer) -> None:
    tree.rename("claim/acme", "id", merge=True)
    assert tree.labels() == [LabelCount("claim/acmecorp", 1), LabelCount("id", 2), LabelCount("id/gen2", 1)]


def test_a_label_can_move_below_itself_and_back(tree: Recognizer) -> None:
    before = names(tree)
    tree.rename("claim/acme", "claim/acme/old")
    assert names(tree) == ["claim/acme/old", "claim/acme/old/gen2", "claim/acmecorp", "id"]
    tree.rename("claim/acme/old", "claim/acme")
    assert names(tree) == before


def test_a_label_nobody_registered_cannot_be_renamed_or_removed(tree: Recognizer) -> None:
    for change in (lambda: tree.rename("cl", "x"), lambda: tree.remove("cl"), lambda: tree.samples("cl")):
        with pytest.raises(UnknownLabel):
            change()


def test_removing_a_label_removes_all_below_it(tree: Recognizer) -> None:
    assert tree.remove("claim/acme") == 2
    assert names(tree) == ["claim/acmecorp", "id"]


def test_a_sample_can_be_removed_by_its_id(tree: Recognizer) -> None:
    (sample,) = tree.samples("id")
    assert tree.remove_samples([sample.id, "nosuch"]) == 1
    assert "id" not in names(tree)


def outrun_once(
    recognizer: Recognizer, looking: str, others: Callable[[], object], patch: pytest.MonkeyPatch
) -> None:
    """Have others write once the recogniser has looked at its gallery by that method, before it writes."""
    look = getattr(recognizer.gallery, looking)
    waiting = [others]

    def outrun(**arguments: Any) -> Any:
        found = list(look(**arguments))
        if waiting:
            waiting.pop()()
        return found

    patch.setattr(recognizer.gallery, looking, outrun)


@pytest.mark.parametrize("change", [lambda dex: dex.remove("y"), lambda dex: dex.rename("y", "z")])
def test_what_another_process_renames_meanwhile_is_neither_removed_nor_renamed(
    page_of: PageOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Recognizer], int]
) -> None:
    with open_fake(tmp_path / "shared.db") as one, open_fake(tmp_path / "shared.db") as other:
        one.register("y", [page_of(1), page_of(0, 1)])
        outrun_once(one, "entries", lambda: other.rename("y", "kept"), monkeypatch)
        with pytest.raises(UnknownLabel):
            change(one)
        assert one.labels() == [LabelCount("kept", 2)]


def test_a_label_that_another_process_takes_meanwhile_is_not_renamed_onto(
    page_of: PageOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_fake(tmp_path / "shared.db") as one, open_fake(tmp_path / "shared.db") as other:
        one.register_many([("y", page_of(1)), ("x", page_of(0, 1))])
        outrun_once(one, "labels", lambda: other.register("z", page_of(0, 0, 1)), monkeypatch)
        with pytest.raises(LabelTaken):
            one.rename("y", "z")
        assert names(one) == ["x", "y", "z"]


def test_a_sample_registered_meanwhile_is_removed_with_its_label(
    page_of: PageOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_fake(tmp_path / "shared.db") as one, open_fake(tmp_path / "shared.db") as other:
        one.register("y", page_of(1))
        outrun_once(one, "entries", lambda: other.register("y/new", page_of(0, 1)), monkeypatch)
        assert one.remove("y") == 2
        assert names(other) == []


def test_a_registration_that_others_outrun_every_time_gives_up_and_says_so(
    page_of: PageOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_fake(tmp_path / "shared.db") as one, open_fake(tmp_path / "shared.db") as other:
        one.register("start", page_of(0, 1))
        decided = registration.plan
        calls = []

        def outrun(drafts: Any, gallery: Any, **settings: Any) -> Any:
            planned = decided(drafts, gallery, **settings)
            calls.append(planned)
            assert len(calls) < 100
            (start,) = other.samples("start")
            other.gallery.upsert(other.gallery.get([start.id]))
            return planned

        monkeypatch.setattr(registration, "plan", outrun)
        clock = count(step=10)  # seconds
        monkeypatch.setattr(time, "monotonic", lambda: next(clock))
        with pytest.raises(GalleryUnavailable, match="less busy"):
            one.register("claim/acme", page_of(1))
        assert names(one) == ["start"]


def test_two_processes_cannot_register_one_page_under_two_labels_at_once(
    page_of: PageOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_fake(tmp_path / "shared.db") as one, open_fake(tmp_path / "shared.db") as other:
        one.register("start", page_of(0, 1))
        decided = registration.plan
        calls = []

        def outrun(*arguments: Any, **settings: Any) -> Any:
            planned = decided(*arguments, **settings)
            calls.append(planned)
            if len(calls) == 1:  # the other process writes between this one's looking and writing
                other.register("claim/borealis", page_of(1))
            return planned

        monkeypatch.setattr(registration, "plan", outrun)
        with pytest.raises(ConflictingSample, match="claim/borealis"):
            one.register("claim/acme", page_of(1))
        assert [count.label for count in one.labels()] == ["claim/borealis", "start"]
