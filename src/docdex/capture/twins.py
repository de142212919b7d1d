"""Make a near twin of a page: what looks alike and is another type is what a recogniser is wrong about.

The same form of another issuer, in its second generation, in another colour. Unlike a person's data, what
differs is the same on every copy of it, and stands where a type is told by: in headings, labels and colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docdex.capture.patches import overwrite, random_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_HEAD = 0.3
"""Share of a page's height in which its issuer is named."""


def make_twin(page: Pixels, donor: Pixels, rng: np.random.Generator) -> Pixels:
    """A copy of `page` whose fixed parts differ a little: the same generator state makes the same twin.

    page, donor: (H, W, 3) uint8 RGB of any sizes; headings and labels come from the donor. It is
    renamed at least, and may be given other labels, other colours, or two of its bands in another order.
    """
    page = page.copy()
    head = page[: max(2, int(_HEAD * len(page)))]
    for _ in range(int(rng.integers(1, 4))):
        _write(head, donor, rng, (0.2, 0.7), (0.08, 0.25))
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(2, 7))):
            _write(page, donor, rng, (0.1, 0.5), (0.02, 0.06))
    if rng.random() < 0.4:
        page = _recolour(page, rng)
    if rng.random() < 0.25:
        page = _reorder(page, rng)
    return page


def _write(
    page: Pixels,
    donor: Pixels,
    rng: np.random.Generator,
    width: tuple[float, float],
    height: tuple[float, float],
) -> None:
    """Print a piece of the donor in a random place of these extents, in shares of the page's sides."""
    area = random_box(rng, page.shape, width, height)
    overwrite(page, area, donor[random_box(rng, donor.shape, (0.2, 0.7), (0.02, 0.08))])


def _recolour(page: Pixels, rng: np.random.Generator) -> Pixels:
    """Other inks on other paper: channels in another order, and a tint."""
    tint = rng.uniform(0.75, 1, size=3).astype(np.float32)
    return np.asarray(page[..., rng.permutation(3)] * tint, dtype=np.uint8)


def _reorder(page: Pixels, rng: np.random.Generator) -> Pixels:
    """Exchange two neighbouring bands of the page."""
    first, second, third = np.sort(rng.uniform(0.15, 0.95, size=3) * len(page)).astype(int).tolist()
    return np.concatenate([page[:first], page[second:third], page[first:second], page[third:]])
