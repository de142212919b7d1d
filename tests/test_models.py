from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from docdex import models
from docdex.embedder import OnnxEmbedder, issue_passport
from docdex.errors import InvalidPassport, ModelError, ModelMismatch, ModelNotFound


@pytest.fixture
def model(tmp_path: Path, tiny: Path) -> Path:
    for suffix in (".onnx", ".json"):
        shutil.copy(tiny.with_suffix(suffix), tmp_path / f"mine{suffix}")
    return tmp_path / "mine.onnx"


def change(onnx: Path, **changes: object) -> None:
    passport = msgspec.structs.replace(models.read_passport(onnx), **changes)
    models.write_passport(passport, onnx)


def test_a_model_loads_with_the_contract_of_its_passport(model: Path) -> None:
    loaded = models.load(model)
    assert loaded.contract.model == loaded.passport.digest
    assert loaded.contract.dimension == 32
    assert loaded.content == model.read_bytes()


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(ModelNotFound, match=r"No model nosuch: .*packaged"):
        models.load("nosuch")


def test_a_path_without_a_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        models.load(tmp_path / "gone.onnx")


def test_every_packaged_model_loads_and_computes_what_it_promises() -> None:
    for name in models.names():
        assert OnnxEmbedder.open(name).passport.name == name


def test_a_packaged_name_wins_over_a_file_of_that_name(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    for suffix in (".onnx", ".json"):
        shutil.copy(model.with_suffix(suffix), weights / f"packaged{suffix}")
    monkeypatch.setattr(models, "WEIGHTS", weights)
    assert models.names() == ["packaged"]
    assert models.load("packaged").path == weights / "packaged.onnx"


def test_a_changed_model_file_is_refused(model: Path) -> None:
    content = bytearray(model.read_bytes())
    content[-100] ^= 1
    model.write_bytes(content)
    with pytest.raises(ModelMismatch, match="SHA-256"):
        models.load(model)


def test_a_model_file_that_may_not_be_read_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path == model:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.raises(ModelError, match=r"mine\.onnx cannot be read: Permission denied"):
        models.load(model)


def test_a_model_without_a_passport_is_refused(model: Path) -> None:
    model.with_suffix(".json").unlink()
    with pytest.raises(InvalidPassport, match=r"has no passport mine\.json"):
        models.load(model)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x", "digest": 3}', "\xff", '{"name": "\xff"}'])
def test_a_malformed_passport_is_refused(model: Path, text: str) -> None:
    model.with_suffix(".json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidPassport, match="is no passport"):
        models.load(model)


def test_a_passport_with_a_misspelt_field_is_refused(model: Path) -> None:
    passport = model.with_suffix(".json")
    passport.write_text(passport.read_text().replace('"licence"', '"license"'))
    with pytest.raises(InvalidPassport, match="licen"):
        models.load(model)


def test_a_golden_vector_of_another_dimension_is_refused(model: Path) -> None:
    golden = models.read_passport(model).golden
    change(model, golden=msgspec.structs.replace(golden, vector=golden.vector[:16]))
    with pytest.raises(InvalidPassport, match="32 dimensions, its golden vector has 16"):
        models.load(model)


def test_a_passport_survives_writing_and_reading(model: Path) -> None:
    row = models.Threshold(0.01, "probe", 0.6, (0, 90, 180, 270), 130, 615, "dev")
    change(model, thresholds=(row,), training={"minutes": 90, "seeds": [1, 2]})
    passport = models.read_passport(model)
    assert passport.thresholds == (row,)
    assert passport.training == {"minutes": 90, "seeds": [1, 2]}
    assert not list(model.parent.glob("*.partial"))


def table_of(*rows: tuple[int, float]) -> tuple[models.Threshold, ...]:
    return tuple(models.Threshold(0.03, "probe", at, (0,), labels, 600, "dev") for labels, at in rows)


@pytest.mark.parametrize(
    ("labels", "threshold"),
    [(0, 0.4), (1, 0.4), (10, 0.4), (31, 0.45), (100, 0.5), (1000, 0.6), (10_000_000, 1.0)],
)
def test_the_default_threshold_grows_with_the_gallery(model: Path, labels: int, threshold: float) -> None:
    change(model, thresholds=table_of((100, 0.5), (10, 0.4)), default_fpr=0.03)
    assert models.read_passport(model).threshold_for(labels, (0,)) == pytest.approx(threshold, abs=1e-3)


def test_without_a_row_for_it_the_default_threshold_is_the_passports_own(model: Path) -> None:
    change(model, thresholds=table_of((100, 0.5)), default_fpr=0.01, default_threshold=0.7)
    assert models.read_passport(model).threshold_for(100, (0,)) == 0.7
    change(model, default_fpr=0.03)
    assert models.read_passport(model).threshold_for(100, (0, 90, 180, 270)) == 0.7
    assert models.read_passport(model).threshold_for(5000, (0,)) == 0.5


def test_the_golden_page_never_changes() -> None:
    page = models.golden_page()
    assert page.shape == (320, 240, 3)
    assert page.dtype == np.uint8
    assert [int(page[..., channel].astype(np.int64).sum()) for channel in range(3)] == GOLDEN_SUMS
    assert page[0, 16].tolist() == [0, 17, 255]


GOLDEN_SUMS = [9753840, 9753920, 9792000]


def test_an_issued_passport_opens_its_model(model: Path) -> None:
    model.with_suffix(".json").unlink()
    passport = issue_passport(model, name="mine", licence="MIT", default_threshold=0.5, default_margin=0.1)
    embedder = OnnxEmbedder.open(model)
    assert embedder.passport == passport
    assert (embedder.threshold_for(10, (0,)), embedder.margin) == (0.5, 0.1)
    assert np.linalg.norm(passport.golden.vector) == pytest.approx(1, abs=1e-4)
