from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from docdex.decision import Match
from docdex.errors import CalibrationError, InvalidSetting, TooFewPages
from docdex.gallery import LabelCount
from docdex.recognizer import Recognizer
from docdex.strangers import change_keeping_calibration
from fakes import PageOf, open_fake


def strangers(page_of: PageOf, number: int) -> list[np.ndarray]:
    """Pages ever nearer to page_of(1), the last at about 0.7."""
    return [page_of(number_ / number * 0.9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.9) for number_ in range(number)]


def test_calibrating_sets_the_threshold_that_recognising_uses(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    assert fake.threshold == 0.8
    report = fake.calibrate(strangers(page_of, 40), 0.1, rotations=False)
    point = report.calibration.point
    assert (point.strangers, point.target_fpr) == (40, 0.1)
    assert point.bound <= 0.1
    assert fake.calibration == report.calibration
    assert fake.threshold == fake.recognize(page_of(1)).threshold == point.threshold != 0.8
    accepted = [
        match
        for match in fake.recognize_many(strangers(page_of, 40), rotations=False)
        if isinstance(match, Match) and match.decision != "unknown"
    ]
    assert len(accepted) == point.accepted


def test_a_calibration_outlives_the_process(page_of: PageOf, tmp_path: Path) -> None:
    with open_fake(tmp_path / "g.db") as dex:
        dex.register("id", page_of(1))
        threshold = dex.calibrate(strangers(page_of, 40), 0.1).calibration.threshold
    with open_fake(tmp_path / "g.db") as dex:
        assert dex.threshold == threshold
        assert dex.calibration_doubts() == ()


def test_trying_rotations_lets_no_fewer_strangers_in(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    rng = np.random.default_rng(1)
    pages = [page_of(*rng.uniform(-1, 1, 12)) for _ in range(60)]
    upright = fake.calibrate(pages, 0.1, rotations=False).calibration
    turned = fake.calibrate(pages, 0.1).calibration
    assert turned.threshold > upright.threshold
    assert (upright.rotations, turned.rotations) == ((0,), (0, 90, 180, 270))


def test_too_few_strangers_keep_the_calibration_there_was(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    before = fake.calibrate(strangers(page_of, 40), 0.1).calibration
    with pytest.raises(TooFewPages, match="at least 299"):
        fake.calibrate(strangers(page_of, 40), 0.01)
    assert fake.calibration == before


@pytest.mark.parametrize("target", [0, 1, -0.1, 5, float("nan")])
def test_a_target_that_is_no_rate_is_told_before_any_page_is_read(
    fake: Recognizer, page_of: PageOf, target: float
) -> None:
    fake.register("id", page_of(1))
    read = []
    with pytest.raises(InvalidSetting, match="not between 0 and 1"):
        fake.calibrate((read.append(page) or page for page in strangers(page_of, 40)), target)
    assert read == []


def test_samples_and_repeated_pages_are_no_strangers(
    fake: Recognizer, page_of: PageOf, tmp_path: Path
) -> None:
    fake.register("id", page_of(1))
    pages = strangers(page_of, 40)
    gone = tmp_path / "gone.png"
    report = fake.calibrate([page_of(1), *pages, pages[0], gone], 0.1)
    assert report.calibration.point.strangers == 40
    assert len(report.measurement.registered) == len(report.measurement.repeated) == 1
    assert [refusal.source for refusal in report.measurement.refusals] == [str(gone)]


def test_too_few_strangers_are_told_with_what_was_left_out(
    fake: Recognizer, page_of: PageOf, tmp_path: Path
) -> None:
    fake.register("id", page_of(1))
    pages = strangers(page_of, 10)
    with pytest.raises(TooFewPages, match=r"10 pages .* 1 samples of the gallery, 10 repeated pages and 0"):
        fake.calibrate([page_of(1), *pages, *pages], 0.1)


def test_strangers_that_look_registered_are_told_nearest_first(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    suspects = [page_of(1, 0.5), page_of(1, 0.3)]
    report = fake.calibrate([*suspects, *strangers(page_of, 60)], 0.1, rotations=False)
    assert [round(suspect.similarity, 2) for suspect in report.suspects] == [0.96, 0.89]


def test_nothing_registered_leaves_nothing_to_calibrate(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    fake.remove("id")
    with pytest.raises(CalibrationError, match="Nothing is registered"):
        fake.calibrate(strangers(page_of, 40), 0.1)


def test_a_gallery_that_has_grown_says_so(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    fake.calibrate(strangers(page_of, 40), 0.1, rotations=False)
    assert fake.calibration_doubts(rotations=False) == ()
    assert "rotations" in fake.calibration_doubts()[0]
    fake.register("receipt", page_of(0, 1))
    assert "now has 2" in fake.calibration_doubts(rotations=False)[0]


def test_as_many_but_other_samples_raise_a_doubt(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id", page_of(1)), ("receipt", page_of(0, 1))])
    fake.calibrate(strangers(page_of, 40), 0.1)
    fake.remove("receipt")
    fake.register("ticket", page_of(0, 0, 1))
    assert len(fake.calibration_doubts()) == 1


def test_renaming_and_removing_raise_no_doubt(fake: Recognizer, page_of: PageOf) -> None:
    fake.register_many([("id", page_of(1)), ("receipt", page_of(0, 1))])
    fake.calibrate(strangers(page_of, 40), 0.1)
    fake.rename("id", "card")
    fake.remove("receipt")
    assert fake.calibration_doubts() == ()


def test_removing_keeps_what_another_process_calibrates_meanwhile(page_of: PageOf, tmp_path: Path) -> None:
    with open_fake(tmp_path / "g.db") as one, open_fake(tmp_path / "g.db") as other:
        one.register_many([("id", page_of(1)), ("receipt", page_of(0, 1))])
        one.calibrate(strangers(page_of, 40), 0.1)
        (receipt,) = one.samples("receipt")
        newer = []

        def remove(version: int) -> int | None:
            removed = one.gallery.delete([receipt.id], version=version)
            newer.append(other.calibrate(strangers(page_of, 60), 0.05).calibration)
            return removed

        assert change_keeping_calibration(one.gallery, remove) == 1
        assert [one.calibration] == newer


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_registration_beside_a_removal_raises_a_doubt(
    page_of: PageOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with open_fake(tmp_path / "g.db") as one, open_fake(tmp_path / "g.db") as other:
        one.register_many([("id", page_of(1)), ("receipt", page_of(0, 1))])
        one.calibrate(strangers(page_of, 40), 0.1)
        delete, waiting = one.gallery.delete, [page_of(0, 0, 1)]

        def outrun(ids: list[str], **settings: Any) -> int | None:
            removed = delete(ids, **settings) if moment == "after" else None
            if waiting:
                other.register("ticket", waiting.pop())
            return delete(ids, **settings) if moment == "before" else removed

        monkeypatch.setattr(one.gallery, "delete", outrun)
        assert one.remove("receipt") == 1
        assert one.labels() == [LabelCount("id", 1), LabelCount("ticket", 1)]
        assert len(one.calibration_doubts()) == 1


def test_a_removal_that_is_tried_again_raises_no_doubt(
    fake: Recognizer, page_of: PageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.register_many([("id", page_of(1)), ("receipt", [page_of(0, 1), page_of(0, 0.9, 0.5)])])
    fake.calibrate(strangers(page_of, 40), 0.1)
    delete, refused = fake.gallery.delete, []

    def refuse_once(ids: list[str], *, version: int) -> int | None:
        if refused:
            return delete(ids, version=version)
        refused.append(ids)
        return None

    monkeypatch.setattr(fake.gallery, "delete", refuse_once)
    assert fake.remove("receipt") == 2
    assert len(refused) == 1
    assert fake.calibration_doubts() == ()


def test_a_calibration_that_cannot_be_read_is_an_error(fake: Recognizer, page_of: PageOf) -> None:
    fake.register("id", page_of(1))
    fake.gallery.write_setting("calibration", b"{}")
    with pytest.raises(CalibrationError, match="calibrate again"):
        fake.recognize(page_of(1))
    with pytest.raises(CalibrationError):
        fake.remove("id")
    assert fake.labels() == [LabelCount("id", 1)]


@pytest.mark.parametrize("stored", [b"{}", b"\xff", b'{"date": "\xff"}'])
def test_a_calibration_that_cannot_be_read_is_mended_by_calibrating_again(
    fake: Recognizer, page_of: PageOf, stored: bytes
) -> None:
    fake.register("id", page_of(1))
    fake.gallery.write_setting("calibration", stored)
    with pytest.raises(CalibrationError, match="calibrate again"):
        fake.recognize(page_of(1))
    report = fake.calibrate(strangers(page_of, 40), 0.1)
    assert report.before == 0.8
    assert fake.calibration == report.calibration
    assert fake.recognize(page_of(1)).threshold == report.calibration.threshold
