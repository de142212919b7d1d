from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

from fakes import TINY, Pixels

COMMAND = Path(sys.executable).with_name("docdex")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, signals and terminals of POSIX")


@pytest.fixture
def folder(tmp_path: Path, blocks: Callable[[int], Pixels]) -> Path:
    """A folder with two pages and a gallery in which both are registered."""
    for seed in (1, 2):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), blocks(seed))
    for label, page in (("claim/acme", "1.png"), ("id", "2.png")):
        docdex(tmp_path, "register", label, page, "--model", TINY)
    return tmp_path


def docdex(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=True, env=environment()
    )


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DOCDEX_")}


def test_the_installed_command_answers_in_another_process_what_was_registered_in_one(folder: Path) -> None:
    done = docdex(folder, "recognize", "2.png", "1.png", "--model", TINY)
    assert [line.split("\t")[:4] for line in done.stdout.splitlines()] == [
        ["2.png", "1", "match", "id"],
        ["1.png", "1", "match", "claim/acme"],
    ]
    assert done.stderr == ""


def test_python_runs_the_same_command(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docdex", "list"],
        cwd=folder,
        capture_output=True,
        check=True,
        env=environment(),
    )
    assert done.stdout == b"claim/acme\t1\nid\t1\n"


def test_what_c_libraries_print_about_a_damaged_picture_stays_off_stderr(
    folder: Path, blocks: Callable[[int], Pixels]
) -> None:
    encoded = cv2.imencode(".jpg", blocks(1))[1].tobytes()
    middle = len(encoded) // 2
    (folder / "damaged.jpg").write_bytes(encoded[:middle] + bytes(20) + encoded[middle + 20 :])
    done = subprocess.run(
        [COMMAND, "recognize", "damaged.jpg", "--model", TINY],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert all(line.startswith("Refused: damaged.jpg") for line in done.stderr.splitlines())
    assert done.stdout.startswith("damaged.jpg\t")


def test_a_closed_pipe_is_no_accident(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [COMMAND, "recognize", "--json", "1.png", "2.png", "--model", TINY],
        cwd=folder,
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        os.close(writer)
        _, said = process.communicate()
    assert said == b""


# A shell ignores the signal for what it runs in the background, tests included, and children inherit that.
HEARING_CTRL_C = [
    sys.executable,
    "-c",
    "import os, signal, sys\n"
    "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
]


def test_ctrl_c_ends_the_command_quietly_with_130(folder: Path) -> None:
    # Opening a pipe waits for the other side: when ours opens, the command is in the middle of reading.
    os.mkfifo(folder / "endless.png")
    with (
        subprocess.Popen(
            [*HEARING_CTRL_C, COMMAND, "recognize", "endless.png", "--model", TINY],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        ) as process,
        (folder / "endless.png").open("wb"),
    ):
        process.send_signal(signal.SIGINT)
        out, said = process.communicate()
    assert (process.returncode, out, said) == (130, b"", b"")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both sides of a pseudo-terminal: what a person sees, and what a program writes to."""
    pty = pytest.importorskip("pty")
    person, program = pty.openpty()
    yield person, program
    os.close(person)


def test_a_person_sees_a_progress_bar_and_a_table(folder: Path, terminal: tuple[int, int]) -> None:
    person, program = terminal
    process = subprocess.Popen(
        [COMMAND, "recognize", "1.png", "--model", TINY],
        cwd=folder,
        stdin=program,
        stdout=program,
        stderr=program,
        env={**environment(), "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(program)
    seen = read_all(person)
    assert process.wait() == 0
    assert "Recognising" in seen
    assert "0/1" in seen
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    heading, row, *_ = plain[plain.rindex("source") :].splitlines()
    assert heading.split() == ["source", "page", "decision", "label", "similarity", "rotation", "candidates"]
    assert row.split()[:4] == ["1.png", "1", "match", "claim/acme"]


def test_ctrl_c_on_a_terminal_takes_the_bar_away_and_gives_the_cursor_back(
    folder: Path, terminal: tuple[int, int]
) -> None:
    person, program = terminal
    os.mkfifo(folder / "endless.png")
    process = subprocess.Popen(
        [*HEARING_CTRL_C, COMMAND, "recognize", "endless.png", "--model", TINY],
        cwd=folder,
        stdin=program,
        stdout=program,
        stderr=program,
        env={**environment(), "TERM": "xterm"},
    )
    os.close(program)
    with (folder / "endless.png").open("wb"):
        process.send_signal(signal.SIGINT)
        seen = read_all(person)
    assert process.wait() == 130
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert seen.rindex(hidden) < seen.rindex(shown)
    assert "Exception" not in seen
    assert "Traceback" not in seen


def test_json_on_a_terminal_is_not_disturbed_by_a_progress_bar(
    folder: Path, terminal: tuple[int, int]
) -> None:
    person, program = terminal
    process = subprocess.Popen(
        [COMMAND, "recognize", "--json", "1.png", "2.png", "--model", TINY],
        cwd=folder,
        stdin=program,
        stdout=program,
        stderr=program,
        env={**environment(), "TERM": "xterm"},
    )
    os.close(program)
    assert [line[:9] for line in read_all(person).splitlines()] == ['{"source"', '{"source"']
    assert process.wait() == 0


def test_lines_go_to_a_pipe_while_the_bar_goes_to_the_terminal(
    folder: Path, terminal: tuple[int, int]
) -> None:
    person, program = terminal
    process = subprocess.Popen(
        [COMMAND, "recognize", "1.png", "2.png", "--model", TINY],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=program,
        env={**environment(), "TERM": "xterm"},
    )
    os.close(program)
    assert "Recognising" in read_all(person)
    out, _ = process.communicate()
    assert [line.split(b"\t")[3] for line in out.splitlines()] == [b"claim/acme", b"id"]


def read_all(person: int) -> str:
    """What comes out of a terminal until the program at its other side has ended."""
    seen = bytearray()
    while True:
        try:
            part = os.read(person, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not part:
            break
        seen += part
    return seen.decode()
