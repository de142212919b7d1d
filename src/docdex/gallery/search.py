"""Exact search in memory, because up to millions of samples one matrix product is fast and misses nothing.

A `Snapshot` is what searches run on: it never changes, so a search needs no lock while another thread writes.
Its vectors lie in segments of at most 65,536 rows; the last one has spare room that later snapshots fill, so
that adding a sample costs O(1) amortised and growing never copies more than one segment.

The float32 product of a BLAS depends in its last bits on where a row lies, so it only selects: every sample
that could still be among the answers, by the error bound of that product, is scored again in float64, row by
row, and only those scores order and report. That makes answers independent of order, threads and machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from docdex.gallery.records import Hit
from docdex.labels import ancestors

SEGMENT = 65_536  # rows; 64 MB of 256 numbers
BLOCK = 256  # rows whose best similarity is looked at before any of them
SMALLEST_CAPACITY = 64
SIMILARITIES = 1 << 24  # numbers of the product kept at once: 64 MB, whatever the number of probes
CANDIDATES = 1_024  # above, the best of every label is found first
RESCORED_ROWS = 8_192  # rows turned to float64 at once


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Up to SEGMENT samples; arrays have room beyond `size`, which belongs to later snapshots.

    vectors: (C, D) float32; codes: (C,) int32, index of the label; rows: (C,) int64, ascending;
    ids: (C,) str objects; dead: positions of removed samples, ascending.
    """

    vectors: NDArray[np.float32]
    codes: NDArray[np.int32]
    rows: NDArray[np.int64]
    ids: NDArray[np.object_]
    size: int
    dead: NDArray[np.intp]

    @classmethod
    def empty(cls, dimension: int, capacity: int) -> Segment:
        """No samples yet, and room for `capacity` of `dimension` numbers."""
        return cls(
            vectors=np.empty((capacity, dimension), np.float32),
            codes=np.empty(capacity, np.int32),
            rows=np.empty(capacity, np.int64),
            ids=np.empty(capacity, np.object_),
            size=0,
            dead=np.empty(0, np.intp),
        )

    def appended(
        self,
        rows: NDArray[np.int64],
        ids: Sequence[str],
        codes: NDArray[np.int32],
        vectors: NDArray[np.float32],
    ) -> Segment:
        """With samples added at the end: in place beyond `size`, or in a copy of twice the room."""
        size = self.size + len(rows)
        if size <= len(self.rows):
            target = self
        else:
            target = Segment.empty(self.vectors.shape[1], min(SEGMENT, max(size, 2 * len(self.rows))))
            target.vectors[: self.size] = self.vectors[: self.size]
            target.codes[: self.size] = self.codes[: self.size]
            target.rows[: self.size] = self.rows[: self.size]
            target.ids[: self.size] = self.ids[: self.size]
        target.vectors[self.size : size] = vectors
        target.codes[self.size : size] = codes
        target.rows[self.size : size] = rows
        target.ids[self.size : size] = ids
        return replace(target, size=size, dead=self.dead)

    def removed(self, rows: NDArray[np.int64]) -> Segment:
        """Without those of `rows` that it has; the same object if it has none."""
        positions, _ = self._find(rows)
        if not len(positions):
            return self
        dead = np.union1d(self.dead, positions)
        if 4 * len(dead) <= self.size:
            return replace(self, dead=dead)
        alive = np.setdiff1d(np.arange(self.size), dead, assume_unique=True)
        return Segment(
            vectors=self.vectors[alive],
            codes=self.codes[alive],
            rows=self.rows[alive],
            ids=self.ids[alive],
            size=len(alive),
            dead=np.empty(0, np.intp),
        )

    def recoded(self, rows: NDArray[np.int64], codes: NDArray[np.int32]) -> Segment:
        """With other label codes for those of `rows` that it has; the same object if it has none."""
        positions, found = self._find(rows)
        if not len(positions):
            return self
        copy = self.codes.copy()
        copy[positions] = codes[found]
        return replace(self, codes=copy)

    def _find(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Positions of those of `rows` that are here, and which of `rows` they are."""
        if not self.size:
            return np.empty(0, np.intp), np.zeros(len(rows), np.bool_)
        mine = self.rows[: self.size]
        positions = np.searchsorted(mine, rows)
        found = mine[np.minimum(positions, self.size - 1)] == rows
        return positions[found], found


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All samples at one moment. Only the newest snapshot may be followed by another.

    names: the label of each code; shared by all snapshots and only ever added to.
    """

    dimension: int
    segments: tuple[Segment, ...] = ()
    names: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(segment.size - len(segment.dead) for segment in self.segments)

    def appended(
        self, rows: Sequence[int], ids: Sequence[str], labels: Sequence[str], vectors: NDArray[np.float32]
    ) -> Snapshot:
        """With samples added. rows: their numbers in the store, ascending and above all before them."""
        numbers, codes = np.array(rows, np.int64), self._encode(labels)
        segments = list(self.segments)
        start = 0
        while start < len(numbers):
            if not segments or segments[-1].size == SEGMENT:
                segments.append(Segment.empty(self.dimension, SMALLEST_CAPACITY))
            stop = min(len(numbers), start + SEGMENT - segments[-1].size)
            part = slice(start, stop)
            segments[-1] = segments[-1].appended(numbers[part], ids[part], codes[part], vectors[part])
            start = stop
        return replace(self, segments=tuple(segments))

    def removed(self, rows: Sequence[int]) -> Snapshot:
        """Without the samples of those rows; rows that are not there are no error."""
        numbers = np.array(rows, np.int64)
        left = (segment.removed(numbers) for segment in self.segments)
        return replace(self, segments=tuple(segment for segment in left if segment.size))

    def relabelled(self, rows: Sequence[int], labels: Sequence[str]) -> Snapshot:
        """With other labels for the samples of those rows; rows that are not there are no error."""
        numbers, codes = np.array(rows, np.int64), self._encode(labels)
        return replace(self, segments=tuple(s.recoded(numbers, codes) for s in self.segments))

    def search(
        self, vectors: NDArray[np.float32], k: int, labels: Collection[str] | None = None
    ) -> list[list[Hit]]:
        """`Gallery.search`. vectors: (N, D) float32 of unit length; k: at least 1."""
        if not self.segments:
            return [[] for _ in vectors]
        allowed = None if labels is None else self._within(frozenset(labels))
        starts, total = self._layout()
        step = max(1, SIMILARITIES // total)
        hits = []
        for first in range(0, len(vectors), step):
            probes = np.ascontiguousarray(vectors[first : first + step])
            similarities = self._similarities(probes, starts, total, allowed)
            for probe, row in zip(probes, similarities, strict=True):
                positions = self._select(row, starts, k)
                hits.append(self._rank(probe, positions, starts, k))
        return hits

    def _encode(self, labels: Sequence[str]) -> NDArray[np.int32]:
        for label in labels:
            if label not in self.codes:
                self.names.append(label)
                self.codes[label] = len(self.names) - 1
        return np.array([self.codes[label] for label in labels], np.int32)

    def _within(self, labels: frozenset[str]) -> NDArray[np.bool_]:
        """Which label codes are one of `labels` or stand below one."""
        return np.array([not labels.isdisjoint((name, *ancestors(name))) for name in self.names], np.bool_)

    def _layout(self) -> tuple[list[int], int]:
        """Where each segment begins in a row of similarities, on block borders, and the length of a row."""
        starts, total = [], 0
        for segment in self.segments:
            starts.append(total)
            total += -(-segment.size // BLOCK) * BLOCK
        return starts, total

    def _similarities(
        self, probes: NDArray[np.float32], starts: list[int], total: int, allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.float32]:
        """(P, total) float32, about right; -inf for padding, removed samples and labels not allowed."""
        similarities = np.empty((len(probes), total), np.float32)
        for segment, start, end in zip(self.segments, starts, [*starts[1:], total], strict=True):
            size = segment.size
            # This way round: BLAS is slow where the small matrix comes first.
            similarities[:, start : start + size] = (segment.vectors[:size] @ probes.T).T
            similarities[:, start + size : end] = -np.inf
            if len(segment.dead):
                similarities[:, start + segment.dead] = -np.inf
            if allowed is not None:
                similarities[:, start + np.flatnonzero(~allowed[segment.codes[:size]])] = -np.inf
        return similarities

    def _select(self, row: NDArray[np.float32], starts: list[int], k: int) -> NDArray[np.intp]:
        """Positions that hold the best sample of each of the k best labels, and few others.

        The m-th best of the blocks' maxima is a bound that m samples reach. Where these have k labels, only
        blocks that come near the bound need to be opened.
        """
        slack = _slack(self.dimension)
        blocks = row.reshape(-1, BLOCK)
        best = blocks.max(axis=1)
        for m in (k, 8 * k):
            if m >= len(best) or k >= len(self.names):
                break
            bound = np.partition(best, len(best) - m)[len(best) - m]
            if bound == -np.inf:
                break
            opened = np.flatnonzero(best >= bound - slack)
            values = blocks[opened]
            block, offset = np.divmod(np.flatnonzero(values >= bound - slack), BLOCK)
            if len(block) > CANDIDATES:
                break
            positions = opened[block] * BLOCK + offset
            reached = positions[values[block, offset] >= bound]
            if len(set(self._codes_at(reached, starts).tolist())) >= k:
                return positions
        return self._select_by_label(row, starts, k)

    def _select_by_label(self, row: NDArray[np.float32], starts: list[int], k: int) -> NDArray[np.intp]:
        """What `_select` gives, by the best similarity of every label: for labels with very many samples."""
        slack = _slack(self.dimension)
        codes = np.zeros(len(row), np.int32)
        for segment, start in zip(self.segments, starts, strict=True):
            codes[start : start + segment.size] = segment.codes[: segment.size]
        best = np.full(len(self.names), -np.inf, np.float32)
        np.maximum.at(best, codes, row)
        least = np.partition(best, len(best) - k)[len(best) - k] if k < len(best) else -np.inf
        needed = np.where(best >= least - slack, best - slack, np.inf)
        return np.flatnonzero((row >= needed[codes]) & (row > -np.inf))

    def _rank(
        self, probe: NDArray[np.float32], positions: NDArray[np.intp], starts: list[int], k: int
    ) -> list[Hit]:
        """The best of each label among `positions`, by float64 similarity, then label, then id."""
        ranked: list[tuple[float, str, str]] = []
        for segment, local in self._locate(positions, starts):
            for first in range(0, len(local), RESCORED_ROWS):
                part = local[first : first + RESCORED_ROWS]
                distances = -_score(segment.vectors[part], probe)
                names = [self.names[code] for code in segment.codes[part].tolist()]
                ranked.extend(zip(distances.tolist(), names, segment.ids[part].tolist(), strict=True))
        ranked.sort()
        hits: dict[str, Hit] = {}
        for distance, label, sample_id in ranked:
            if label not in hits:
                hits[label] = Hit(sample_id, label, max(-1.0, min(1.0, -distance)))
                if len(hits) == k:
                    break
        return list(hits.values())

    def _codes_at(self, positions: NDArray[np.intp], starts: list[int]) -> NDArray[np.int32]:
        return np.concatenate([s.codes[local] for s, local in self._locate(positions, starts)])

    def _locate(
        self, positions: NDArray[np.intp], starts: list[int]
    ) -> Iterator[tuple[Segment, NDArray[np.intp]]]:
        """The segments that `positions` lie in, with their positions there."""
        if len(self.segments) == 1:
            yield self.segments[0], positions
            return
        owners = np.searchsorted(starts, positions, side="right") - 1
        for owner in np.unique(owners).tolist():
            yield self.segments[owner], positions[owners == owner] - starts[owner]


def nearest(
    vectors: NDArray[np.float32], probe: NDArray[np.float32], products: NDArray[np.float32]
) -> list[tuple[int, float]]:
    """Which of vectors (N, D) may be the nearest to a probe (D,), with the similarities that may be reported.

    products: (N,) of each with the probe, which only select, as in a search. N: at least 1.
    """
    near = np.flatnonzero(products >= products.max() - _slack(len(probe)))
    similarities = np.clip(_score(vectors[near], probe), -1.0, 1.0)
    return list(zip(near.tolist(), similarities.tolist(), strict=True))


def _slack(dimension: int) -> float:
    """Twice the error of two float32 products of unit vectors, and room."""
    return dimension * 2.0**-22


def _score(vectors: NDArray[np.float32], probe: NDArray[np.float32]) -> NDArray[np.float64]:
    """Similarities in float64, not yet clamped: (N,) of vectors (N, D) to a probe (D,)."""
    # Summed along each row, so that a row's similarity does not depend on its neighbours.
    return np.asarray((vectors.astype(np.float64) * probe.astype(np.float64)).sum(axis=1))
