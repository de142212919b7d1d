from __future__ import annotations

import subprocess
import sys

import pytest

import docdex

HEAVY = ("numpy", "cv2", "onnxruntime", "pypdfium2", "torch", "rich", "msgspec")


def loaded_after(code: str, *modules: str) -> set[str]:
    """Which of `modules` a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint([m for m in {modules!r} if m in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    return {name for name in modules if f"'{name}'" in printed}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import docdex", *HEAVY) == set()


def test_recognising_never_loads_torch() -> None:
    assert loaded_after("from docdex import Recognizer", "torch", "numpy") == {"numpy"}


@pytest.mark.parametrize("name", docdex.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(docdex, name) is getattr(docdex, name)
    assert name in dir(docdex)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nosuch"):
        docdex.nosuch  # noqa: B018
