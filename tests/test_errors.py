"""What every error of the tree promises, whichever it is."""

from __future__ import annotations

import pickle

import pytest

from docdex import errors
from docdex.errors import DocdexError, EmptySource, RegistrationRefused
from docdex.images import Refusal

TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DocdexError)]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_an_error_survives_the_way_to_another_process(kind: type[DocdexError]) -> None:
    refusals = (Refusal("scan.tif", 3, EmptySource("scan.tif page 3 is empty.")),)
    error = kind("No such thing.", refusals) if kind is RegistrationRefused else kind("No such thing.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.code, again.message, str(again)) == (error.code, error.message, str(error))
    if isinstance(again, RegistrationRefused):
        (refusal,) = again.refusals
        assert (refusal.source, refusal.page) == ("scan.tif", 3)
        assert (refusal.error.code, refusal.error.message) == ("empty-source", "scan.tif page 3 is empty.")
