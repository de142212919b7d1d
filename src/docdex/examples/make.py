"""Draws the example pages and writes them where the package keeps them: `python -m docdex.examples.make`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from docdex.capture import capture
from docdex.examples import PAGES, Kind, Listed, cards, forms, papers, scenes, strangers
from docdex.examples.canvas import Canvas

Draw = Callable[[np.random.Generator], Canvas]

TYPES: dict[str, Draw] = {
    "id/utopia/gen1": cards.utopia_gen1,
    "id/utopia/gen2": cards.utopia_gen2,
    "id/utopia/gen2-damaged": cards.utopia_gen2_damaged,
    "driving-licence/utopia": cards.utopia_driving_licence,
    "passport/utopia": cards.utopia_passport,
    "claim/acme": forms.acme_claim,
    "claim/borealis": forms.borealis_claim,
    "receipt/greenleaf": papers.greenleaf_receipt,
    "receipt/volta": papers.volta_receipt,
    "letter/port-amber": papers.harbour_letter,
    "certificate/highcross": papers.academy_certificate,
    "invoice/lumen": forms.lumen_invoice,
    "prescription/dovecote": forms.prescription,
    "library-card/brightwater": cards.library_card,
    "boarding-pass/zephyr": cards.boarding_pass,
}
STRANGERS: dict[str, Draw] = {
    "arcadia-id": strangers.arcadia_id,
    "corvus-claim": strangers.corvus_claim,
    "hardware-receipt": strangers.hardware_receipt,
    "notary-letter": strangers.notary_letter,
    "gym-card": strangers.gym_card,
    "plumber-invoice": strangers.plumber_invoice,
    "swimming-diploma": strangers.swimming_diploma,
    "train-ticket": strangers.train_ticket,
    "concert-poster": scenes.concert_poster,
    "town-map": scenes.town_map,
    "sheet-music": scenes.sheet_music,
    "crossword": scenes.crossword,
    "notebook": scenes.notebook,
    "childs-drawing": scenes.childs_drawing,
    "blank-sheet": scenes.blank_sheet,
    "bare-desk": scenes.bare_desk,
}
# Probes laid on the desk sideways or upside down: quarter turns counter-clockwise by label and probe number.
TURNED = {
    ("claim/acme", 3): 2,
    ("id/utopia/gen2", 2): 1,
    ("receipt/volta", 3): 3,
    ("certificate/highcross", 2): 2,
}

PROBES = 3  # photos a type, each of another person's page
SEVERITY = 0.45  # of the capture simulator: a careful person with a phone
DESK = 0.07  # share of the page's long side that the drawn desk reaches beyond it on each edge
CUT = 0.035  # share of the drawn desk's side that the photo leaves out on each edge, before the crop's error
LONG_SIDE = 600
SHORT_SIDE = 300
QUALITY = 75


def draw_flat(name: str, instance: int) -> NDArray[np.uint8]:
    """Draw one instance (0, 1, ...) of a label's or stranger's page: (H, W, 3) RGB, the same each time."""
    draw = TYPES.get(name) or STRANGERS[name]
    return draw(_generator(name, instance)).pixels


def draw_photo(name: str, instance: int) -> NDArray[np.uint8]:
    """Draw a page and take a photo of it with the capture simulator: (H, W, 3) RGB, the same each time."""
    rng = _generator(f"{name} photo", instance)
    view = draw_flat(name, instance)
    if name != "bare-desk":
        view = scenes.page_on_desk(np.rot90(view, TURNED.get((name, instance), 0)), rng, DESK)
    return capture(view, rng, SEVERITY, margin=-CUT)


def write_examples(folder: Path) -> None:
    """Write every page and `manifest.json` into the folder, in place of what it held."""
    shutil.rmtree(folder, ignore_errors=True)
    entries = [
        _save(folder, f"registered/{label}/sample.jpg", draw_flat(label, 0), "registered", label)
        for label in TYPES
    ]
    entries += [
        _save(folder, f"probes/{label}/{number}.jpg", draw_photo(label, number), "probe", label)
        for label in TYPES
        for number in range(1, PROBES + 1)
    ]
    entries += [
        _save(folder, f"strangers/{name}.jpg", draw_photo(name, 0), "stranger", None) for name in STRANGERS
    ]
    manifest = msgspec.json.format(msgspec.json.encode(entries), indent=1)
    (folder / "manifest.json").write_bytes(manifest + b"\n")


def shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The page at the size in which it is kept: its long side 600 pixels, or its short side 300 if larger."""
    height, width = pixels.shape[:2]
    scale = min(1.0, max(LONG_SIDE / max(height, width), SHORT_SIDE / min(height, width)))
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _save(folder: Path, file: str, pixels: NDArray[np.uint8], kind: Kind, label: str | None) -> Listed:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(shrink(pixels), cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    path.write_bytes(encoded.tobytes())
    return Listed(kind, label, file)


def _generator(name: str, instance: int) -> np.random.Generator:
    return np.random.default_rng([crc32(name.encode()), instance])


if __name__ == "__main__":
    write_examples(PAGES)
