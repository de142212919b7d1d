from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from docdex.embedder import issue_passport
from docdex.errors import TrainingError
from docdex.training.config import ModelConfig, TrainConfig, differences, read_config, restore_config
from fakes import TINY

CONFIGS = sorted(
    path
    for path in (Path(__file__).resolve().parents[2] / "configs").glob("*.toml")
    if path.stem not in {"ablation", "sources", "text"} and not path.stem.startswith("study_")
)
"""Those of runs: the plan of an ablation, a study, a run of texts and what configs share are elsewhere."""
LEAST = 'name = "x"\n[[data.sources]]\nfolder = "pages"\n[optim]\nsteps = 10\n'


def read(tmp_path: Path, text: str) -> TrainConfig:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_committed_config_is_read_and_named_after_its_file(path: Path) -> None:
    assert read_config(path).name == path.stem


def test_there_are_committed_configs() -> None:
    assert CONFIGS


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    config = read(tmp_path, LEAST)
    assert config.optim.steps == 10
    assert config.optim.minutes is None
    assert config.data.sources[0].classes == "turned"
    assert config.model.side % 16 == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (LEAST + "batsh = 4\n", "batsh"),
        (LEAST + "minutes = 5\n", "either optim.minutes or optim.steps"),
        (LEAST.replace("steps = 10", "batch = 4"), "either optim.minutes or optim.steps"),
        (LEAST + "[model]\nside = 100\n", "model.side"),
        (LEAST + "[model]\nfrozen_stride = 3\n", "model.frozen_stride"),
        (LEAST + '[model]\nhead = "mean"\n', "model.head"),
        ('start_from = "small"\n' + LEAST + "[model]\ndistil_minutes = 1\n", "model.distil_minutes is for"),
        (LEAST + "[model]\nfrozen_stride = 16\ndistil_minutes = 1\n", "distil_minutes has nothing to teach"),
        (LEAST + '[distil]\nloss = "cosine"\n', r"distil\.loss cosine needs a distil\.teacher"),
        (LEAST + '[distil]\nteacher = "lite0"\n', r"distil\.teacher is never asked"),
        (LEAST + '[distil]\nteacher = "clip"\n', r"distil\.teacher"),
        (LEAST + "batch = 8\n[distil]\nclean = 9\n", r"distil\.clean is 9, more than optim\.batch, 8"),
        (LEAST + '[model]\ntrunk = "resnet"\n', "model.trunk"),
        (LEAST + "[loss]\nsampled = 0\n", "loss.sampled"),
        (LEAST + "[loss]\nsampled = 1.5\n", "loss.sampled"),
        (LEAST + '[loss]\nkind = "triplet"\n', "loss.kind"),
        (LEAST + "[loss]\nmargins = [0.5, 0.1, 0.1]\n", "loss.margins"),
        (LEAST + "[loss]\nsubcentres = 0\n", "loss.subcentres"),
        (LEAST + "centre_decay = 0.1\n", "optim.centre_decay does nothing"),
        (LEAST + "centre_momentum = 1\n", "optim.centre_momentum"),
        (LEAST + 'seed = "one"\n', "seed"),
        (LEAST.replace('folder = "pages"', 'folder = "pages"\nweight = 0'), "weight"),
        (LEAST + "[data]\ntemplate_share = 2\n", "data.template_share"),
        ('name = "x"\ndata = { sources = [] }\n', "data.sources"),
        (LEAST.replace('folder = "pages"', 'folder = "pages"\nlist = "pages.txt"'), "`folder` or a `list`"),
        (LEAST.replace('folder = "pages"', "weight = 1.0"), "`folder` or a `list`"),
        (LEAST.replace('folder = "pages"', 'folder = "pages"\nclasses = "48"'), "classes"),
        ('name = "x"\n', "data"),
        ("name = = 1\n", "line 1"),
    ],
)
def test_a_config_that_cannot_be_meant_is_refused_with_what_is_wrong(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(TrainingError, match=named) as refused:
        read(tmp_path, text)
    assert "run.toml" in refused.value.message


def test_a_number_of_sampled_classes_may_be_given_in_place_of_a_share(tmp_path: Path) -> None:
    assert read(tmp_path, LEAST + "[loss]\nsampled = 8192\n").loss.sampled == 8192


def test_severity_from_high_to_low_is_refused(tmp_path: Path) -> None:
    text = 'name = "x"\n[data]\nseverity = [0.9, 0.1]\nsources = [{ folder = "a" }]\n[optim]\nsteps = 1\n'
    with pytest.raises(TrainingError, match=r"data\.severity"):
        read(tmp_path, text)


def test_a_missing_config_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"gone\.toml"):
        read_config(tmp_path / "gone.toml")
    (tmp_path / "bytes.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(TrainingError, match=r"bytes\.toml"):
        read_config(tmp_path / "bytes.toml")


def test_a_budget_and_how_it_is_spent_may_differ_and_nothing_else(tmp_path: Path) -> None:
    one = read(tmp_path, LEAST)
    text = "centre_memory = 1\nworkers = 0\nthreads = 2\n" + LEAST.replace("steps = 10", "minutes = 3")
    longer = read(tmp_path, text + '[data]\ncache = "elsewhere"\nmemory_gigabytes = 0.5\n')
    assert differences(one, longer) == []
    other = read(tmp_path, "seed = 4\n" + LEAST + "batch = 5\n[loss]\nmargin = 0.1\n")
    assert differences(one, other) == ["loss.margin", "optim.batch", "seed"]
    assert differences(one, read(tmp_path, LEAST.replace("pages", "others"))) == ["data.sources"]


def test_a_config_comes_back_from_plain_values(tmp_path: Path) -> None:
    config = read(tmp_path, LEAST)
    assert restore_config(msgspec.to_builtins(config)) == config


@pytest.mark.parametrize(("turned", "classes"), [(True, "turned"), (False, "one")])
def test_a_config_from_before_classes_had_names_is_understood(
    tmp_path: Path, turned: bool, classes: str
) -> None:
    config = read(tmp_path, LEAST.replace('folder = "pages"', f'folder = "pages"\nclasses = "{classes}"'))
    values = msgspec.to_builtins(config)
    for source in values["data"]["sources"]:
        del source["classes"], source["list"]
        source["turned"] = turned
    del values["data"]["memory_gigabytes"], values["data"]["cache"]
    assert restore_config(values) == config
    assert values["data"]["sources"][0]["turned"] is turned


@pytest.mark.parametrize(
    "values", [None, {}, {"data": {"sources": 3}}, {"data": {"sources": [{"turned": 1}]}}, {"data": 1}]
)
def test_what_is_no_config_does_not_come_back(values: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        restore_config(values)


def test_a_teacher_makes_other_weights(tmp_path: Path) -> None:
    one, other = read(tmp_path, LEAST), read(tmp_path, LEAST + "[distil]\nclean = 4\n")
    assert "distil.clean" in differences(one, other)
    assert "distil.clean" in differences(other, one)
    assert differences(other, other) == []


def test_without_a_table_for_it_the_network_is_that_of_the_model_started_from(tmp_path: Path) -> None:
    model = shutil.copy(TINY, tmp_path)
    network = {"trunk": "dense", "weights": "random", "frozen_stride": 1, "views": ["whole", "top"]}
    issue_passport(
        tmp_path / TINY.name,
        name="tiny",
        licence="CC0-1.0",
        default_threshold=0.6,
        default_margin=0.02,
        training={"config": {"model": network}},
    )
    config = read(tmp_path, f'start_from = "{model}"\n{LEAST}')
    assert config.model == msgspec.convert(network, ModelConfig)
    assert read(tmp_path, f'start_from = "{model}"\n{LEAST}[model]\n').model == ModelConfig()


@pytest.mark.parametrize(
    ("given", "named"), [("gone.onnx", "gone.onnx"), (str(TINY), "does not say of which network")]
)
def test_a_model_to_start_from_that_is_none_is_told_when_the_config_is_read(
    tmp_path: Path, given: str, named: str
) -> None:
    with pytest.raises(TrainingError, match=named):
        read(tmp_path, f'start_from = "{given}"\n{LEAST}')


def test_the_network_of_a_run_started_from_is_not_looked_up(tmp_path: Path) -> None:
    assert read(tmp_path, f'start_from = "runs/another"\n{LEAST}').model == ModelConfig()


def test_configs_may_share_a_file_of_sources_and_say_what_is_meant_for_each(tmp_path: Path) -> None:
    (tmp_path / "shared.toml").write_text(
        '[[sources]]\nfolder = "a"\nweight = 0.5\n[[sources]]\nlist = "b.txt"\nclasses = "one"\n',
        encoding="utf-8",
    )
    run = 'name = "x"\n[optim]\nsteps = 10\n[data]\nsources = { from = "shared.toml"'
    plain, turned = read(tmp_path, run + " }\n"), read(tmp_path, run + ', classes = "24" }\n')
    assert [source.classes for source in plain.data.sources] == ["turned", "one"]
    assert [source.classes for source in turned.data.sources] == ["24", "24"]
    for config in (plain, turned):
        first, second = config.data.sources
        assert (first.folder, first.weight, second.list, second.weight) == ("a", 0.5, "b.txt", 1.0)


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        (None, r"shared\.toml: no config that can be read: No such file"),
        ("[[sources]\n", r"shared\.toml: "),
        ("sources = []\n", r"shared\.toml: .*length >= 1"),
        ('[[source]]\nfolder = "a"\n', r"shared\.toml: .*unknown field `source`"),
        ('[[sources]]\nfolders = "a"\n', r"run\.toml: .*unknown field `folders`.*data\.sources"),
    ],
    ids=["missing", "broken", "empty", "misspelt", "misspelt inside"],
)
def test_a_file_of_sources_that_is_wrong_is_named(tmp_path: Path, shared: str | None, told: str) -> None:
    if shared is not None:
        (tmp_path / "shared.toml").write_text(shared, encoding="utf-8")
    text = 'name = "x"\n[optim]\nsteps = 10\n[data]\nsources = { from = "shared.toml" }\n'
    with pytest.raises(TrainingError, match=told):
        read(tmp_path, text)


def test_a_table_of_sources_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"data\.sources"):
        read(tmp_path, 'name = "x"\n[optim]\nsteps = 10\n[data]\nsources = { classes = "one" }\n')
