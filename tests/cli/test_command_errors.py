from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest
from click.testing import CliRunner
from running import Run

from docdex import errors
from docdex.cli.command import Command, Group, Lazy
from docdex.images import Refusal


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], tuple[int, str, str]]:
    """Exit code, stdout and stderr of a command that raises."""

    def _fail(error: BaseException) -> tuple[int, str, str]:
        def callback() -> NoReturn:
            raise error

        monkeypatch.setattr(Lazy, "load", lambda lazy: Command("go", callback=callback))
        result = CliRunner().invoke(Group({"go": Lazy("nowhere:go", "Go.")}, name="docdex"), ["go"])
        return result.exit_code, result.stdout, result.stderr

    return _fail


Fail = Callable[[BaseException], "tuple[int, str, str]"]


@pytest.mark.parametrize(
    "kind", [errors.NotAGallery, errors.ModelMismatch, errors.TooFewPages, errors.LabelTaken]
)
def test_an_error_is_a_sentence_with_its_code_on_stderr(fail: Fail, kind: type[errors.DocdexError]) -> None:
    assert fail(kind("It is so.")) == (1, "", f"Error: It is so. ({kind.code})\n")


@pytest.mark.parametrize(
    "kind",
    [errors.InvalidSetting, errors.InvalidLabel, errors.UnknownLabel, errors.GalleryNotFound],
)
def test_asking_for_what_is_not_there_or_not_allowed_is_an_error_of_usage(
    fail: Fail, kind: type[errors.DocdexError]
) -> None:
    assert fail(kind("It is so.")) == (2, "", f"Error: It is so. ({kind.code})\n")


def test_a_refused_batch_names_every_page_that_is_to_blame(fail: Fail) -> None:
    refusals = (
        Refusal("a.jpg", None, errors.EmptySource("a.jpg is empty.")),
        Refusal("b.pdf", 3, errors.DamagedSource("Page 3 is broken.")),
    )
    code, _, said = fail(errors.RegistrationRefused("Nothing was registered.", refusals))
    assert code == 1
    assert said.splitlines() == [
        "Refused: a.jpg: a.jpg is empty. (empty-source)",
        "Refused: b.pdf page 3: Page 3 is broken. (damaged-source)",
        "Error: Nothing was registered. (registration-refused)",
    ]


def test_ctrl_c_ends_quietly_with_130(fail: Fail) -> None:
    assert fail(KeyboardInterrupt()) == (130, "", "")


def test_an_error_of_ours_is_not_hidden_from_whoever_mends_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lazy, "load", lambda lazy: Command("go", callback=lambda: 1 // 0))
    with pytest.raises(ZeroDivisionError):
        run("register")


def test_a_command_that_does_not_exist_is_an_error_of_usage(run: Run) -> None:
    assert "No such command 'regster'" in run("regster", code=2).stderr


def test_the_version_is_that_of_the_package(run: Run) -> None:
    import docdex

    assert run("--version").stdout == f"docdex {docdex.__version__}\n"
