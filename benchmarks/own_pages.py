"""The recipe of `docs/train-your-own.md` from a user's folder on, before and after; prints one JSON object.

    python benchmarks/own_pages.py [--seeds N] [--minutes M] [--forms N] [--versions N] [--instances N]
        [--keep FOLDER]

There is no folder of a user's that could be shown, so one is drawn: forms, invoices, cards and letters of
`docdex.training.templates`, with numbers far beyond those that any run learns from, each in several versions
that look alike (`docdex.capture.make_twin`), each version a type. A type is filled in for several people, and
each page scanned or photographed (`docdex.capture`). Logos and portraits are the example pages, which no run
sees. It is the family of drawings that is a part of the packaged model's training, so what is measured before
is flattered.

Then come the page's own commands, in its order and with `configs/own.toml`: `split`, `train`, `model export`,
and `evaluate` of the model that the recipe starts from, of the packaged default where that is another one,
and of the new model, in the same run. Other than there are only the seeds, one a split and training, and
`--minutes`, which the result states. Checkpoints are not chosen by `$DOCDEX_DATA`: a user has none. Last, the
packaged models are asked about a folder of as many types that do not look alike (`unlike`): what there would
be to gain in training for those.

It takes the minutes of training and about one more a seed, on two quiet cores. What the commands say goes to
standard error. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import msgspec
import numpy as np

from docdex import models
from docdex.capture import capture, make_twin, scan
from docdex.evaluation import read_results
from docdex.examples import load_examples
from docdex.images import read_pages
from docdex.training.config import read_config
from docdex.training.templates import draw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

RECIPE = Path(__file__).resolve().parent.parent / "configs" / "own.toml"
FIRST = 1_000_000
"""Number of the first template; those that runs learn from are counted from 0, by the thousand."""
APART = 2
"""From one template to the next that is drawn: neighbours may share a layout."""
LOOKS = 4
"""Pages of a template that are compared."""
DONORS, UNLIKE = FIRST + 100_000, FIRST + 200_000
"""First templates of those whose words twins are given, and of the folder of types that do not look alike."""
SEVERITY = (0.2, 0.6)
"""Of a scan or photo: somebody took care, or some."""
SCANNED = 0.5
"""Share of pages that are scanned; the others are photographed."""
QUALITY = 90


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--forms", type=int, default=66)
    parser.add_argument("--versions", type=int, default=3, help="of each form; each is a type")
    parser.add_argument("--instances", type=int, default=5, help="pages of each type")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, help="of training a seed; the recipe's unless given")
    parser.add_argument("--keep", type=Path, help="a folder for all that is made, instead of a passing one")
    options = parser.parse_args()
    types = options.forms * options.versions
    with tempfile.TemporaryDirectory() as passing:
        work = (options.keep or Path(passing)).resolve()
        write_documents(work / "my-documents", FIRST, options.forms, options.versions, options.instances)
        runs = [follow_recipe(work, seed, options.minutes) for seed in range(options.seeds)]
        write_documents(work / "unlike", UNLIKE, types, 1, options.instances)
        docdex(work, "split", "unlike", "apart", "--seed", "0")
        unlike = evaluate(work, "apart/held-out", packaged())
    result = {
        "benchmark": "own_pages",
        "python": platform.python_version(),
        "torch": version("torch"),
        "cores": os.cpu_count(),
        "digests": {name: models.load(name).passport.digest for name in packaged()},
        "recipe_minutes": read_config(RECIPE).optim.minutes,
        "forms": options.forms,
        "versions": options.versions,
        "instances": options.instances,
        "severity": SEVERITY,
        "scanned": SCANNED,
        "runs": runs,
        "unlike": unlike,
    }
    print(json.dumps(result, indent=1))


def write_documents(folder: Path, first: int, forms: int, versions: int, instances: int) -> None:
    """A folder as a user would have it: one for each type, in it a JPEG for each page."""
    pictures = [
        next(read_pages(example.path, short_side=64)).pixels
        for example in load_examples()
        if example.kind != "registered"
    ]
    numbers = itertools.islice(templates_from(first), forms)
    for (form, template), kind in itertools.product(enumerate(numbers), range(versions)):
        home = folder / f"form {form:03} version {kind + 1}"
        home.mkdir(parents=True)
        for instance in range(instances):
            rng = np.random.default_rng([template, kind, instance])
            page = take(draw_version(template, kind, rng, pictures), rng)
            cv2.imwrite(str(home / f"{instance}.jpg"), page[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def templates_from(first: int) -> Iterator[int]:
    """Templates from this number on whose pages are all of one size: a twin differs in places of the page,
    and those of a slip would be others with every length of it.
    """
    for template in itertools.count(first, APART):
        if len({draw(template, np.random.default_rng(look)).shape for look in range(LOOKS)}) == 1:
            yield template


def draw_version(
    template: int, kind: int, rng: np.random.Generator, pictures: Sequence[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """A page of a version of a form, (H, W, 3) uint8 RGB: the same twin of it whoever filled it in."""
    page = draw(template, rng, pictures)
    if not kind:
        return page
    fixed = np.random.default_rng([template, kind])
    donor = draw(DONORS + int(fixed.integers(UNLIKE - DONORS)), fixed, pictures)
    return make_twin(page, donor, fixed)


def take(page: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A scan or a photo of a page (H, W, 3) uint8 RGB, of its size."""
    by = scan if rng.random() < SCANNED else capture
    return by(page, rng, rng.uniform(*SEVERITY))


