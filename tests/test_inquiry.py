from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from docdex.decision import decide, rank_labels
from docdex.embedder import ROTATIONS
from docdex.errors import InvalidSetting
from docdex.gallery import Hit
from docdex.images import Page
from docdex.inquiry import Inquiry
from fakes import FakeEmbedder

LABELS = [f"{top}/{number:02}" for top in ("id", "claim") for number in range(30)]


class PlainGallery:
    """Searches as the protocol says, and counts how often."""

    def __init__(self, vectors: dict[str, NDArray[np.float32]]) -> None:
        self.vectors = vectors
        self.searches = 0

    def search(
        self, vectors: NDArray[np.float32], k: int, labels: Sequence[str] | None = None
    ) -> list[list[Hit]]:
        self.searches += 1
        return [
            sorted(
                (Hit(label, label, float(vector @ probe)) for label, vector in self.vectors.items()),
                key=lambda hit: (-hit.similarity, hit.label),
            )[:k]
            for probe in vectors
        ]


def ask(gallery: PlainGallery, **settings: Any) -> Inquiry:
    defaults: dict[str, Any] = {"rotations": ROTATIONS, "top": 5, "threshold": 0.5, "margin": 0.02}
    return Inquiry(gallery=gallery, embedder=FakeEmbedder(), **{**defaults, **settings})  # type: ignore[arg-type]


def page(seed: int) -> Page:
    return Page(np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8), "probe.png")


@given(
    seed=st.integers(0, 10_000),
    labels=st.integers(0, len(LABELS)),
    spread=st.sampled_from([0.01, 0.1, 1.0]),
    settings=st.fixed_dictionaries(
        {
            "top": st.integers(1, 12),
            "threshold": st.floats(-1, 1),
            "margin": st.sampled_from([0.0, 0.01, 0.1, 0.5, 2.0]),
        }
    ),
)
def test_an_answer_is_that_of_a_search_for_every_label(
    seed: int, labels: int, spread: float, settings: dict[str, Any]
) -> None:
    rng = np.random.default_rng(seed)
    # The smaller the spread, the more labels are near rivals of each other.
    vectors = rng.standard_normal(12) + spread * rng.standard_normal((labels, 12))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery = PlainGallery(dict(zip(LABELS, vectors.astype(np.float32), strict=False)))
    match = ask(gallery, **settings).answer(page(seed))

    probes = FakeEmbedder().embed([page(seed).pixels], rotations=ROTATIONS)[0]
    everything = rank_labels(dict(zip(ROTATIONS, gallery.search(probes, 1000), strict=True)))
    decision = decide(everything, threshold=settings["threshold"], margin=settings["margin"])
    assert (match.decision, match.label, match.similarity) == (
        decision.decision,
        decision.label,
        decision.similarity,
    )
    assert match.candidates == everything[: settings["top"]]


def test_a_clear_answer_takes_one_search() -> None:
    gallery = PlainGallery(dict(zip(LABELS, np.eye(12, dtype=np.float32), strict=False)))
    ask(gallery).answer(
        Page(np.full((2, 2, 3), 128, np.uint8) + np.eye(2, dtype=np.uint8)[..., None], "p.png")
    )
    assert gallery.searches == 1


def test_a_batch_takes_one_search() -> None:
    gallery = PlainGallery(dict(zip(LABELS[:3], np.eye(12, dtype=np.float32), strict=False)))
    assert len(list(ask(gallery).answer_all([page(seed) for seed in range(8)]))) == 8
    assert gallery.searches == 1


@pytest.mark.parametrize(
    "setting", [{"top": 0}, {"threshold": 1.1}, {"margin": -0.1}, {"margin": float("nan")}]
)
def test_settings_outside_what_is_allowed_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(InvalidSetting):
        ask(PlainGallery({}), **setting)
