"""Registers batches into a gallery until it is killed, and says so after each: for test_durability.py.

python register_one_by_one.py GALLERY NAME BATCHES
"""

from __future__ import annotations

import sys

from docdex.gallery import SqliteGallery
from gallery_samples import CONTRACT, batch_of


def main(path: str, name: str, batches: str) -> None:
    with SqliteGallery.open(path, CONTRACT) as gallery:
        print("open", flush=True)
        for number in range(int(batches)):
            gallery.upsert(batch_of(name, number))
            print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
