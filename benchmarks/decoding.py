"""What reading a 12-megapixel JPEG photo costs, by scale, and what docdex adds to it; prints one JSON object.

    python benchmarks/decoding.py [--rounds N]

A synthetic photo of 4000 x 3000 pixels (paper, print, sensor noise; quality 90) is decoded by OpenCV at full,
half, quarter and eighth scale, and read by `read_pages` with a short side of 256 pixels from bytes and from a
file. All run in turn, so that noise meets all alike. Times are CPU milliseconds of one thread, medians;
`added_ms` is what `read_pages` from bytes takes beyond OpenCV's bare decoding at the scale it chooses, the
median of the differences of each round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from docdex.images import read_pages

WIDTH, HEIGHT, QUALITY = 4000, 3000, 90
SHORT_SIDE = 256
BARE = {
    "full": cv2.IMREAD_COLOR,
    "half": cv2.IMREAD_REDUCED_COLOR_2,
    "quarter": cv2.IMREAD_REDUCED_COLOR_4,
    "eighth": cv2.IMREAD_REDUCED_COLOR_8,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    photo = synthetic_photo()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        path.write_bytes(photo)
        encoded = np.frombuffer(photo, np.uint8)
        tasks: dict[str, Callable[[], object]] = {
            name: lambda flags=flags: cv2.imdecode(encoded, flags)  # type: ignore[misc]
            for name, flags in BARE.items()
        }
        tasks["read_bytes"] = lambda: next(read_pages(photo, short_side=SHORT_SIDE))
        tasks["read_file"] = lambda: next(read_pages(path, short_side=SHORT_SIDE))
        times = measured(tasks, rounds)
    (page,) = read_pages(photo, short_side=SHORT_SIDE)
    scale = {8: "eighth", 4: "quarter", 2: "half", 1: "full"}[HEIGHT // page.pixels.shape[0]]
    added = [read - bare for read, bare in zip(times["read_bytes"], times[scale], strict=True)]
    print(
        json.dumps(
            {
                "benchmark": "decoding",
                "opencv": cv2.__version__,
                "photo": {"width": WIDTH, "height": HEIGHT, "quality": QUALITY, "bytes": len(photo)},
                "rounds": rounds,
                "cpu_ms": {name: round(statistics.median(values), 2) for name, values in times.items()},
                "read_at": scale,
                "added_ms": round(statistics.median(added), 2),
            },
            indent=2,
        )
    )


def synthetic_photo() -> bytes:
    """A JPEG about as hard to decode as a phone's photo of a page, the same in every run."""
    rng = np.random.default_rng(0)
    light = cv2.resize(rng.uniform(150, 235, (6, 8, 3)).astype(np.float32), (WIDTH, HEIGHT))
    print_ = (rng.random((HEIGHT // 24, WIDTH // 12)) < 0.35).astype(np.float32)
    ink = cv2.resize(print_, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)[..., np.newaxis]
    ink[(np.arange(HEIGHT) // 48) % 2 == 0] = 0
    noise = rng.normal(0, 5, (HEIGHT, WIDTH, 1)).astype(np.float32)
    pixels = np.clip(light * (1 - 0.7 * ink) + noise, 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(encoded.tobytes())


def measured(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of each task in each round, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for round_ in range(rounds + 1):
        for name, task in tasks.items():
            started = time.process_time()
            task()
            if round_:
                times[name].append((time.process_time() - started) * 1000)
    return times


if __name__ == "__main__":
    main()
