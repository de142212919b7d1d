"""Say what the classes are: images, turned images, parts of images, labels of folders, what code draws."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from docdex.capture import make_twin
from docdex.errors import TrainingError
from docdex.images import Page, iter_pages
from docdex.training.data import Broken, Scan, shrink
from docdex.training.files import FileList
from docdex.training.pages import Pages
from docdex.training.templates import FORMS, draw, draw_of_editions, draw_of_office, draw_of_shop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from docdex.training.config import DataConfig, SourceConfig

    Pixels = NDArray[np.uint8]

_SUFFIXES = {".jpg", ".jpeg", ".png"}
_CLASSES_A_PAGE = {"one": 1, "turned": 2, "twinned": 3, "24": 24}
_TWINS = 1 << 20
"""Sets the random numbers of twins apart from all others."""


def expand(path: str) -> Path:
    """Path with its variables filled in: `$DOCDEX_DATA` is `../shared/data` unless set.

    Raises TrainingError for another variable that is not set.
    """
    data = os.environ.get("DOCDEX_DATA", "../shared/data")
    filled = os.path.expandvars(path.replace("$DOCDEX_DATA", data))
    if "$" in filled:
        raise TrainingError(f"{path}: set the environment variable it names.")
    return Path(filled)


class Drawer(Protocol):
    """Draws a filled-in copy of a class, (H, W, 3) uint8 RGB."""

    def __call__(
        self, number: int, vary: np.random.Generator, pictures: Sequence[Pixels], /, *, typeset: bool
    ) -> Pixels:
        """number: among the classes of its kind. vary: whose data."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The pages of each of C labels in two arrays. starts: (C + 1,) int64, into pages: (P,) int64."""

    starts: NDArray[np.int64]
    pages: NDArray[np.int64]

    @classmethod
    def of(cls, scan: Scan) -> Labels:
        """Each label of a scan. Raises TrainingError for one without a page, or a page without a label."""
        counts = np.bincount(scan.label, minlength=len(scan.labels))
        root = scan.files.root
        for name, count in zip(scan.labels, counts, strict=True):
            if not name:
                raise TrainingError(
                    f"{root}: some images have no class: one is the folder that an image lies in, or, in a "
                    f"tar file, what KEY.cls says beside KEY.jpg."
                )
            if not count:
                raise TrainingError(f"{root}: none of the images of class {name} can be decoded.")
        if scan.files.empty:
            names = ", ".join(scan.files.empty[:5])
            raise TrainingError(f"{root}: classes without an image: {names}. Fill or remove their folders.")
        pages = np.argsort(scan.label, kind="stable")
        return cls(np.concatenate([[0], np.cumsum(counts)]), pages)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The classes of one source, by arithmetic: no memory a class but for labels.

    count: how many. first_page: where its pages begin among all. rule: `SourceConfig.classes`.
    """

    count: int
    first_page: int
    rule: str
    labels: Labels | None

    def choose(self, number: int, rng: np.random.Generator) -> tuple[int, int]:
        """Page of a class of the block, and its variant: class N * i + k is variant k of page i."""
        if self.labels is not None:
            start, end = self.labels.starts[number : number + 2].tolist()
            return self.first_page + int(self.labels.pages[rng.integers(start, end)]), 0
        page, variant = divmod(number, _CLASSES_A_PAGE[self.rule])
        return self.first_page + page, variant


class ClassTable:
    """All C classes of a run: those of each source, then what code draws, kind by kind.

    blocks: the sources' classes. pages: their images; pictures: for what is drawn, (H, W, 3) uint8 RGB in
    memory. drawn: of each kind that code draws how many classes, and what draws them. typeset: these in real
    typefaces. shares: of all draws, one a block and the last what code draws.
    broken: what was left out. digests: (P, 32) uint8, one a page.
    """

    def __init__(
        self,
        *,
        blocks: Sequence[Block],
        pages: Pages,
        pictures: list[Pixels],
        drawn: Sequence[tuple[int, Drawer]],
        typeset: bool,
        shares: Sequence[float],
        broken: tuple[Broken, ...],
        digests: NDArray[np.uint8],
    ) -> None:
        self.blocks, self.pages, self.pictures = tuple(blocks), pages, pictures
        self.drawn, self.typeset = sum(count for count, _ in drawn), typeset
        self._drawers = tuple(draw_one for _, draw_one in drawn)
        self._drawn_firsts = np.cumsum([0, *(count for count, _ in drawn)])
        self.broken, self.digests = broken, digests
        self.shares = np.array(shares, dtype=np.float64)
        self._counts = np.array([*(block.count for block in blocks), self.drawn], dtype=np.int64)
        self._firsts = np.concatenate([[0], np.cumsum(self._counts)])
        self._ends = np.cumsum(self.shares)

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def identity(self) -> str:
        """Hex SHA-256 of the pages in their order, and of what labels they have, wherever the files lie."""
        made_of = hashlib.sha256(self.digests.tobytes())
        for block in self.blocks:
            if block.labels is not None:
                made_of.update(block.labels.starts.tobytes() + block.labels.pages.tobytes())
        return made_of.hexdigest()

    @classmethod
    def build(
        cls,
        config: DataConfig,
        say: Callable[[str], None] = print,
        run: Path | None = None,
        *,
        writes: bool = True,
    ) -> ClassTable:
        """Scan every source.

        run: folder for the list of broken files, `broken.tsv`, and for kept scans unless the config names
        another; None keeps neither. writes: whether this process writes that list, for all of them.

        Raises TrainingError for a source without images, a class without any,
        templates' pictures that are not there, or fewer than two classes.
        """
        kept_in = expand(config.cache) if config.cache else run / "scans" if run else None
        pages = Pages(config.page_side, round(config.memory_gigabytes * 1e9))
        blocks: list[Block] = []
        scans: list[Scan] = []
        for source in config.sources:
            files = _files(source).shared(config.share)
            first = len(pages)
            scan = pages.add(files, kept_in, say)
            if not len(scan):
                raise TrainingError(f"{_name(source)}: none of its {len(files.names)} files can be decoded.")
            labels = Labels.of(scan) if source.classes == "labelled" else None
            count = len(scan.labels) if labels else len(scan) * _CLASSES_A_PAGE[source.classes]
            blocks.append(Block(count, first, source.classes, labels))
            scans.append(scan)
            told = f", {len(scan.broken)} that cannot be decoded" if scan.broken else ""
            say(f"{_name(source)}: {len(scan)} images, {count} classes{told}")
        digests = np.concatenate([scan.digests for scan in scans])
        broken = tuple(item for scan in scans for item in scan.broken)
        _tell(pages, broken, digests, say, run if writes else None)
        weights = [source.weight * block.count for source, block in zip(config.sources, blocks, strict=True)]
        drawn = _drawn(config)
        share = config.template_share if any(count for count, _ in drawn) else 0.0
        table = cls(
            blocks=blocks,
            pages=pages,
            pictures=_read_pictures(expand(config.pictures)) if config.pictures else [],
            drawn=drawn,
            typeset=config.typeset,
            shares=[*((1 - share) * weight / sum(weights) for weight in weights), share],
            broken=broken,
            digests=digests,
        )
        if len(table) < 2:
            raise TrainingError("The data make one class: there is nothing to tell it from.")
        return table

    def draw(self, ranks: NDArray[np.float64]) -> NDArray[np.int64]:
        """Classes (N,) int64 of ranks (N,) in [0, 1), by which even ranks give each its share."""
        # The sum of the shares ends a rounding error away from 1.
        ranks = np.minimum(ranks, np.nextafter(self._ends[-1], 0))
        which = np.searchsorted(self._ends, ranks, side="right")
        within = (ranks - (self._ends - self.shares)[which]) / self.shares[which]
        counts = self._counts[which]
        inside = np.clip((within * counts).astype(np.int64), 0, counts - 1)
        return np.asarray(self._firsts[which] + inside, dtype=np.int64)

    def probabilities(self, classes: NDArray[np.int64]) -> NDArray[np.float64]:
        """How often classes (N,) are drawn, (N,) float64: over all classes they sum to 1."""
        which = np.searchsorted(self._firsts, classes, side="right") - 1
        return np.asarray(self.shares[which] / self._counts[which])

    def page(self, number: int, rng: np.random.Generator) -> Pixels:
        """A flat page of a class, (H, W, 3) uint8 RGB: an image of it, or a template or form filled in anew.

        Raises IndexError for a number that is no class.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"class {number} of {len(self)}")
        among_drawn = number - (len(self) - self.drawn)
        if among_drawn >= 0:
            return self._draw(among_drawn, rng)
        which = int(np.searchsorted(self._firsts, number, side="right")) - 1
        block = self.blocks[which]
        index, variant = block.choose(number - int(self._firsts[which]), rng)
        page = self.pages[index]
        if block.rule == "24":
            return one_of_24(page, variant)
        if variant == 2:
            fixed = np.random.default_rng([index, _TWINS])
            return make_twin(page, self.pages[int(fixed.integers(len(self.pages)))], fixed)
        # By the page's number, so that all three turns are seen: one class each would be two more a page.
        return np.rot90(page, 1 + index % 3) if variant else page

    def _draw(self, number: int, rng: np.random.Generator) -> Pixels:
        """A copy of a class that code draws, by its number among these."""
        kind = int(np.searchsorted(self._drawn_firsts, number, side="right")) - 1
        within = number - int(self._drawn_firsts[kind])
        return self._drawers[kind](within, rng, self.pictures, typeset=self.typeset)


