from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from docdex.cli import main
from docdex.errors import TrainingError
from docdex.text import TextEmbedder, passport
from docdex.text.features import features
from docdex.training.text import TextTrainer, is_text_config, read_text_config, release_text
from docdex.training.text.config import TextConfig
from docdex.training.text.network import BagNetwork, Bags
from docdex.training.text.release import measure

ROOT = Path(__file__).resolve().parents[3]
TOPICS = {
    "weather": ["rain", "sun", "cloud", "storm", "wind", "snow"],
    "money": ["bank", "cash", "loan", "credit", "coin", "account"],
    "food": ["bread", "soup", "apple", "rice", "cheese", "salad"],
}


def write_topics(path: Path, count: int, seed: int = 0) -> Path:
    """Each text has three words of its topic among five that all topics share."""
    rng, common = random.Random(seed), ["is", "it", "now", "the", "and", "of", "my"]
    rows = ["label,text"]
    for topic, words in TOPICS.items():
        for _ in range(count):
            rows.append(f"{topic},{' '.join(rng.sample(words, 3) + rng.sample(common, 5))}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def write_pairs(path: Path) -> Path:
    """Twelve labels of three texts each."""
    path.parent.mkdir()
    rows = [f"label{n},word{n} again" for n in range(12) for _ in range(3)]
    path.write_text("\n".join(["label,text", *rows]), encoding="utf-8")
    return path


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(
        f"""kind = "text"
name = "mine"
licence = "none"
sources = [{{ file = {json.dumps(str(write_topics(tmp_path / "texts.csv", 20)))} }}]
documents = {{ templates = 6, weight = 0.3 }}
model = {{ rows = 64, weights = 128, dimension = 16 }}
optim = {{ batch = 24, steps = 30, rate = 0.01, warmup = 3, ema = 0.8 }}
""",
        encoding="utf-8",
    )
    return path


def ignore(_: str) -> None:
    """Nobody is told."""


def bags(config: TextConfig, *texts: str) -> Bags:
    return Bags.gather([features(text) for text in texts], config.model)


def test_a_packed_network_computes_what_the_trained_one_does(toml: Path) -> None:
    config = read_text_config(toml)
    torch.manual_seed(0)
    network = BagNetwork(config.model)
    texts = ["rain is in the wind", "my cash, my cash", "bread"]
    network.start_from([features(text) for text in texts])
    for _ in range(3):
        network.train()(bags(config, *texts))
    with torch.no_grad():
        expected = network.eval()(bags(config, *texts)).numpy()
    packed = network.pack()
    for text, vector in zip(texts, expected, strict=True):
        assert packed.embed(features(text)) @ vector > 0.999


def test_the_start_weighs_a_word_of_every_text_least(toml: Path) -> None:
    slots = 1 << 20
    network = BagNetwork(msgspec.structs.replace(read_text_config(toml).model, weights=slots))
    network.start_from([features(f"the {word}") for word in ("rain", "bank", "soup")])
    everywhere, once, never = (
        max(network.weights[int(number) >> 40 & slots - 1, 0].item() for number in features(word).hashes)
        for word in ("the", "rain", "never")
    )
    assert everywhere < once <= never == 1


def test_a_run_learns_topics_it_was_told_and_writes_a_model_that_opens(toml: Path, tmp_path: Path) -> None:
    config, run = read_text_config(toml), tmp_path / "run"
    trainer = TextTrainer(config, run, say=ignore)
    trained = trainer.train()
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 30
    file = release_text(config, trained, run)
    embedder = TextEmbedder.open(file)
    one, same, other = embedder.embed(["rain storm wind", "cloud sun snow", "bank loan coin"])
    assert one @ same > one @ other
    told = passport.read(file)
    assert told.training["config"]["model"]["rows"] == 64
    assert told.training["classes"] == 3 + 6
    assert told.default_threshold == 1


def test_one_seed_makes_one_model(toml: Path, tmp_path: Path) -> None:
    config = read_text_config(toml)
    config = msgspec.structs.replace(config, optim=msgspec.structs.replace(config.optim, steps=4))
    made = [TextTrainer(config, tmp_path / name, say=ignore).train().network for name in ("a", "b")]
    assert made[0].encode() == made[1].encode()


def test_a_folder_that_holds_a_run_is_left_alone(toml: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.jsonl").write_text("")
    with pytest.raises(TrainingError, match="holds a run already"):
        TextTrainer(read_text_config(toml), tmp_path / "run", say=ignore)


def test_thresholds_are_measured_on_labels_that_no_source_has(tmp_path: Path) -> None:
    """A perfect embedder knows each text's label, so strangers are at zero and all the others right."""
    path = write_pairs(tmp_path / "set" / "texts.csv")

    def perfect(texts: list[str]) -> np.ndarray:
        return np.eye(12, dtype=np.float32)[[int(text[4:].split()[0]) for text in texts]]

    told = measure([str(path)], perfect)
    assert told["measured"] == {"rank1_set_of_10": 1.0}
    assert {row.threshold for row in told["thresholds"]} == {0.0001}
    assert {row.strangers for row in told["thresholds"]} == {6}


def test_where_two_sets_ask_for_different_thresholds_the_stricter_is_taken(tmp_path: Path) -> None:
    paths = [write_pairs(tmp_path / name / "texts.csv") for name in ("apart", "close")]

    in_common = iter([2.0, 4.0])

    def embed(texts: list[str]) -> np.ndarray:
        """Texts of the second set have more in common."""
        own = np.eye(12)[[int(text[4:].split()[0]) for text in texts]]
        vectors = np.hstack([own, np.full((len(texts), 1), next(in_common))])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    told = measure([str(path) for path in paths], embed)
    assert {row.data for row in told["thresholds"]} == {"close"}
    assert told["measured"] == {"rank1_apart_of_10": 1.0, "rank1_close_of_10": 1.0}
    assert told["default_threshold"] == pytest.approx(16 / 17, abs=1e-3)


def test_too_few_labels_to_measure_thresholds_on_are_an_error(tmp_path: Path) -> None:
    path = write_topics(tmp_path / "few.csv", 3)
    with pytest.raises(TrainingError, match=r"3 labels; more than 10"):
        measure([str(path)], lambda texts: np.eye(len(texts), dtype=np.float32))


def test_the_command_trains_a_model_of_texts(toml: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = CliRunner().invoke(main, ["train", str(toml), "--run", str(run)])
    assert done.exit_code == 0, done.output
    assert (run / "mine.npz").exists()
    again = CliRunner().invoke(main, ["train", str(toml), "--run", str(run), "--resume"])
    assert again.exit_code == 2
    assert "takes minutes" in again.output


def test_the_committed_config_is_the_one_that_made_the_packaged_model() -> None:
    made = msgspec.convert(TextEmbedder.open().passport.training["config"], TextConfig)
    assert read_text_config(ROOT / "configs" / "text.toml") == made


def test_the_packaged_config_holds_out_fifty_labels_by_a_fixed_seed() -> None:
    config = read_text_config(ROOT / "configs" / "text.toml")
    (held_out,) = [source.held_out for source in config.sources if source.held_out]
    assert len(set(held_out)) == 50
    assert list(held_out) == sorted(held_out)


@pytest.mark.parametrize("key", ["licence", "rows", "optim"])
def test_a_misspelt_key_is_an_error(key: str, toml: Path) -> None:
    toml.write_text(toml.read_text().replace(f"{key} =", f"{key}x ="))
    with pytest.raises(TrainingError, match=rf"mine\.toml.*{key}"):
        read_text_config(toml)


def test_centres_start_at_random_and_one_a_class(toml: Path) -> None:
    toml.write_text(toml.read_text() + 'loss = { start = "clean" }\n')
    with pytest.raises(TrainingError, match=r"loss\.start"):
        read_text_config(toml)


@pytest.mark.parametrize(
    ("added", "named"),
    [
        ("loss = { start = 'random', sampled = 1.5 }\n", "sampled"),
        ("teacher = { word_share = 1.0 }\n", "word_share"),
    ],
)
def test_settings_that_leave_nothing_to_learn_are_refused(toml: Path, added: str, named: str) -> None:
    toml.write_text(toml.read_text() + added)
    with pytest.raises(TrainingError, match=rf"mine\.toml.*{named}"):
        read_text_config(toml)


def test_a_config_of_pages_is_not_one_of_texts(tmp_path: Path) -> None:
    assert not is_text_config(ROOT / "configs" / "small.toml")
    assert is_text_config(ROOT / "configs" / "text.toml")
    assert not is_text_config(tmp_path / "gone.toml")
