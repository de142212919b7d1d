from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.text import has_words
from docdex.training.text.documents import DocumentWriter
from docdex.training.text.views import write_differently

RECEIPT = "Utopia Hardware Ltd\nTax invoice 17\n2 nails 3.50\n1 hammer 22.90\nTotal 26.40\nThank you"


@given(st.text(min_size=1, max_size=60), st.integers(0, 2**32))
def test_a_text_with_words_keeps_one(text: str, seed: int) -> None:
    written = write_differently(text, np.random.default_rng(seed))
    assert has_words(written) or not has_words(text)


def test_views_differ_and_are_the_same_of_one_seed() -> None:
    views = [write_differently(RECEIPT, np.random.default_rng(seed)) for seed in range(40)]
    assert len(set(views)) > 20
    assert views[3] == write_differently(RECEIPT, np.random.default_rng(3))


def test_most_words_of_a_view_are_the_texts_own() -> None:
    own = set(RECEIPT.lower().split())
    for seed in range(40):
        words = write_differently(RECEIPT, np.random.default_rng(seed)).lower().split()
        assert sum(word in own for word in words) >= 0.4 * len(words)


def shared(one: str, other: str) -> float:
    """Share of the lines of a document that another has too."""
    lines = set(one.lower().splitlines())
    return len(lines & set(other.lower().splitlines())) / len(lines)


def test_copies_of_a_template_share_its_issuer_and_not_its_contents() -> None:
    writer = DocumentWriter(["coffee", "paper", "steel"])
    for template in range(20):
        one, other = (writer.write(template, np.random.default_rng(seed)) for seed in (1, 2))
        assert one != other
        assert shared(one, other) > 0


def test_templates_share_less_than_copies_do() -> None:
    writer = DocumentWriter()
    pages = [writer.write(template, np.random.default_rng(1)) for template in range(0, 60, 2)]
    again = [writer.write(template, np.random.default_rng(2)) for template in range(0, 60, 2)]
    own = np.mean([shared(one, other) for one, other in zip(pages, again, strict=True)])
    others = np.mean([shared(one, other) for one, other in zip(pages, again[1:], strict=False)])
    assert own > 2 * others


@pytest.mark.parametrize("template", [0, 1, 10**9])
def test_a_template_is_a_template_of_any_number(template: int) -> None:
    writer = DocumentWriter()
    first = writer.write(template, np.random.default_rng(0))
    assert first == writer.write(template, np.random.default_rng(0))
    assert has_words(first)
