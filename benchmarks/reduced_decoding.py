"""How near vectors of pages decoded at reduced scale are to those decoded in full; prints one JSON object.

    python benchmarks/reduced_decoding.py [--model NAME_OR_PATH] [--step N] [FOLDER ...]

JPEGs below each folder (default: the example pages) are enlarged so that docdex reads them at a half, a
quarter and an eighth, given the noise of a sensor, and encoded at quality 90. Each is embedded twice: as
docdex reads it, and decoded in full. The cosine of the two vectors must stay above 0.99. On slips, whose head
is looked for in the picture, it does not yet: they are told apart. Step N takes every Nth file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from docdex import models
from docdex.embedder import OnnxEmbedder
from docdex.examples import PAGES
from docdex.images import read_pages
from docdex.preprocess import cut_margins, head_square

SCALES = (2, 4, 8)
NOISE = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, default=[PAGES])
    parser.add_argument("--model", default=models.DEFAULT)
    parser.add_argument("--step", type=int, default=1)
    options = parser.parse_args()
    embedder = OnnxEmbedder.open(options.model)
    paths = [path for folder in options.folders for path in sorted(folder.rglob("*.jpg"))][:: options.step]
    slips = np.array([is_slip(path) for path in paths])
    cosines = {
        scale: np.array([cosine(embedder, enlarged(path, embedder.short_side * scale)) for path in paths])
        for scale in SCALES
    }
    print(
        json.dumps(
            {
                "benchmark": "reduced_decoding",
                "opencv": cv2.__version__,
                "model": embedder.passport.name,
                "digest": embedder.passport.digest,
                "files": {"sheets": int((~slips).sum()), "slips": int(slips.sum())},
                "cosine": {
                    f"1/{scale}": {"sheets": spread(found[~slips]), "slips": spread(found[slips])}
                    for scale, found in cosines.items()
                },
            },
            indent=2,
        )
    )


def is_slip(path: Path) -> bool:
    """Whether a page's square view is fitted to its print: it is narrower than the page."""
    (page,) = read_pages(path)
    cut = cut_margins(page.pixels)
    return len(head_square(cut)[0]) < len(cut[0])


def spread(cosines: NDArray[np.float64]) -> dict[str, float]:
    return {"min": round(float(cosines.min()), 5), "median": round(float(np.median(cosines)), 5)}


def enlarged(path: Path, short_side: int) -> bytes:
    """The picture as a JPEG whose short side has at least this many pixels, with noise."""
    (page,) = read_pages(path)
    factor = 1.01 * short_side / min(page.pixels.shape[:2])
    large = cv2.resize(page.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(1).normal(0, NOISE, large.shape)
    photo = np.clip(large + noise, 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()


def cosine(embedder: OnnxEmbedder, photo: bytes) -> float:
    """Of the vectors of a photo read as docdex does and decoded in full."""
    (reduced,) = read_pages(photo, short_side=embedder.short_side)
    (full,) = read_pages(photo)
    assert reduced.pixels.shape != full.pixels.shape, "decoded in full both times: nothing to compare"
    one, other = embedder.embed([reduced.pixels, full.pixels])[:, 0]
    return float(one @ other)


if __name__ == "__main__":
    main()
