from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click
import pytest

from docdex.cli import COMMANDS, main

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
GENERATE = PAGE.with_name("generate.py")
HEAVY = ("numpy", "cv2", "onnxruntime", "pypdfium2", "torch", "rich", "msgspec")


def walk(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from walk(command, *names, name)
        else:
            yield " ".join([*names, name]), command


LEAVES = dict(walk(main))


def test_the_list_of_commands_loads_none_of_them() -> None:
    script = f"""
import sys
from docdex.cli import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    said, loaded = done.stdout.rsplit("\n", 2)[:2]
    assert loaded == "[]"
    assert all(f"  {name} " in said for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_the_command_says(name: str) -> None:
    help_ = COMMANDS[name].load().help
    assert help_ is not None
    assert help_.split("\n\n")[0] == COMMANDS[name].help


@pytest.mark.parametrize("name", LEAVES)
def test_the_help_of_every_command_has_an_example_of_it(name: str) -> None:
    assert f"\n  docdex {name}" in cleandoc(LEAVES[name].help or "").partition("Example:")[2]


@pytest.mark.parametrize("name", LEAVES)
def test_every_option_of_a_command_says_what_it_does(name: str) -> None:
    options = [option for option in LEAVES[name].params if isinstance(option, click.Option)]
    assert all(option.help for option in options)


def test_every_command_is_documented_with_the_help_it_prints() -> None:
    spec = importlib.util.spec_from_file_location("generate", GENERATE)
    assert spec is not None
    assert spec.loader is not None
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in LEAVES if f"\n## {name}\n" not in text] == []
    assert [name for name in LEAVES if f"<!-- generated: help {name} -->" not in text] == []
    assert docs.generate(text) == text
