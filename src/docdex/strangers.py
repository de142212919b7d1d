"""Find out how near strangers come to a gallery, and keep with it the threshold that keeps them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from docdex.calibration import Calibration, find_threshold, pages_needed
from docdex.changing import change
from docdex.decision import rank_labels
from docdex.embedder import Embedded, Embedder, embed_batches
from docdex.errors import CalibrationError, TooFewPages
from docdex.images import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from docdex.gallery import Gallery
    from docdex.reading import AnyPage

_SETTING = "calibration"


class PageName(NamedTuple):
    """A page by its source and its number, from 1."""

    source: str
    page: int


@dataclass(frozen=True, slots=True)
class Stranger:
    """A page of a type that is said not to be registered, with the label it came nearest to."""

    name: PageName
    label: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """Strangers compared with a gallery, in the order given.

    registered: pages left out because they are samples themselves. repeated: pages left out because they were
    given before. refusals: pages that could not be read.
    """

    strangers: tuple[Stranger, ...]
    registered: tuple[PageName, ...]
    repeated: tuple[PageName, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A calibration and what its user should look at.

    before: the threshold that was in use until then. suspects: strangers that would have got a label by it,
    most similar first: is their type registered after all?
    """

    calibration: Calibration
    before: float
    suspects: tuple[Stranger, ...]
    measurement: Measurement


def calibrate(
    gallery: Gallery,
    embedder: Embedder,
    pages: Iterable[AnyPage | Refusal],
    *,
    target_fpr: float,
    rotations: tuple[int, ...],
    threshold: float,
) -> CalibrationReport:
    """Measure the threshold for a gallery as it is on pages of other types, and keep it with the gallery.

    threshold: the one in use so far, by which suspects are told. Raises what `find_threshold` raises, and
    `CalibrationError` for a gallery without samples; the gallery then keeps what it had.
    """
    pages_needed(target_fpr)  # a target that is no rate must not wait for thousands of pages
    version, samples = gallery.version, gallery.count()
    if samples == 0:
        raise CalibrationError("Nothing is registered, so there is nothing strangers could be mistaken for.")
    measurement = measure(gallery, embedder, pages, rotations=rotations)
    try:
        point = find_threshold([stranger.similarity for stranger in measurement.strangers], target_fpr)
    except TooFewPages as error:
        left_out = len(measurement.registered), len(measurement.repeated), len(measurement.refusals)
        raise TooFewPages(
            f"{error.message} Left out: {left_out[0]} samples of the gallery, {left_out[1]} repeated pages "
            f"and {left_out[2]} that cannot be read."
        ) from error
    calibration = Calibration(
        point=point,
        contract=gallery.contract,
        samples=samples,
        labels=len(gallery.labels()),
        version=version,
        rotations=rotations,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    gallery.write_setting(_SETTING, calibration.encode())
    suspects = [stranger for stranger in measurement.strangers if stranger.similarity >= threshold]
    suspects.sort(key=lambda stranger: (-stranger.similarity, stranger.name))
    return CalibrationReport(calibration, threshold, tuple(suspects), measurement)


def read_calibration(gallery: Gallery) -> Calibration | None:
    """What was measured last for a gallery. Raises `CalibrationError` if it cannot be read."""
    stored = gallery.read_setting(_SETTING)
    return None if stored is None else Calibration.decode(stored)


def change_keeping_calibration(gallery: Gallery, attempt: Callable[[int], int | None]) -> int:
    """Remove or relabel samples, which lets no further stranger in: a calibration that held goes on holding.

    attempt: as `change` takes it; gives how many samples it has removed or relabelled. Raises
    `CalibrationError`, and changes nothing, if the calibration cannot be read, and what `change` raises.
    """

    def attempt_and_renew(version: int) -> int | None:
        calibration = read_calibration(gallery)
        changed = attempt(version)
        if changed is None or calibration is None or calibration.version != version:
            return changed
        # Read again: another process may have calibrated meanwhile, and what it kept must stay.
        if read_calibration(gallery) == calibration:
            # Not the gallery's version as it is now: another process may have registered since the change.
            renewed = msgspec.structs.replace(calibration, version=version + changed)
            gallery.write_setting(_SETTING, renewed.encode())
        return changed

    return change(gallery, attempt_and_renew)


def measure(
    gallery: Gallery, embedder: Embedder, pages: Iterable[AnyPage | Refusal], *, rotations: tuple[int, ...]
) -> Measurement:
    """Compare each page with the gallery in all `rotations`, once each, samples of the gallery left out.

    A gallery without samples gives no strangers, as nothing is near.
    """
    registered: list[PageName] = []
    repeated: list[PageName] = []
    seen: set[str] = set()

    def wanted() -> Iterator[AnyPage | Refusal]:
        for page in pages:
            if not isinstance(page, Refusal):
                name = PageName(page.source, page.number)
                if gallery.find_digest(page.digest):
                    registered.append(name)
                    continue
                if page.digest in seen:
                    repeated.append(name)
                    continue
                seen.add(page.digest)
            yield page

    strangers: list[Stranger] = []
    refusals: list[Refusal] = []
    for batch in embed_batches(embedder, wanted(), rotations=rotations):
        for item in batch:
            if isinstance(item, Embedded):
                hits = gallery.search(item.vectors, 1)
                candidates = rank_labels(dict(zip(rotations, hits, strict=True)))
                strangers += [
                    Stranger(PageName(item.page.source, item.page.number), nearest.label, nearest.similarity)
                    for nearest in candidates[:1]
                ]
            else:
                refusals.append(item)
    return Measurement(tuple(strangers), tuple(registered), tuple(repeated), tuple(refusals))
