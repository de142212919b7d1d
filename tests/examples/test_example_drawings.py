from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from docdex.examples import PAGES, load_examples
from docdex.examples.make import STRANGERS, TURNED, TYPES, draw_flat, draw_photo, shrink

pytestmark = pytest.mark.skipif(
    not hasattr(cv2, "FontFace"), reason="drawing anew needs the fonts of OpenCV 5"
)


def committed(file: str) -> NDArray[np.uint8]:
    bgr = cv2.imdecode(np.fromfile(PAGES / file, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean absolute difference in grey levels."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(np.float64) - b).mean())


def test_the_committed_pages_are_those_that_the_code_draws() -> None:
    assert {e.label for e in load_examples() if e.kind == "registered"} == set(TYPES)
    assert {e.path.stem for e in load_examples() if e.kind == "stranger"} == set(STRANGERS)


@pytest.mark.parametrize("label", ["id/utopia/gen2", "certificate/highcross", "receipt/greenleaf"])
def test_a_sample_drawn_anew_is_the_committed_one(label: str) -> None:
    # JPEG alone accounts for about 3 grey levels; another person's page differs by much more (see below).
    assert difference(shrink(draw_flat(label, 0)), committed(f"registered/{label}/sample.jpg")) < 5


def test_a_photo_taken_anew_is_the_committed_one() -> None:
    assert difference(shrink(draw_photo("claim/acme", 1)), committed("probes/claim/acme/1.jpg")) < 5


@pytest.mark.parametrize("name", [*TYPES, *STRANGERS])
def test_a_drawing_is_the_same_each_time_and_differs_between_instances(name: str) -> None:
    first = draw_flat(name, 0)
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert 700 <= max(first.shape) <= 900
    assert (draw_flat(name, 0) == first).all()
    assert (draw_flat(name, 1) != first).any()


def relief(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Where a page is darker or lighter than its surroundings, whatever the light falls like."""
    small = cv2.resize(pixels, (48, 48), interpolation=cv2.INTER_AREA).mean(axis=2)
    return np.ravel(small - cv2.GaussianBlur(small, None, 5))


@pytest.mark.parametrize(("place", "quarters"), TURNED.items())
def test_a_probe_said_to_be_turned_is_turned(place: tuple[str, int], quarters: int) -> None:
    flat, photo = draw_flat(*place), relief(draw_photo(*place))
    agreement = [np.corrcoef(photo, relief(np.rot90(flat, k)))[0, 1] for k in range(4)]
    assert int(np.argmax(agreement)) == quarters, agreement
