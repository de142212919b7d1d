"""The one class most users ever touch: a gallery and a model, and what is asked of the two together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from docdex import health, transfer
from docdex.calibration import Calibration
from docdex.contract import By, require_same
from docdex.decision import Match
from docdex.embedder import Embedder, rotations_of
from docdex.errors import CalibrationError, GalleryError, GalleryNotFound, InvalidSetting, RegistrationRefused
from docdex.gallery import Entry, Gallery, LabelCount, Sample, SqliteGallery
from docdex.images import Limits, Refusal
from docdex.inquiry import Inquiry
from docdex.opening import open_embedder
from docdex.reembedding import Reembedding, reembed
from docdex.registration import Registration, draft_samples, label_tree, refuse_all, write_by_rules
from docdex.relabelling import find_samples, move_label, remove_label
from docdex.strangers import CalibrationReport, calibrate, change_keeping_calibration, read_calibration

if TYPE_CHECKING:
    from types import TracebackType

    from docdex.reading import AnyPage, Source, Sources

_DRAFTS_AT_ONCE = 64
"""Samples of one transaction where a batch need not be all or nothing."""


class Recognizer:
    """Registers and recognises pages. Safe to use from several threads, and a context manager.

    The model is loaded when the first page is embedded, and the gallery file is made by the first
    registration: until then, whatever needs the gallery raises `GalleryNotFound`. A gallery made with another
    model raises `ContractMismatch` where pages are compared; `reembed` is the way out.
    """

    def __init__(
        self,
        open_gallery: Callable[[bool], Gallery],
        open_embedder: Callable[[], Embedder],
        *,
        limits: Limits | None = None,
    ) -> None:
        """For engines and embedders of one's own; otherwise see `open`.

        open_gallery: called once, with whether the gallery may be made. open_embedder: called once.
        """
        self._open_gallery = open_gallery
        self._open_embedder = open_embedder
        self._limits = limits or Limits()
        self._opening = RLock()
        # Held from looking at what is registered until the change is written, so that no rule is outrun.
        self._changing = RLock()
        self._counted: tuple[int, int] | None = None
        self._opened_gallery: Gallery | None = None
        self._opened_embedder: Embedder | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        by: By | None = None,
        model: str | os.PathLike[str] | None = None,
        device: str = "cpu",
        threads: int = 1,
        limits: Limits | None = None,
    ) -> Recognizer:
        """A recogniser on the gallery file `path`.

        by: compare pages by how they look (`picture`) or by what they say (`text`); not given, as the model
        does, or else the gallery, or else by picture. model: name of a packaged model, or path of a model
        file with its passport; not given, the default of the kind. device: `cpu` or `cuda`. threads: of one
        run of the model. limits: what pages are refused for their size.
        """

        def open_gallery(create: bool) -> Gallery:
            contract = recognizer.embedder.contract if create else None
            return SqliteGallery.open(path, contract, create=create)

        def open_model() -> Embedder:
            # A model that is named says itself what it is.
            kind = by or (recognizer._kept_kind() if model is None else None)
            return open_embedder(model, by=kind, device=device, threads=threads)

        recognizer = cls(open_gallery, open_model, limits=limits)
        return recognizer

    def close(self) -> None:
        """Let go of the gallery."""
        with self._opening:
            if self._opened_gallery is not None:
                self._opened_gallery.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def gallery(self) -> Gallery:
        """The gallery itself. Raises `GalleryNotFound` before the first registration."""
        return self._get_gallery(create=False)

    @property
    def embedder(self) -> Embedder:
        """The loaded model. Raises what loading it raises."""
        with self._opening:
            if self._opened_embedder is None:
                self._opened_embedder = self._open_embedder()
            return self._opened_embedder

    # Registering

    def register(
        self,
        label: str,
        sources: Sources,
        *,
        pages: str | None = None,
        allow_conflict: bool = False,
    ) -> Registration:
        """Register every page of files, folders, PDFs, bytes or arrays under a label, all or nothing.

        pages: ranges such as `1-3,7`, of each source. allow_conflict: register a page even if another label
        has it.

        Raises `RegistrationRefused` when pages are refused; when it is only one, that page's own error.
        """
        try:
            return self.register_many([(label, sources)], pages=pages, allow_conflict=allow_conflict)
        except RegistrationRefused as refused:
            if len(refused.refusals) == 1:
                raise refused.refusals[0].error from None
            raise

    def register_many(
        self,
        items: Iterable[tuple[str, Sources]],
        *,
        pages: str | None = None,
        atomic: bool = True,
        allow_conflict: bool = False,
    ) -> Registration:
        """Register pages under several labels: (label, sources) each, as in `register`.

        atomic: all or nothing, in one transaction; raises `RegistrationRefused` with every refused page.
        Otherwise what can be registered is, a batch at a time, and refusals are in what is returned.
        """
        found = draft_samples(items, lambda sources: self._read(sources, pages), self.embedder)
        return self._register(found, atomic=atomic, allow_conflict=allow_conflict)

    def register_tree(
        self, folder: str | os.PathLike[str], *, atomic: bool = True, allow_conflict: bool = False
    ) -> Registration:
        """Register every file below a folder, with its sub-folder's path as label; as `register_many`."""
        return self.register_many(label_tree(folder), atomic=atomic, allow_conflict=allow_conflict)

    # Recognising

    def recognize(
        self,
        source: Source,
        *,
        pages: str | None = None,
        top: int = 5,
        rotations: bool = True,
        threshold: float | None = None,
        margin: float | None = None,
    ) -> Match:
        """The answer to one page.

        pages: which page of a file that has several. top: candidates to give, at least 1. rotations: try the
        page turned by quarters too. threshold, margin: instead of the gallery's calibration or the model's
        defaults.

        Raises what reading the page raises, `InvalidSetting` for a source of several pages,
        `GalleryNotFound`, `ContractMismatch`.
        """
        inquiry = self._inquire(top, rotations, threshold, margin)
        found = self.embedder.reader.read_pages(source, limits=self._limits, pages=pages)
        page = next(found)
        if next(found, None) is not None:
            raise InvalidSetting(
                f"{page.source} has several pages: say which, as in pages='1', or ask recognize_many."
            )
        return inquiry.answer(page)

    def recognize_many(
        self,
        sources: Sources,
        *,
        pages: str | None = None,
        top: int = 5,
        rotations: bool = True,
        threshold: float | None = None,
        margin: float | None = None,
    ) -> Iterator[Match | Refusal]:
        """The answer to every page of files, folders, PDFs, bytes or arrays, in order, as they are read.

        A page that cannot be read is a `Refusal` in its place, and the rest goes on. Settings as in
        `recognize`.
        """
        inquiry = self._inquire(top, rotations, threshold, margin)
        return inquiry.answer_all(self._read(sources, pages))

    @property
    def threshold(self) -> float:
        """The similarity below which nothing is claimed: as calibrated, or else the model's for this size.

        Where there is no calibration, trying rotations or not may make a small difference; this is with.
        """
        return self._threshold(rotations_of(self.embedder.contract))

    # Calibrating

    def calibrate(
        self,
        strangers: Sources,
        target_fpr: float,
        *,
        pages: str | None = None,
        rotations: bool = True,
    ) -> CalibrationReport:
        """Measure and keep the threshold at which at most `target_fpr` of strangers get a label.

        strangers: pages of types that are not registered. Samples of the gallery among them and repeated
        pages are left out. rotations: as recognising will have it; trying them lets more strangers in.

        Raises `TooFewPages` with the number needed, and `CalibrationError` where no threshold can be
        measured; the gallery then keeps what it had.
        """
        turns = rotations_of(self.embedder.contract, wanted=rotations)
        try:
            before = self._threshold(turns)
        except CalibrationError:  # that what was kept cannot be read is why one calibrates again
            before = self.embedder.threshold_for(self._count_labels(), turns)
        return calibrate(
            self._comparable(),
            self.embedder,
            self._read(strangers, pages),
            target_fpr=target_fpr,
            rotations=turns,
            threshold=before,
        )

    @property
    def calibration(self) -> Calibration | None:
        """What `calibrate` measured last for this gallery. Raises `CalibrationError` if it cannot be read."""
        return read_calibration(self.gallery)

    def calibration_doubts(self, *, rotations: bool = True) -> tuple[str, ...]:
        """Why the calibration may no longer hold, one sentence each; none without a calibration."""
        calibration = self.calibration
        if calibration is None:
            return ()
        return calibration.doubts(
            contract=self.gallery.contract,
            samples=self.gallery.count(),
            version=self.gallery.version,
            rotations=rotations_of(self.gallery.contract, wanted=rotations),
        )

    # Looking after the gallery

    def labels(self) -> list[LabelCount]:
        """The labels that have samples, in order, with how many."""
        return self.gallery.labels()

    def samples(self, label: str | None = None) -> list[Entry]:
        """The samples at and below a label, or all. Raises `UnknownLabel` when there are none."""
        return find_samples(self.gallery, label)

    def rename(self, old: str, new: str, *, merge: bool = False) -> int:
        """Move a label with all below it; the number of samples moved.

        merge: allow it although `new`, or a label below it, has samples already; otherwise `LabelTaken` is
        raised.
        """
        return self._change(lambda gallery, at: move_label(gallery, old, new, merge=merge, version=at))

    def remove(self, label: str) -> int:
        """Remove all samples at and below a label; how many. Raises `UnknownLabel` when there are none."""
        return self._change(lambda gallery, at: remove_label(gallery, label, version=at))

    def remove_samples(self, ids: Sequence[str]) -> int:
        """Remove samples by id; the number that were there."""
        return self._change(lambda gallery, at: gallery.delete(ids, version=at))

    def check(self, *, threshold: float | None = None) -> health.Health:
        """What in the gallery will confuse answers: look-alike labels, duplicates, labels of one sample.

        threshold: for look-alikes, instead of the one in use; without it a gallery of another model raises
        `ContractMismatch`, as this model's threshold says nothing about it.
        """
        gallery = self._comparable() if threshold is None else self.gallery
        return health.check(gallery, threshold=self.threshold if threshold is None else threshold)

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write all samples with vectors and thumbnails to one file (`docdex.transfer`); how many."""
        return transfer.write_export(self.gallery, Path(path))

    def import_(
        self, path: str | os.PathLike[str], *, atomic: bool = True, allow_conflict: bool = False
    ) -> Registration:
        """Register what another gallery exported, by the rules of `register_many`.

        Raises `ContractMismatch` when its vectors are of another model, `NotAGallery` when it is no export.
        """
        contract, samples = transfer.read_export(Path(path))
        require_same(contract, self.embedder.contract, os.fspath(path))
        return self._register(samples, atomic=atomic, allow_conflict=allow_conflict)

    def reembed(self, *, advance: Callable[[], None] | None = None) -> Reembedding:
        """Make all vectors again with this recogniser's model, from source files or else from thumbnails.

        All at once: until it is done the old vectors answer. A calibration does not outlive its model:
        calibrate again. advance: called after each sample, for showing progress.
        """
        with self._changing:
            return reembed(self.gallery, self.embedder, self._limits, advance)

    # Inside

    def _read(self, sources: Sources, pages: str | None) -> Iterator[AnyPage | Refusal]:
        return self.embedder.reader.iter_pages(sources, limits=self._limits, pages=pages)

    def _kept_kind(self) -> By | None:
        """By what the gallery compares pages; `None` if there is none that says it."""
        try:
            return self.gallery.contract.by
        except GalleryError:
            return None

    def _get_gallery(self, *, create: bool) -> Gallery:
        with self._opening:
            if self._opened_gallery is None:
                self._opened_gallery = self._open_gallery(create)
            return self._opened_gallery

    def _comparable(self, *, create: bool = False) -> Gallery:
        """The gallery, whose vectors are sure to be of this model."""
        gallery = self._get_gallery(create=create)
        require_same(gallery.contract, self.embedder.contract, "The gallery")
        return gallery

    def _register(
        self, found: Iterator[Sample | Refusal], *, atomic: bool, allow_conflict: bool
    ) -> Registration:
        with suppress(GalleryNotFound):  # a gallery of another model is told before pages are embedded
            self._comparable()
        outcome = Registration()
        while batch := list(found if atomic else islice(found, _DRAFTS_AT_ONCE)):
            refusals = [item for item in batch if isinstance(item, Refusal)]
            if atomic and refusals:
                raise refuse_all(refusals)
            outcome += Registration(refusals=tuple(refusals))
            samples = [item for item in batch if isinstance(item, Sample)]
            if samples:
                with self._changing:
                    gallery = self._comparable(create=True)
                    outcome += write_by_rules(
                        samples,
                        gallery,
                        threshold=self.threshold,
                        atomic=atomic,
                        allow_conflict=allow_conflict,
                    )
        return outcome

    def _change(self, attempt: Callable[[Gallery, int], int | None]) -> int:
        with self._changing:
            return change_keeping_calibration(self.gallery, partial(attempt, self.gallery))

    def _threshold(self, rotations: tuple[int, ...]) -> float:
        try:
            calibration, labels = self.calibration, self._count_labels()
        except GalleryNotFound:
            calibration, labels = None, 0
        if calibration is not None and calibration.contract == self.embedder.contract:
            return calibration.threshold
        return self.embedder.threshold_for(labels, rotations)

    def _count_labels(self) -> int:
        """Number of labels with samples; counted again only when the gallery has changed."""
        version = self.gallery.version
        if self._counted is None or self._counted[0] != version:
            self._counted = (version, len(self.gallery.labels()))
        return self._counted[1]

    def _inquire(self, top: int, rotations: bool, threshold: float | None, margin: float | None) -> Inquiry:
        turns = rotations_of(self.embedder.contract, wanted=rotations)
        return Inquiry(
            gallery=self._comparable(),
            embedder=self.embedder,
            rotations=turns,
            top=top,
            threshold=self._threshold(turns) if threshold is None else threshold,
            margin=self.embedder.margin if margin is None else margin,
        )
