from __future__ import annotations

import subprocess
import sys
from collections import Counter

import cv2
import numpy as np
import pytest

from docdex import labels
from docdex.examples import PAGES, Example, load_examples

EXAMPLES = load_examples()
REGISTERED = [e for e in EXAMPLES if e.kind == "registered"]
PROBES = [e for e in EXAMPLES if e.kind == "probe"]
STRANGERS = [e for e in EXAMPLES if e.kind == "stranger"]


def test_the_manifest_names_every_page_once_and_no_other() -> None:
    named = [example.path for example in EXAMPLES]
    assert sorted(named) == sorted(PAGES.rglob("*.jpg"))


def test_there_is_one_sample_a_type_and_enough_of_everything() -> None:
    types = [example.label for example in REGISTERED]
    assert len(types) == len(set(types)) >= 10
    assert len(STRANGERS) >= 10
    probes = Counter(example.label for example in PROBES)
    assert set(probes) == set(types)
    assert min(probes.values()) >= 3


def test_every_label_is_a_normal_label_and_strangers_have_none() -> None:
    for example in REGISTERED + PROBES:
        assert example.label is not None
        assert labels.parse(example.label) == example.label
    assert {example.label for example in STRANGERS} == {None}


def test_no_label_is_within_another() -> None:
    types = [str(example.label) for example in REGISTERED]
    assert not [(a, b) for a in types for b in types if a != b and labels.is_within(a, b)]


def test_the_folder_of_registered_pages_spells_their_labels() -> None:
    for example in REGISTERED:
        assert example.path.parent.relative_to(PAGES / "registered").as_posix() == example.label


def test_all_pages_together_stay_under_three_megabytes() -> None:
    assert sum(file.stat().st_size for file in PAGES.rglob("*") if file.is_file()) < 3_000_000


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.path.relative_to(PAGES).as_posix())
def test_a_page_can_be_read_and_shows_something(example: Example) -> None:
    pixels = cv2.imdecode(np.fromfile(example.path, np.uint8), cv2.IMREAD_COLOR)
    assert 290 <= min(pixels.shape[:2]) <= max(pixels.shape[:2]) <= 700
    assert pixels.std() > 5


def test_no_page_is_there_twice() -> None:
    assert len({example.path.read_bytes() for example in EXAMPLES}) == len(EXAMPLES)


def test_listing_the_examples_draws_nothing() -> None:
    code = (
        "import sys; from docdex.examples import load_examples; load_examples(); print('cv2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
