"""The options that several sub-commands have, so that each is spelt, described and used in one way."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from docdex import models
from docdex.contract import By
from docdex.errors import SourceNotFound
from docdex.images import Limits, find_files
from docdex.recognizer import Recognizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., None]")

_LIMITS = Limits()

gallery_option = click.option(
    "--gallery",
    metavar="PATH",
    default="docdex.db",
    envvar="DOCDEX_GALLERY",
    show_default=True,
    show_envvar=True,
    help="The gallery file.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead, one object a line, for machines."
)
pages_option = click.option(
    "--pages", metavar="RANGES", help="Only these pages of each file, such as 1-3,7,10- ."
)
rotations_option = click.option(
    "--rotations/--no-rotations",
    default=True,
    show_default=True,
    help="Also try each page sideways and upside down.",
)
sources_argument = click.argument("sources", metavar="SOURCES...", nargs=-1, required=True, type=click.Path())
keep_going_option = click.option(
    "--keep-going", is_flag=True, help="Register the rest when a page is refused; otherwise nothing is."
)
allow_conflict_option = click.option(
    "--allow-conflict", is_flag=True, help="Also register pages that another label has already."
)


def model_option(run: F) -> F:
    """Give a command the option that says which model."""
    return click.option(
        "--model",
        metavar="MODEL",
        default=models.DEFAULT,
        show_default=True,
        help="A packaged model's name, or the path of an .onnx file with its passport beside it.",
    )(run)


def _kind_and_model(run: F) -> F:
    """Give a command the options that say by what it compares pages, and by which model."""
    return click.option(
        "--by",
        type=click.Choice(get_args(By)),
        help="Compare pages by how they look or by what they say.  [default: as the gallery; else picture]",
    )(
        click.option(
            "--model",
            metavar="MODEL",
            help="A packaged model's name, or the path of a model file with its passport beside it.  "
            f"[default: {models.DEFAULT}; by text {models.TEXT_DEFAULT}]",
        )(run)
    )


def model_options(run: F) -> F:
    """Give a command the options that say which model, of which kind, and how it runs."""
    for option in (
        click.option(
            "--threads",
            metavar="N",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Of the model.",
        ),
        click.option(
            "--device",
            type=click.Choice(["cpu", "cuda"]),
            default="cpu",
            show_default=True,
            help="Of the model.",
        ),
        _kind_and_model,
    ):
        run = option(run)
    return run


def limits_options(run: Callable[..., None]) -> Callable[..., None]:
    """Give a command `limits`, and the options that set them."""

    @click.option(
        "--max-megapixels",
        metavar="N",
        type=click.IntRange(min=1),
        help=f"Refuse larger pages.  [default: {_LIMITS.pixels / 1e6:.0f}]",
    )
    @click.option(
        "--max-megabytes",
        metavar="N",
        type=click.IntRange(min=1),
        help=f"Refuse larger files.  [default: {_LIMITS.bytes / 1e6:.0f}]",
    )
    @click.option(
        "--max-pages",
        metavar="N",
        type=click.IntRange(min=1),
        default=_LIMITS.pdf_pages,
        show_default=True,
        help="Refuse files of which more are to be read.",
    )
    @click.option(
        "--max-characters",
        metavar="N",
        type=click.IntRange(min=1),
        default=_LIMITS.characters,
        show_default=True,
        help="By text, refuse longer pages.",
    )
    @wraps(run)
    def limited(
        max_megapixels: int | None,
        max_megabytes: int | None,
        max_pages: int,
        max_characters: int,
        **arguments: Any,
    ) -> None:
        limits = Limits(
            pixels=_LIMITS.pixels if max_megapixels is None else max_megapixels * 1_000_000,
            bytes=_LIMITS.bytes if max_megabytes is None else max_megabytes * 1_000_000,
            pdf_pages=max_pages,
            characters=max_characters,
        )
        run(limits=limits, **arguments)

    return limited


def with_gallery(run: Callable[..., None]) -> Callable[..., None]:
    """Give a command `dex` where no model is needed, and the option that says which gallery."""

    @gallery_option
    @wraps(run)
    def opened(gallery: str, **arguments: Any) -> None:
        with Recognizer.open(gallery) as dex:
            run(dex=dex, **arguments)

    return opened


def with_model(run: Callable[..., None]) -> Callable[..., None]:
    """Give a command `dex`, and the options that say which gallery, and by which model."""

    @gallery_option
    @_kind_and_model
    @wraps(run)
    def opened(gallery: str, by: By | None, model: str | None, **arguments: Any) -> None:
        with Recognizer.open(gallery, by=by, model=model) as dex:
            run(dex=dex, **arguments)

    return opened


def with_recognizer(run: Callable[..., None]) -> Callable[..., None]:
    """Give a command `dex` that reads pages, and the options that say which gallery, model and limits."""

    @gallery_option
    @model_options
    @limits_options
    @wraps(run)
    def opened(
        *,
        gallery: str,
        by: By | None,
        model: str | None,
        device: str,
        threads: int,
        limits: Limits,
        **arguments: Any,
    ) -> None:
        opening = Recognizer.open(gallery, by=by, model=model, device=device, threads=threads, limits=limits)
        with opening as dex:
            run(dex=dex, **arguments)

    return opened


def list_files(sources: Sequence[str]) -> list[str]:
    """Files as given, and in the place of each folder its files, so that progress can be counted.

    A folder that is empty or cannot be listed stays: reading it says why.
    """
    files: list[str] = []
    for source in sources:
        try:
            found = [str(path) for path in find_files(source)]
        except (SourceNotFound, OSError, ValueError):
            found = []
        files += found or [source]
    return files
