"""What all sub-commands share: how they are found, and how errors, Ctrl-C and closed pipes end them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from docdex import errors
from docdex.cli.messages import complain, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERRUPTED = 130

_USAGE = (
    errors.InvalidSetting,
    errors.InvalidLabel,
    errors.UnknownLabel,
    errors.PageOutOfRange,
    errors.GalleryNotFound,
    errors.ModelNotFound,
)
"""Errors by which the command line itself asks for something that is not allowed or not there."""


class Command(click.Command):
    """A sub-command: an error of docdex ends it with a sentence on stderr, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; exit code 2 for an error of usage, 1 for any other of docdex."""
        from docdex.images import mute_decoders  # here, because help must not wait for decoders

        # A name may hold characters that the terminal's encoding, or any other, does not have.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        with mute_decoders():
            try:
                return super().invoke(ctx)
            except errors.DocdexError as error:
                if isinstance(error, errors.RegistrationRefused):
                    for refusal in error.refusals:
                        refuse(refusal)
                complain(error)
                ctx.exit(2 if isinstance(error, _USAGE) else 1)


@dataclass(frozen=True, slots=True)
class Lazy:
    """A sub-command that is loaded when it is used. place: `module:name`. help: its line in the list."""

    place: str
    help: str

    def load(self) -> click.Command:
        """The command itself."""
        module, name = self.place.split(":")
        command: click.Command = getattr(import_module(module), name)
        return command


class Group(click.Group):
    """The command that holds all others, loads only the one that is asked for, and ends well on Ctrl-C."""

    def __init__(self, lazy: Mapping[str, Lazy], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._lazy = lazy
        click.version_option(package_name="docdex", message="%(prog)s %(version)s")(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded; `None` if there is none."""
        return self._lazy[cmd_name].load() if cmd_name in self._lazy else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command that the arguments name."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
