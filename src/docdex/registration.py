"""The rules of registration, in one place above the engines, so that every way into a gallery obeys them."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from docdex.changing import change
from docdex.embedder import Embedded, Embedder, embed_batches
from docdex.errors import ConflictingSample, EmptySource, InvalidLabel, RegistrationRefused
from docdex.gallery import Entry, Gallery, Sample, nearest
from docdex.images import Refusal, find_files
from docdex.labels import contradicts, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from docdex.reading import AnyPage, Reader

T = TypeVar("T")

_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A sample nearest to a label that contradicts its own, above the threshold: probes may be mistaken."""

    sample: Entry
    label: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Registration:
    """What came of registering.

    added: new samples. known: pages that were registered under the same label before; nothing changed for
    them. look_alikes: added samples that look like another label. refusals: pages that were not registered,
    with the error.
    """

    added: tuple[Entry, ...] = ()
    known: tuple[Entry, ...] = ()
    look_alikes: tuple[LookAlike, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    def __add__(self, other: Registration) -> Registration:
        """Both together, in order."""
        return Registration(
            self.added + other.added,
            self.known + other.known,
            self.look_alikes + other.look_alikes,
            self.refusals + other.refusals,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What registering would do: the samples to write, and what will be said about it."""

    samples: tuple[Sample, ...]
    outcome: Registration


def label_tree(folder: str | os.PathLike[str]) -> list[tuple[str, Path]]:
    """Each file below a folder with its sub-folder's path as label, empty for files in the folder itself.

    Links to files are files. Raises `SourceNotFound`, and `EmptySource` for a folder without files.
    """
    root = Path(folder)
    files = find_files(root)
    if not files:
        raise EmptySource(f"The folder {root} has no files: nothing to register.")
    return [("/".join(path.relative_to(root).parts[:-1]), path) for path in files]


def draft_samples(
    items: Iterable[tuple[str, T]], read: Callable[[T], Iterator[AnyPage | Refusal]], embedder: Embedder
) -> Iterator[Sample | Refusal]:
    """Samples without an id of all pages that are to be registered, in order.

    items: a label and sources each. read: the pages of sources. A label outside the grammar refuses its
    sources.
    """
    labels: deque[str] = deque()

    def pages() -> Iterator[AnyPage | Refusal]:
        for text, sources in items:
            found: Iterator[AnyPage | Refusal]
            try:
                label = parse(text)
                found = read(sources)
            except InvalidLabel as error:
                label, found = text, iter([Refusal(_name(sources), None, error)])
            for page in found:
                labels.append(label)
                yield page

    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for item in chain.from_iterable(embed_batches(embedder, pages())):
        label = labels.popleft()
        yield item if isinstance(item, Refusal) else _draft(label, item, embedder.reader, now)


def plan(drafts: Sequence[Sample], gallery: Gallery, *, threshold: float, allow_conflict: bool) -> Plan:
    """Apply the rules to samples that are to be registered, in order, as if one came after the other.

    drafts: samples with a parsed label and any id; new ids are given here.

    - The same page under the same label is known already: nothing changes.
    - The same page under another label is refused (`ConflictingSample`) unless `allow_conflict`: one of the
      two is a mistake as a rule, and probes of it would be ambiguous for ever.
    - A sample whose nearest label contradicts its own, at or above `threshold`, is accepted with a warning.
    """
    kept: list[Sample] = []
    known: list[Entry] = []
    refusals: list[Refusal] = []
    drafted: dict[str, list[Entry]] = defaultdict(list)
    for draft in drafts:
        same_page = [*gallery.find_digest(draft.digest), *drafted[draft.digest]]
        same_label = [entry for entry in same_page if entry.label == draft.label]
        if same_label:
            known.append(same_label[0])
        elif same_page and not allow_conflict:
            refusals.append(_refuse(draft, same_page[0]))
        else:
            sample = msgspec.structs.replace(draft, id=_new_id(draft, gallery))
            kept.append(sample)
            drafted[draft.digest].append(_entry(sample))
    return Plan(
        tuple(kept),
        Registration(
            added=tuple(_entry(sample) for sample in kept),
            known=tuple(known),
            look_alikes=tuple(_find_look_alikes(kept, gallery, threshold)),
            refusals=tuple(refusals),
        ),
    )


def write_by_rules(
    drafts: Sequence[Sample], gallery: Gallery, *, threshold: float, atomic: bool, allow_conflict: bool
) -> Registration:
    """Write what `plan` keeps of the drafts, in one transaction; what came of it.

    Raises `RegistrationRefused` when `atomic` and any is refused, or what `change` raises; nothing is written
    then.
    """

    def attempt(version: int) -> Registration | None:
        planned = plan(drafts, gallery, threshold=threshold, allow_conflict=allow_conflict)
        if atomic and planned.outcome.refusals:
            raise refuse_all(planned.outcome.refusals)
        # Another process may have written meanwhile: then the rules are applied again, to what is there now.
        return planned.outcome if gallery.upsert(planned.samples, version=version) else None

    return change(gallery, attempt)


def refuse_all(refusals: Sequence[Refusal]) -> RegistrationRefused:
    """The error for a batch of which nothing is registered because of these."""
    first = refusals[0]
    more = f" and {len(refusals) - 1} more" if len(refusals) > 1 else ""
    return RegistrationRefused(
        f"Nothing was registered, because {first.source}{more} is refused: {first.error.message}",
        tuple(refusals),
    )


def _draft(label: str, item: Embedded, reader: Reader, time: str) -> Sample:
    return Sample(
        id="",
        label=label,
        digest=item.page.digest,
        # A file's name may hold bytes that are no text; a gallery holds text.
        source=item.page.source.encode("utf-8", "backslashreplace").decode(),
        page=item.page.number,
        time=time,
        vector=item.vectors[0],
        thumbnail=reader.keep(item.page.content),
    )


def _name(sources: object) -> str:
    return os.fsdecode(sources) if isinstance(sources, (str, os.PathLike)) else "<sources>"


def _refuse(draft: Sample, other: Entry) -> Refusal:
    error = ConflictingSample(
        f"{draft.source} page {draft.page} is registered as '{other.label}' already (sample {other.id}). It "
        f"cannot also be '{draft.label}' unless you allow the conflict, or remove or rename that one."
    )
    return Refusal(draft.source, draft.page, error)


def _new_id(draft: Sample, gallery: Gallery) -> str:
    """An id that follows from label and page, so that two processes registering one page write one sample.

    A sample that was renamed keeps its id, so the first choice may be taken by a page that now has another
    label.
    """
    names = (f"{attempt}\n{draft.label}\n{draft.digest}" for attempt in count())
    candidates = (hashlib.sha256(name.encode()).hexdigest()[:16] for name in names)
    return next(candidate for candidate in candidates if not gallery.get([candidate]))


def _find_look_alikes(samples: Sequence[Sample], gallery: Gallery, threshold: float) -> list[LookAlike]:
    if not samples:
        return []
    vectors = np.stack([sample.vector for sample in samples])
    found: list[LookAlike] = []
    for start in range(0, len(samples), _ROWS_AT_ONCE):
        rows = vectors[start : start + _ROWS_AT_ONCE]
        hits = gallery.search(rows, 1)
        products = rows @ vectors[: start + len(rows)].T
        for number, (registered, product) in enumerate(zip(hits, products, strict=True), start):
            sample = samples[number]
            rivals = [(-hit.similarity, hit.label) for hit in registered]
            if number:
                earlier = nearest(vectors[:number], vectors[number], product[:number])
                rivals += [(-similarity, samples[index].label) for index, similarity in earlier]
            if rivals:
                distance, label = min(rivals)  # of equal ones the first label, as a gallery answers
                if -distance >= threshold and contradicts(label, sample.label):
                    found.append(LookAlike(_entry(sample), label, -distance))
    return found


def _entry(sample: Sample) -> Entry:
    return Entry(
        id=sample.id,
        label=sample.label,
        digest=sample.digest,
        source=sample.source,
        page=sample.page,
        time=sample.time,
    )
