from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("torch", reason="losses are checked by making them")
pytest.importorskip("pytorch_metric_learning", reason="needs the extra `study`")

from docdex.errors import StudyError
from docdex.study import read_config, read_kind, with_paths
from docdex.study.config import differences

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("study_*.toml"))

Tiny = Callable[..., Path]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_committed_study_can_be_read(path: Path) -> None:
    if read_kind(path) == "text":
        assert len(read_config(path).seeds) >= 5


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("seedz = [1]", "seedz"),
        ("[optim]\nrate = 1.0", "rate"),
        ("losses = ['cross-entropie']", "cross-entropie"),
        ("sides = ['untrained', 'triplet']", "untrained is no loss"),
        ("seeds = [1, 1]", "seeds names one twice"),
        ("seeds = [1]", "seeds"),
        ("[settings.triplet]\nmargins = 1", "margins"),
        ("[[variants]]\nname = 'other data'\nchanges = { data = { train = ['x'] } }", "`data` cannot vary"),
        ("[[variants]]\nname = 'x'\nchanges = { optim = { speed = 1 } }", "variant x"),
        ("[imbalance]\nshares = [0.0]", "imbalance"),
        ("name = ", "nvalid"),
    ],
)
def test_a_key_that_means_nothing_is_one_error_that_names_it(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "study.toml"
    first = "" if line.startswith("name") else 'name = "x"\n'
    data = 'data = { train = ["a"], test = ["b"] }\n'
    path.write_text(f"{first}{data}{line}\n", encoding="utf-8")
    with pytest.raises(StudyError, match=told) as raised:
        read_config(path)
    assert str(path) in raised.value.message


def test_a_missing_config_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no config that can be read"):
        read_config(tmp_path / "nowhere.toml")


def test_a_variant_changes_what_it_names_and_nothing_else(tiny_study: Tiny) -> None:
    config = read_config(
        tiny_study("[[variants]]", "name = 'slow'", "changes = { optim = { optimiser = 'sgd' } }")
    )
    varied = config.varied("slow")
    assert varied.optim.optimiser == "sgd"
    assert differences(config, varied) == ["optim.optimiser"]


def test_texts_named_instead_are_not_said_to_differ_as_the_configs_do(tiny_study: Tiny) -> None:
    config = read_config(tiny_study())
    config = msgspec.structs.replace(config, data=msgspec.structs.replace(config.data, differs="much"))
    assert with_paths(config) == config
    other = with_paths(config, train=("mine.csv",))
    assert (other.data.train, other.data.differs) == (("mine.csv",), "")
    assert other.data.test == config.data.test
    with pytest.raises(StudyError, match="no transfer"):
        with_paths(config, target_test=("mine.csv",))


def test_more_seeds_rates_and_workers_make_no_other_study(tiny_study: Tiny) -> None:
    config = read_config(tiny_study())
    rates = msgspec.structs.replace(config.optim, rates=(0.1, 0.3))
    more = msgspec.structs.replace(config, seeds=(1, 2, 3), workers=2, name="again", optim=rates)
    assert differences(config, more) == []
