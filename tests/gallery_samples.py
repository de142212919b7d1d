"""Samples made from numbers, and the plainest search there is, to hold engines against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from docdex.contract import Contract
from docdex.gallery import Hit, Sample
from docdex.labels import is_within

CONTRACT = Contract(model="ab" * 32, preprocess=1, dimension=4)
OTHER_CONTRACT = Contract(model="cd" * 32, preprocess=2, dimension=3)


def unit(*numbers: float) -> NDArray[np.float32]:
    """The unit vector of that direction."""
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def sample(
    sample_id: str,
    label: str = "a",
    vector: NDArray[np.float32] | None = None,
    *,
    digest: str = "d0",
    time: str = "2024-01-01T00:00:00Z",
) -> Sample:
    return Sample(
        id=sample_id,
        label=label,
        digest=digest,
        source=f"{sample_id}.jpg",
        page=1,
        time=time,
        vector=unit(1, 0, 0, 0) if vector is None else vector,
        thumbnail=f"jpeg of {sample_id}".encode(),
    )


def content(each: Sample) -> dict[str, object]:
    """All of a sample in a form that can be compared."""
    return {**msgspec.structs.asdict(each), "vector": each.vector.tobytes()}


def plain_search(
    samples: Iterable[Sample], probe: NDArray[np.float32], k: int, labels: Sequence[str] | None = None
) -> list[Hit]:
    """`Gallery.search` for one probe, sample by sample."""
    query = probe.astype(np.float64)
    ranked = sorted(
        (-float((each.vector.astype(np.float64) * query).sum()), each.label, each.id)
        for each in samples
        if labels is None or any(is_within(each.label, label) for label in labels)
    )
    hits: dict[str, Hit] = {}
    for distance, label, sample_id in ranked:
        hits.setdefault(label, Hit(sample_id, label, min(1.0, max(-1.0, -distance))))
    return list(hits.values())[:k]


def batch_of(name: str, number: int) -> list[Sample]:
    """Three samples that are registered together, each with a thumbnail of many database pages."""
    return [
        msgspec.structs.replace(
            sample(f"{name}-{number}-{part}", f"{name}/{number}", unit(1, number, part, 0)),
            thumbnail=f"jpeg {name} {number} {part} ".encode() * 1_000,
        )
        for part in range(3)
    ]
