"""A recogniser by text does what one by picture does, and neither is taken for the other."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from docdex import models
from docdex.errors import (
    ConflictingSample,
    ContractMismatch,
    DeviceUnavailable,
    InvalidSetting,
    ModelNotFound,
    NotAGallery,
    NoText,
)
from docdex.images import Refusal
from docdex.opening import kind_of, open_embedder
from docdex.recognizer import Recognizer
from docdex.text import ByText, TextPage, TextReader
from docdex.text import reader as text_reader
from fakes import FakeTextModel, open_fake, open_fake_by_text

REMINDER = "please pay the open amount of our invoice within ten days"
CLAIM = "describe the damage to your car and sign this claim form"
GREETING = "warm wishes from all of us"

needs_text_model = pytest.mark.skipif(
    not (models.WEIGHTS / f"{models.TEXT_DEFAULT}.json").exists(),
    reason="the packaged model is not there yet",
)


@pytest.fixture
def dex(tmp_path: Path) -> Iterator[Recognizer]:
    with open_fake_by_text(tmp_path / "text.db") as recognizer:
        recognizer.register("letter/reminder", TextPage(REMINDER))
        recognizer.register("form/claim", CLAIM.encode())
        yield recognizer


def test_one_sample_is_enough_and_a_stranger_is_unknown(dex: Recognizer) -> None:
    match = dex.recognize(f"<p>{REMINDER} at last</p>".encode())
    assert (match.decision, match.label, match.rotation) == ("match", "letter/reminder", 0)
    assert dex.recognize(TextPage(GREETING)).decision == "unknown"


def test_a_picture_is_asked_by_the_words_in_it(dex: Recognizer) -> None:
    picture = np.full((30, 20, 3), 255, np.uint8)
    assert dex.recognize(picture).decision == "unknown"
    dex.register("picture", picture)
    assert dex.recognize(TextPage("words read in a picture")).label == "picture"


def test_a_stream_gives_an_answer_or_a_refusal_for_every_source(dex: Recognizer) -> None:
    answers = list(dex.recognize_many([CLAIM.encode(), b"", b"\0\1\2", TextPage(REMINDER), b"..."]))
    assert [answer.error.code if isinstance(answer, Refusal) else answer.label for answer in answers] == [
        "form/claim",
        "empty-source",
        "unsupported-format",
        "letter/reminder",
        "no-text",
    ]


def test_the_rules_of_registration_hold_for_texts(dex: Recognizer) -> None:
    assert len(dex.register("form/claim", CLAIM.encode()).known) == 1
    with pytest.raises(ConflictingSample):
        dex.register("form/other", CLAIM.encode())
    with pytest.raises(NoText):
        dex.register("form/blank", b"---")
    done = dex.register("form/alike", TextPage(CLAIM + " please"))
    assert [alike.label for alike in done.look_alikes] == ["form/claim"]


def test_a_text_is_tried_in_no_rotation(dex: Recognizer) -> None:
    strangers = [TextPage(f"{GREETING} {number}") for number in range(40)]
    report = dex.calibrate(strangers, 0.1)
    assert report.calibration.rotations == (0,)
    assert dex.calibration_doubts() == ()
    assert dex.threshold == report.calibration.threshold
    with pytest.raises(InvalidSetting, match="text has none"):
        dex.embedder.embed(["a word"], rotations=(0, 90))


def test_a_check_finds_texts_that_are_alike(dex: Recognizer) -> None:
    dex.register("letter/again", TextPage(REMINDER + " "))
    assert [pair.labels for pair in dex.check().duplicates] == [("letter/again", "letter/reminder")]


def test_a_gallery_by_text_keeps_the_beginning_of_what_was_registered(dex: Recognizer) -> None:
    dex.register("long", TextPage("ä " * text_reader.KEPT))
    kept = {sample.label: sample.thumbnail for sample in dex.gallery.scan()}
    assert kept["form/claim"] == CLAIM.encode()
    assert kept["long"].decode() == "ä " * (text_reader.KEPT // 2)


def test_a_gallery_by_text_is_embedded_again_from_files_or_from_what_it_kept(tmp_path: Path) -> None:
    letter, gone = tmp_path / "letter.txt", tmp_path / "gone.txt"
    letter.write_text(REMINDER)
    gone.write_text(CLAIM)
    with open_fake_by_text(tmp_path / "text.db") as dex:
        dex.register_many([("letter", letter), ("claim", gone)])
    gone.unlink()
    with open_fake_by_text(tmp_path / "text.db", dimension=128) as dex:
        with pytest.raises(ContractMismatch, match="text model"):
            dex.recognize(TextPage(CLAIM))
        done = dex.reembed()
        assert (done.from_sources, done.from_thumbnails) == (1, 1)
        assert dex.recognize(TextPage(CLAIM)).label == "claim"
        assert dex.recognize(TextPage(CLAIM)).similarity == pytest.approx(1)


@pytest.mark.parametrize("kept", [b"", b"\xff\xfe"])
def test_a_text_that_was_kept_and_is_damaged_is_said(kept: bytes) -> None:
    with pytest.raises(NotAGallery):
        TextReader().restore(kept)


def test_an_export_carries_texts_as_texts(dex: Recognizer, tmp_path: Path) -> None:
    dex.export(tmp_path / "texts.zip")
    with zipfile.ZipFile(tmp_path / "texts.zip") as archive:
        assert archive.read("thumbnails/0.txt") == CLAIM.encode()
    with open_fake_by_text(tmp_path / "other.db") as other:
        assert len(other.import_(tmp_path / "texts.zip").added) == 2
        assert other.recognize(TextPage(CLAIM)).label == "form/claim"
    with open_fake(tmp_path / "pictures.db") as pictures, pytest.raises(ContractMismatch, match="by text"):
        pictures.import_(tmp_path / "texts.zip")


def test_a_gallery_by_text_is_never_asked_by_picture(dex: Recognizer, tmp_path: Path) -> None:
    page = np.full((2, 2, 3), 200, np.uint8)
    with open_fake(tmp_path / "text.db") as pictures:
        for act in (lambda: pictures.recognize(page), lambda: pictures.register("a", page), pictures.reembed):
            with pytest.raises(ContractMismatch, match=r"by text .*asked for is picture model"):
                act()
    assert dex.recognize(TextPage(CLAIM)).label == "form/claim"


def test_a_gallery_by_picture_takes_no_text(tmp_path: Path) -> None:
    with open_fake(tmp_path / "pictures.db") as dex, pytest.raises(InvalidSetting, match="not from TextPage"):
        dex.register("a", TextPage(CLAIM))


def test_a_gallery_of_the_time_before_texts_is_by_picture(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with open_fake(path) as dex:
        dex.register("a", np.full((2, 2, 3), 200, np.uint8))
    with closing(sqlite3.connect(path)) as plain, plain:
        plain.execute("ALTER TABLE contract DROP COLUMN compared_by")
        plain.execute("PRAGMA user_version = 1")
    with open_fake(path) as dex:
        assert dex.gallery.contract.by == "picture"
        assert dex.recognize(np.full((2, 2, 3), 200, np.uint8)).label == "a"
        dex.gallery.verify()


# Which model


@pytest.mark.parametrize(
    ("model", "kind"),
    [("x.onnx", "picture"), ("x.npz", "text"), (Path("a/b.npz"), "text"), ("nosuch", None)],
)
def test_a_model_says_itself_what_it_compares_by(model: str | Path, kind: str | None) -> None:
    assert kind_of(model) == kind


@needs_text_model
def test_a_model_of_texts_is_asked_for_by_its_kind_or_its_name(tmp_path: Path) -> None:
    assert open_embedder(by="text").contract == open_embedder("text").contract
    assert isinstance(open_embedder("text"), ByText)
    with pytest.raises(ModelNotFound):
        open_embedder(models.DEFAULT, by="text")
    with pytest.raises(DeviceUnavailable, match="CPU"):
        open_embedder(by="text", device="cuda")


@needs_text_model
def test_a_gallery_knows_by_what_it_compares(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with Recognizer.open(path, by="text") as dex:
        dex.register("letter", TextPage(REMINDER))
    with Recognizer.open(path) as dex:
        assert dex.recognize(TextPage(REMINDER)).label == "letter"
    with Recognizer.open(path, by="picture") as dex, pytest.raises(ContractMismatch, match="by text"):
        dex.recognize(np.full((30, 30, 3), 200, np.uint8))


def test_the_fake_is_what_a_model_of_texts_is() -> None:
    vectors = FakeTextModel().embed([REMINDER, CLAIM])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
