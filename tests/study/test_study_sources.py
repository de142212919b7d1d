from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from docdex.errors import MissingExtra, StudyError
from docdex.study.config import SourceConfig
from docdex.study.sources import read_rows

SOURCE = SourceConfig(train=("unused",), test=("unused",))


def read(path: Path | str, source: SourceConfig = SOURCE, *, labelled: bool = True) -> list[tuple[str, str]]:
    rows = read_rows([str(path)], source, labelled=labelled)
    return list(zip(rows.labels, rows.texts, strict=True))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def test_quotes_commas_and_line_breaks_stay_in_a_text(file: Path) -> None:
    file.write_bytes(b'label,text\r\nnews,"One, ""two""\r\nthree"\r\nsport,four\r\n')
    assert read(file) == [("news", 'One, "two"\r\nthree'), ("sport", "four")]


def test_a_packed_file_is_read_as_it_would_be_unpacked(file: Path) -> None:
    file.write_text("label,text\nnews,über\n", encoding="utf-8-sig")
    packed = file.with_name("rows.csv.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert read(packed) == read(file) == [("news", "über")]


def test_columns_are_found_by_name_and_joined(file: Path) -> None:
    file.write_text("Title,Class Index,Description\nA,3,b c\n", encoding="utf-8")
    source = SourceConfig(("x",), ("x",), label="Class Index", text=("Title", "Description"))
    assert read(file, source) == [("3", "A b c")]


def test_strangers_need_no_label(file: Path) -> None:
    file.write_text("text\nwho knows\n", encoding="utf-8")
    assert read(file, labelled=False) == [("", "who knows")]


def test_bad_rows_are_named_by_their_lines_all_in_one_error(file: Path) -> None:
    file.write_text('label,text\nnews,"a\nb"\nnews\n,c\nnews, \nnews,d\nx,y,z\n', encoding="utf-8")
    with pytest.raises(StudyError) as raised:
        read(file)
    told = raised.value.message
    assert "of 6 rows 4 cannot be used" in told
    for fault in ("line 4 has 1 cells", "line 5 has no label", "line 6 has no text", "line 8 has 3 cells"):
        assert fault in told


def test_of_many_bad_rows_the_first_are_named_and_the_others_counted(file: Path) -> None:
    file.write_text("label,text\n" + "news\n" * 12, encoding="utf-8")
    with pytest.raises(StudyError, match=r"line 6 .*; and 7 more"):
        read(file)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "names no column label and no text, but nothing"),
        (b"label;text\nnews;a\n", "names no column label and no text, but label;text"),
        (b"label,text\n", "there is no text in it"),
        (b"label,text\nnews,caf\xe9\n", "not UTF-8"),
        (b'label,text\nnews,"a"b\n', "line 2 is no CSV"),
        (b'label,text\nnews,"a\n', "is no CSV"),
    ],
    ids=["empty", "semicolons", "heads alone", "latin", "quotes", "unended"],
)
def test_a_file_that_is_no_csv_of_texts_is_one_error(file: Path, content: bytes, told: str) -> None:
    file.write_bytes(content)
    with pytest.raises(StudyError, match=told) as raised:
        read(file)
    assert str(file) in raised.value.message


def test_a_packed_file_that_broke_off_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"label,text\nnews,a\n" * 50)[:-12])
    with pytest.raises(StudyError, match="no texts that can be read"):
        read(path)


def test_a_missing_file_and_an_unset_variable_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StudyError, match="No such file"):
        read(tmp_path / "nowhere.csv")
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    with pytest.raises(StudyError, match="NOT_SET_ANYWHERE"):
        read("$NOT_SET_ANYWHERE/rows.csv")


def test_a_folder_is_the_label_of_the_texts_in_it(tmp_path: Path) -> None:
    for name, text in (("news/a.txt", "one"), ("sport/ball/b.txt", "two"), ("news/c.md", "no text")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert read(tmp_path) == [("news", "one"), ("sport/ball", "two")]
    (tmp_path / "loose.txt").write_text("three", encoding="utf-8")
    (tmp_path / "news" / "z.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(StudyError, match=r"2 cannot be used: .*loose.txt.*no folder.*z.txt.*cannot be read"):
        read(tmp_path)


class TestHub:
    """Through the package that fetches data sets, from a folder of the same shape as theirs."""

    @pytest.fixture
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        datasets = pytest.importorskip("datasets", reason="needs the extra `hub`")
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        datasets.disable_progress_bars()
        folder = tmp_path / "set"
        folder.mkdir()
        features = datasets.Features(
            {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["World", "Sports"])}
        )
        rows = {"text": ["a war", "a goal"], "label": [0, 1]}
        datasets.Dataset.from_dict(rows, features=features).to_parquet(folder / "train.parquet")
        levels = [{"text": "a cat", "l1": "Agent", "l3": "Cat"}, {"text": "", "l1": "Agent", "l3": None}]
        (tmp_path / "levels").mkdir()
        lines = "\n".join(map(json.dumps, levels))
        (tmp_path / "levels" / "test.jsonl").write_text(lines, encoding="utf-8")
        return str(folder)

    @pytest.mark.filterwarnings("ignore")  # what that package and its own say of each other
    def test_numbered_classes_are_read_by_name(self, hub: str) -> None:
        assert read(f"hf:{hub}#train") == [("World", "a war"), ("Sports", "a goal")]

    @pytest.mark.filterwarnings("ignore")
    def test_bad_rows_and_columns_and_names_are_errors(self, hub: str) -> None:
        third = SourceConfig(("x",), ("x",), label="l3")
        with pytest.raises(StudyError, match="row 2 has no l3 and no text"):
            read(f"hf:{hub}/../levels#test", third)
        with pytest.raises(StudyError, match="no column l3, but text, label"):
            read(f"hf:{hub}#train", third)
        with pytest.raises(StudyError, match="not to be had"):
            read(f"hf:{hub}#validation")
        with pytest.raises(StudyError, match="give a name and a split"):
            read("hf:nothing")


def test_without_its_package_the_hub_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"docdex\[hub\]"):
        read("hf:some/set#train")
