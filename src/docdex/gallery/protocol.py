"""What every gallery engine promises, so that the rules above never ask which engine they talk to.

An engine stores and finds; it does not judge: label grammar, the same page twice, look-alikes and decisions
are rules above it. `tests/contract/test_gallery_contract.py` is this protocol as tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from docdex.contract import Contract
from docdex.gallery.records import Entry, Hit, LabelCount, Sample

G = TypeVar("G", bound="Gallery")


class Gallery(Protocol):
    """All samples, and the contract their vectors share.

    Every write is one transaction: when the call returns it is kept, when it raises nothing of it is. Calls
    are safe from several threads and processes at once. Every call may raise NotAGallery (the store is
    damaged), GalleryUnavailable (it refuses for now, or the gallery is closed), InvalidSetting (text that is
    not valid Unicode), and ContractMismatch once another process has rebuilt the gallery for another model.
    """

    @property
    def contract(self) -> Contract:
        """What the vectors share: fixed when the gallery is made, changed only by `rebuild`."""

    @property
    def exact(self) -> bool:
        """Whether `search` misses nothing: an approximate engine says False."""

    @property
    def read_your_writes(self) -> bool:
        """Whether what a call has written is found by the next one, also through another handle."""

    @property
    def version(self) -> int:
        """A number that grows with every change of samples, by whoever, and never otherwise.

        For what is measured on a gallery (a calibration) to say that the gallery has changed since. It grows
        by exactly one for each sample that `delete` or `relabel` has found, so that what survives these need
        not be measured again.
        """

    def upsert(self, samples: Sequence[Sample], *, version: int | None = None) -> bool:
        """Keep all samples, or none; one whose id exists replaces it; of one id given twice the last is kept.

        version: write only if the gallery is still at this version, so that what was decided on what it held
        then still holds; False, and nothing written, if it has changed.

        Raises ContractMismatch for a vector of another dimension, or that is no finite unit vector.
        """

    def delete(self, ids: Sequence[str], *, version: int | None = None) -> int | None:
        """Remove samples, all at once; the number that were there. An id that isn't is no error.

        version: as for `upsert`; None, and nothing removed, if the gallery has changed.
        """

    def relabel(self, labels: Mapping[str, str], *, version: int | None = None) -> int | None:
        """Give samples (by id) other labels, all at once; the number that were there.

        For renaming thousands of samples without reading and writing their vectors and thumbnails. version:
        as for `upsert`; None, and nothing relabelled, if the gallery has changed.
        """

    def rebuild(self, contract: Contract, samples: Iterable[Sample]) -> None:
        """Replace contract and all samples at once, for re-embedding with another model.

        `samples` is consumed while it is written, and may read from this same gallery (`scan`), which keeps
        showing the old samples until all are written. Settings are kept. Raises like `upsert`.
        """

    def get(self, ids: Sequence[str]) -> list[Sample]:
        """The samples of those ids that exist, in the order asked, each once."""

    def find_digest(self, digest: str) -> list[Entry]:
        """All entries of the page with that digest, by label, time and id: for the rule of the same page."""

    def labels(self) -> list[LabelCount]:
        """The labels that samples are registered under, in order, without reading the samples."""

    def entries(self, *, within: str | None = None) -> Iterator[Entry]:
        """All entries, or those at and below the label `within`, by label, time and id, as of the first one.

        In memory that does not grow with the gallery, as `scan`.
        """

    def scan(self, *, within: str | None = None) -> Iterator[Sample]:
        """What `entries` gives, with vectors and thumbnails: for export and for rebuilding."""

    def count(self) -> int:
        """The number of samples."""

    def search(
        self, vectors: NDArray[np.float32], k: int, labels: Sequence[str] | None = None
    ) -> list[list[Hit]]:
        """For each probe the best sample of each of its k best labels, best first.

        vectors: (N, D) float32, finite and of unit length. A label appears once, by its best sample, so that
        one with many samples cannot crowd out its rivals; fewer than k labels give fewer hits. `labels`
        restricts to those and all below them. Equal similarities are ordered by label, then id. An exact
        engine gives the same hits whatever the order of registration, the other probes, the number of threads
        and processes. Raises InvalidSetting for k below 1, ContractMismatch like `upsert`.
        """

    def read_setting(self, key: str) -> bytes | None:
        """What was written under `key`, or None: for what belongs to this gallery, as its calibration."""

    def write_setting(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`. The version stays: the samples have not changed."""

    def verify(self) -> None:
        """Read everything and raise NotAGallery if any of it does not fit: for `docdex doctor`."""

    def close(self) -> None:
        """Let go of the store. Closing twice is no error; any other call afterwards is GalleryUnavailable."""

    def __enter__(self: G) -> G: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
