"""Galleries of every engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from docdex.gallery import Gallery
from gallery_engines import ENGINES, Open
from gallery_samples import CONTRACT


@pytest.fixture(params=ENGINES)
def open_gallery(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens handles on one store, and closes them in the end."""
    opened = ExitStack()
    engine = ENGINES[request.param](tmp_path)

    def open_again(*args: object, **options: object) -> Gallery:
        return opened.enter_context(engine(*args, **options))

    with opened:
        yield open_again


@pytest.fixture
def gallery(open_gallery: Open) -> Gallery:
    return open_gallery(CONTRACT)


@pytest.fixture(params=["the same handle", "another handle"])
def other(request: pytest.FixtureRequest, gallery: Gallery, open_gallery: Open) -> Gallery:
    """A handle that what `gallery` writes must be seen through."""
    return gallery if request.param == "the same handle" else open_gallery()
