"""docdex: recognise the type of a document from one registered sample of it.

    from docdex import Recognizer

    with Recognizer.open("gallery.db") as dex:
        dex.register("claim/acme", "claim_acme.jpg")
        match = dex.recognize("photo.jpg")

What is named here is the interface; names load what they need when they are first used, so that importing the
package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docdex.calibration import Calibration
    from docdex.decision import Candidate, Match
    from docdex.errors import DocdexError
    from docdex.images import Limits, Page, Refusal
    from docdex.recognizer import Recognizer
    from docdex.registration import Registration
    from docdex.text import TextPage

    __version__: str

__all__ = [
    "Calibration",
    "Candidate",
    "DocdexError",
    "Limits",
    "Match",
    "Page",
    "Recognizer",
    "Refusal",
    "Registration",
    "TextPage",
    "__version__",
]

_ROOMS = {
    "Calibration": "docdex.calibration",
    "Candidate": "docdex.decision",
    "DocdexError": "docdex.errors",
    "Limits": "docdex.images",
    "Match": "docdex.decision",
    "Page": "docdex.images",
    "Recognizer": "docdex.recognizer",
    "Refusal": "docdex.images",
    "Registration": "docdex.registration",
    "TextPage": "docdex.text",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = import_module("importlib.metadata").version("docdex")
    elif name in _ROOMS:
        value = getattr(import_module(_ROOMS[name]), name)
    else:
        raise AttributeError(f"module 'docdex' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
