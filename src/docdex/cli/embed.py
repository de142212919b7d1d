"""`docdex embed`: vectors of pages in a file, for whoever wants to do something else with them."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from docdex.cli.command import Command
from docdex.cli.messages import refuse
from docdex.cli.options import limits_options, list_files, model_options, pages_option, sources_argument
from docdex.cli.terminal import counted, print_line, track
from docdex.embedder import embed_batches
from docdex.errors import InvalidSetting
from docdex.gallery import is_gallery
from docdex.images import Limits, Refusal
from docdex.opening import open_embedder
from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from docdex.contract import By


@click.command(cls=Command)
@sources_argument
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The .npz file to write.",
)
@pages_option
@model_options
@limits_options
def embed(
    *,
    sources: tuple[str, ...],
    output: Path,
    pages: str | None,
    by: By | None,
    model: str | None,
    device: str,
    threads: int,
    limits: Limits,
) -> None:
    """Write the vectors of pages to a NumPy file.

    SOURCES are images, PDFs and folders of them; by text also letters, e-mails and other documents. The file
    has the arrays vectors, (N, D) float32 of unit length, and names, (N,): a file's path relative to the
    folder given, or the path as given. Where a file has several pages, #page=2 and so on follow. Refused
    inputs are left out.

    \b
    Example:
      docdex embed images/ -o vectors.npz
    """
    if not output.name:
        raise click.BadParameter(f"'{output}' names no file to write to.", param_hint="--output")
    if not output.parent.is_dir():
        raise click.BadParameter(f"There is no folder {output.parent} to write to.", param_hint="--output")
    if is_gallery(output):
        raise InvalidSetting(f"{output} is a gallery: give the vectors a path of their own: vectors.npz.")
    titles = _titles(sources)
    embedder = open_embedder(model, by=by, device=device, threads=threads)
    vectors: list[NDArray[np.float32]] = []
    places: list[tuple[str, int]] = []
    several: set[str] = set()
    refused = False
    with track(list(titles), "Embedding") as files:
        found = embedder.reader.iter_pages(files, limits=limits, pages=pages)
        for item in chain.from_iterable(embed_batches(embedder, found)):
            if isinstance(item, Refusal):
                refused = True
                refuse(item)
                source, number = item.source, item.page
            else:
                source, number = item.page.source, item.page.number
                vectors.append(item.vectors[0])
                places.append((source, number))
            if number is not None and number > 1:
                several.add(source)
    names = [titles[source] + (f"#page={number}" if source in several else "") for source, number in places]
    rows = np.asarray(vectors, np.float32).reshape(-1, embedder.contract.dimension)
    _write(output, rows, names)
    print_line(f"{counted(names, 'vector')} of {embedder.contract.dimension} numbers written to {output}")
    if refused:
        raise click.exceptions.Exit(1)


def _titles(sources: tuple[str, ...]) -> dict[str, str]:
    """Each file below the sources with the name of its rows. Raises InvalidSetting for a name used twice."""
    titles: dict[str, str] = {}
    uses: Counter[str] = Counter()
    for source in sources:
        for file in list_files([source]):
            titles[file] = file if file == source else Path(file).relative_to(source).as_posix()
            uses[titles[file]] += 1
    (name, times), *_ = uses.most_common(1)
    if times > 1:
        raise InvalidSetting(f"{times} files would be named '{name}': embed their folders one by one.")
    return titles


def _write(output: Path, vectors: NDArray[np.float32], names: list[str]) -> None:
    """Write both arrays, whole or not at all."""
    try:
        with whole_file(output) as partial, partial.open("wb") as file:
            np.savez(file, vectors=vectors, names=np.array(names, dtype=np.str_))
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from error
