"""Registers documents of two pages until it is killed, and says so after each: for tests/end_to_end.

python register_pages.py GALLERY CLERK DOCUMENTS
"""

from __future__ import annotations

import sys
from pathlib import Path

from docdex import Recognizer
from fakes import TINY, Pixels, draw_blocks

SCRIPT = Path(__file__)


def document_of(clerk: int, number: int) -> tuple[str, list[Pixels]]:
    """The label and the pages of the document that a clerk registers as the `number`-th."""
    return f"clerk{clerk}/{number}", [draw_blocks(clerk, number, page) for page in range(2)]


def main(path: str, clerk: str, documents: str) -> None:
    with Recognizer.open(path, model=TINY) as dex:
        dex.embedder.embed(document_of(int(clerk), 0)[1])
        print("ready", flush=True)
        for number in range(int(documents)):
            dex.register(*document_of(int(clerk), number))
            print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