def follow_recipe(work: Path, seed: int, minutes: float | None) -> dict[str, Any]:
    """The commands of the page, in a folder of their own; what came of them."""
    home = work / f"seed {seed}"
    home.mkdir()
    recipe = RECIPE.read_text(encoding="utf-8")
    recipe = set_key(recipe, "seed", f"{seed}")
    if minutes is not None:
        recipe = set_key(recipe, "minutes", f"{minutes:g}")
    (home / "own.toml").write_text(recipe, encoding="utf-8")
    docdex(home, "split", str(work / "my-documents"), "own", "--seed", f"{seed}")
    docdex(home, "train", "own.toml")
    docdex(home, "model", "export", "runs/own", "own.onnx", "--name", "own", "--benchmark", "own/held-out")
    *before, after = evaluate(home, "own/held-out", [*packaged(), "own.onnx"])
    training = models.read_passport(home / "own.onnx").training
    return {
        "seed": seed,
        "learned": len({line.split("/")[-2] for line in lines_of(home / "own" / "train.txt")}),
        **{key: training[key] for key in ("classes", "steps", "images", "minutes", "cpu_minutes")},
        "before": before,
        "after": after,
    }


def packaged() -> list[str]:
    """The packaged models that the new one must be ahead of: what it starts from, and the default."""
    return list(dict.fromkeys([read_config(RECIPE).start_from or models.DEFAULT, models.DEFAULT]))


def evaluate(home: Path, folder: str, names: Sequence[str]) -> list[Any]:
    """What models make of a benchmark folder, as plain values, in their order."""
    peers = itertools.chain.from_iterable(("--peer", f"docdex:{name}") for name in names)
    docdex(home, "evaluate", folder, *peers, "-o", "measured.json")
    return [msgspec.to_builtins(result) for result in read_results(home / "measured.json")]


def set_key(text: str, key: str, value: str) -> str:
    """A TOML text with the one line that sets a key setting it to a value."""
    changed, count = re.subn(rf"^{key} = \S+", f"{key} = {value}", text, flags=re.MULTILINE)
    if count != 1:
        raise SystemExit(f"{RECIPE}: {count} lines set {key}, not one.")
    return changed


def docdex(home: Path, *words: str) -> None:
    """Run a command of docdex in a folder, as at the shell. Raises CalledProcessError when it fails."""
    # No benchmark is there to choose a checkpoint by.
    surroundings = {**os.environ, "DOCDEX_DATA": str(home / "none")}
    subprocess.run(
        [sys.executable, "-m", "docdex", *words], cwd=home, env=surroundings, stdout=sys.stderr, check=True
    )


def lines_of(path: Path) -> Sequence[str]:
    return path.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    main()
