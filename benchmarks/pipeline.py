"""What recognising a photo and registering a folder cost beside what they must; prints one JSON object.

    python benchmarks/pipeline.py [--model NAME_OR_PATH] [--samples N] [--pages N] [--rounds N]

`recognise`: one 12-megapixel JPEG file (`decoding.synthetic_photo`) recognised with the four rotations in a
gallery of N samples, against decoding that file with OpenCV at quarter scale alone; split into reading the
page, embedding its four rotations, and the rest (search and decision). `register`: a folder of N JPEG pages
of 2 megapixels registered into a new gallery, against decoding its files with OpenCV at the scale docdex
chooses and embedding them in batches of eight; the rest is digests, thumbnails and the transaction.

All run in turn on one thread, so that noise meets all alike. Times are CPU milliseconds, medians; ratios are
medians of the ratios of each round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from decoding import measured, synthetic_photo
from docdex import models
from docdex.embedder import ROTATIONS, OnnxEmbedder
from docdex.gallery import Sample, SqliteGallery
from docdex.images import read_pages
from docdex.recognizer import Recognizer

FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
PAGE_HEIGHT, PAGE_WIDTH = 1600, 1250
PAGES_AT_ONCE = 8
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=models.DEFAULT)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    embedder = OnnxEmbedder.open(options.model)
    with tempfile.TemporaryDirectory() as folder:
        recognised = measure_recognising(
            embedder, options.model, Path(folder), options.samples, options.rounds
        )
        registered = measure_registering(embedder, options.model, Path(folder), options.pages, options.rounds)
    print(
        json.dumps(
            {
                "benchmark": "pipeline",
                "python": sys.version.split()[0],
                "opencv": cv2.__version__,
                "model": embedder.passport.name,
                "digest": embedder.passport.digest,
                "rounds": options.rounds,
                "recognise": recognised,
                "register": registered,
            },
            indent=2,
        )
    )


def measure_recognising(
    embedder: OnnxEmbedder, model: str, folder: Path, samples: int, rounds: int
) -> dict[str, object]:
    photo, path = folder / "photo.jpg", folder / "recognise.db"
    photo.write_bytes(synthetic_photo())
    fill(path, embedder, samples)
    with Recognizer.open(path, model=model) as dex:
        (page,) = read_pages(photo, short_side=embedder.short_side)
        times = measured(
            {
                "decode_quarter": lambda: decode(photo, FLAGS[4]),
                "read": lambda: list(read_pages(photo, short_side=embedder.short_side)),
                "embed": lambda: embedder.embed([page.pixels], rotations=ROTATIONS),
                "recognise": lambda: dex.recognize(photo),
            },
            rounds,
        )
    return {
        "gallery_samples": samples,
        "photo_bytes": photo.stat().st_size,
        "read_at": list(page.pixels.shape[:2]),
        **summary(times, "recognise", ["read", "embed"]),
        "ratio_to_decode_quarter": ratio(times["recognise"], times["decode_quarter"]),
    }


def measure_registering(
    embedder: OnnxEmbedder, model: str, folder: Path, pages: int, rounds: int
) -> dict[str, object]:
    scans = folder / "scans"
    scans.mkdir()
    photo = folder / "photo.jpg"
    photo.write_bytes(synthetic_photo())
    large = decode(photo, FLAGS[1])
    for number in range(pages):
        window = large[40 * number :, 30 * number :][:PAGE_HEIGHT, :PAGE_WIDTH]
        cv2.imwrite(str(scans / f"{number}.jpg"), window, [cv2.IMWRITE_JPEG_QUALITY, 90])
    files = sorted(scans.iterdir())
    (page,) = read_pages(files[0], short_side=embedder.short_side)
    flags = FLAGS[PAGE_HEIGHT // page.pixels.shape[0]]

    def decode_and_embed() -> None:
        for start in range(0, pages, PAGES_AT_ONCE):
            batch = [decode(path, flags) for path in files[start : start + PAGES_AT_ONCE]]
            embedder.embed(batch)

    def register() -> None:
        path = folder / "register.db"
        with Recognizer(
            lambda create: SqliteGallery.open(path, embedder.contract, create=create), lambda: embedder
        ) as dex:
            dex.register("scan", scans)
        for leftover in folder.glob("register.db*"):
            leftover.unlink()

    batch = [decode(path, flags) for path in files[:PAGES_AT_ONCE]]
    times = measured(
        {
            "decode": lambda: [decode(path, flags) for path in files],
            "embed_eight": lambda: embedder.embed(batch),
            "decode_and_embed": decode_and_embed,
            "register": register,
        },
        rounds,
    )
    return {
        "pages": pages,
        "page_bytes": sum(path.stat().st_size for path in files) // pages,
        "read_at": list(page.pixels.shape[:2]),
        **summary(times, "register", ["decode_and_embed"]),
        "ratio_to_decode_and_embed": ratio(times["register"], times["decode_and_embed"]),
    }


def fill(path: Path, embedder: OnnxEmbedder, samples: int) -> None:
    """A gallery of samples of random directions, three a label."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((samples, embedder.contract.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with SqliteGallery.open(path, embedder.contract) as gallery:
        gallery.upsert(
            [
                Sample(
                    id=f"{row:016x}",
                    label=f"type/{row // 3}",
                    digest=f"{row:064x}",
                    source="made",
                    page=1,
                    time="2026-01-01T00:00:00+00:00",
                    vector=vector,
                    thumbnail=b"",
                )
                for row, vector in enumerate(vectors)
            ]
        )


def decode(path: Path, flags: int) -> NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    assert pixels is not None
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def summary(times: dict[str, list[float]], whole: str, parts: list[str]) -> dict[str, object]:
    medians = {name: round(statistics.median(values), 2) for name, values in times.items()}
    rest = [
        total - sum(each)
        for total, each in zip(times[whole], zip(*(times[part] for part in parts), strict=True), strict=True)
    ]
    return {"cpu_ms": medians, "rest_ms": round(statistics.median(rest), 2)}


def ratio(times: list[float], others: list[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(times, others, strict=True)), 3)


if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():  # numpy reads these when it is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    main()