def drawn_counts(config: DataConfig) -> tuple[int, ...]:
    """How many classes of each kind code draws, in their order."""
    return tuple(count for count, _ in _drawn(config))


def _drawn(config: DataConfig) -> tuple[tuple[int, Drawer], ...]:
    # What comes last can be added to a run that goes on: the classes before it keep their numbers.
    return (
        (config.templates, draw),
        (FORMS * config.offices, draw_of_office),
        (FORMS * config.editions, draw_of_editions),
        (config.shops, draw_of_shop),
    )


def one_of_24(page: Pixels, variant: int) -> Pixels:
    """Variant 0 to 23 of a page (H, W, 3): whole, upper half, lower half; of each the 8 turns and flips."""
    part, turn = divmod(variant, 8)
    half = max(len(page) // 2, 1)
    cut = (page, page[:half], page[-half:])[part]
    return np.rot90(cut[:, ::-1] if turn >= 4 else cut, turn % 4)


def _name(source: SourceConfig) -> Path:
    return expand(source.folder or source.list or "")


def _files(source: SourceConfig) -> FileList:
    path = _name(source)
    files = FileList.of_folder(path) if source.folder else FileList.of_list(path)
    if not len(files.names):
        raise TrainingError(f"{path}: no images (config data.sources).")
    return files


def _tell(
    pages: Pages,
    broken: tuple[Broken, ...],
    digests: NDArray[np.uint8],
    say: Callable[[str], None],
    run: Path | None,
) -> None:
    """Say what a user should know of the data, and list the broken files."""
    different = len(np.unique(digests.view("V32")))
    if different < len(digests):
        say(f"{len(digests) - different} images are exact copies of others")
    if pages.kept < len(pages):
        say(f"{pages.kept} of {len(pages)} images stay in memory (data.memory_gigabytes)")
    if run is not None:
        write_broken(broken, run / "broken.tsv")
    if broken:
        where = f"listed in {run / 'broken.tsv'}" if run else ", ".join(item.source for item in broken)
        say(f"{len(broken)} files or pages are left out, as they cannot be decoded: {where}")


def write_broken(broken: Sequence[Broken], path: Path) -> None:
    """One line each: file, page, code of the error, message. Raises TrainingError where it cannot write."""
    lines = ["file\tpage\terror\tmessage"]
    for item in broken:
        cells = (item.source, str(item.page or ""), item.code, item.message)
        lines.append("\t".join(" ".join(cell.split()) for cell in cells))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written: {error}.") from error


def _read_pictures(folder: Path) -> list[Pixels]:
    """Every fourth picture of a folder, small: more would only take memory. Raises TrainingError for none."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES]
    found = iter_pages(paths[::4], short_side=64)
    pictures = [shrink(page.pixels, 64) for page in found if isinstance(page, Page)]
    if not pictures:
        raise TrainingError(f"{folder}: no pictures for templates (config data.pictures).")
    return pictures
