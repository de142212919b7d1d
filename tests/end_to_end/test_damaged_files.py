"""A thousand damaged files, in processes with little memory: each is an error of ours or an honest answer."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docdex import Recognizer
from fakes import TINY, draw_blocks

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems do not limit a process's memory"
)

COMMAND = Path(sys.executable).with_name("docdex")
FILES = 1000
KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PDF")
SIDE = 60_000
MEMORY = 1536 * 1024 * 1024

RUN_WITH_LITTLE_MEMORY = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""

READ_ALL = """
import json, sys
from docdex import DocdexError, Page
from docdex.images import iter_pages, mute_decoders
with mute_decoders():
    for item in iter_pages(sys.argv[1]):
        is_page = isinstance(item, Page)
        assert is_page or isinstance(item.error, DocdexError), item
        code = "page" if is_page else item.error.code
        print(json.dumps([item.source, code, "" if is_page else item.error.message]))
"""

RECOGNIZE_ALL = """
import json, sys
from docdex import DocdexError, Match, Recognizer
from docdex.images import mute_decoders
with Recognizer.open(sys.argv[1], model=sys.argv[2]) as dex, mute_decoders():
    for answer in dex.recognize_many(sys.argv[3]):
        if isinstance(answer, Match):
            print(json.dumps([answer.source, answer.page, answer.label, answer.similarity]))
        else:
            assert isinstance(answer.error, DocdexError), answer
            print(json.dumps([answer.source, answer.page, answer.error.code, answer.error.message]))
"""


def _picture() -> Image.Image:
    small = np.random.default_rng(3).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((360, 270), Image.Resampling.BICUBIC)


def _encode(kind: str) -> bytes:
    file, picture = io.BytesIO(), _picture()
    several = {"save_all": True, "append_images": [picture.rotate(180)]} if kind in ("TIFF", "PDF") else {}
    picture.save(file, kind, **several)
    return file.getvalue()


def _truncated(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def _flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 4, 40))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _flipped_at_its_start(data: bytes, dice: random.Random) -> bytes:
    return _flipped(data[:200], dice) + data[200:]


def _torn(data: bytes, dice: random.Random) -> bytes:
    start, end = sorted(dice.randrange(len(data)) for _ in range(2))
    return data[:start] + dice.choice((b"", b"\0" * (end - start), dice.randbytes(end - start))) + data[end:]


def _disguised(data: bytes, dice: random.Random) -> bytes:
    magic = dice.choice(
        [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"%PDF-1.7\n", b"BM"]
    )
    return magic + dice.choice((data, b"plain text\n" * 30, dice.randbytes(900), b""))


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _truncated,
    _flipped,
    _flipped_at_its_start,
    _torn,
    _disguised,
)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _hostile() -> dict[str, bytes]:
    """Whole files that claim 60,000 x 60,000 pixels and hold next to none."""
    blank = {kind: _encode(kind) for kind in KINDS}
    jpeg, bmp, gif, webp, tiff = (bytearray(blank[kind]) for kind in ("JPEG", "BMP", "GIF", "WEBP", "TIFF"))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, SIDE, SIDE)
    struct.pack_into("<ii", bmp, 18, SIDE, SIDE)
    struct.pack_into("<HH", gif, 6, SIDE, SIDE)
    webp[12:12] = b"VP8X" + struct.pack("<IIHBHB", 10, 0, SIDE & 0xFFFF, 0, SIDE & 0xFFFF, 0)
    struct.pack_into("<I", webp, 4, len(webp) - 8)
    (directory,) = struct.unpack_from("<I", tiff, 4)
    for entry in range(directory + 2, directory + 2 + 12 * tiff[directory], 12):
        if struct.unpack_from("<H", tiff, entry)[0] in (256, 257):
            struct.pack_into("<HII", tiff, entry + 2, 4, 1, SIDE)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    zeros = zlib.compress(bytes(1 << 20))
    png = (
        b"\x89PNG\r\n\x1a\n"
        + _png_chunk(b"IHDR", header)
        + _png_chunk(b"IDAT", zeros)
        + _png_chunk(b"IEND", b"")
    )
    pdf = (
        blank["PDF"].replace(b"/Width 360", b"/Width %d" % SIDE).replace(b"/Height 270", b"/Height %d" % SIDE)
    )
    rle = bytearray(bmp)
    struct.pack_into("<HI", rle, 28, 8, 1)
    return {
        "jpeg": bytes(jpeg),
        "png": png,
        "bmp": bytes(bmp),
        "rle-bmp": bytes(rle),
        "gif": bytes(gif),
        "webp": bytes(webp),
        "tiff": bytes(tiff),
        "pdf": pdf,
    }


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the thousand files; their names say what was done to them."""
    folder = tmp_path_factory.mktemp("damaged")
    whole = {kind: _encode(kind) for kind in KINDS}
    hostile = _hostile()
    for name, data in hostile.items():
        (folder / f"hostile-{name}.jpg").write_bytes(data)
    for number in range(FILES - len(hostile)):
        dice = random.Random(number)
        kind = KINDS[number % len(KINDS)]
        damage = DAMAGES[number // len(KINDS) % len(DAMAGES)]
        name = f"{kind.lower()}-{damage.__name__[1:]}-{number}.bin"
        (folder / name).write_bytes(damage(whole[kind], dice))
    return folder


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery that knows the picture which all files once held, and another one."""
    path = tmp_path_factory.mktemp("gallery") / "docdex.db"
    with Recognizer.open(path, model=TINY) as dex:
        dex.register_many([("picture", np.asarray(_picture())), ("other", draw_blocks(1))])
    return path


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-c", RUN_WITH_LITTLE_MEMORY, str(MEMORY)]
    return subprocess.run([*launcher, *command], capture_output=True, text=True, check=False)


def test_each_is_read_as_pages_or_an_error(damaged: Path) -> None:
    done = run(sys.executable, "-c", READ_ALL, damaged)
    assert (done.returncode, done.stderr) == (0, "")

    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        source, code, message = json.loads(line)
        found.setdefault(Path(source).name, []).append(code)
        assert code == "page" or source in message
    assert len(found) == FILES
    for name, codes in found.items():
        if name.startswith("hostile-"):
            assert codes[0] in {"page-too-large", "damaged-source"}, name
        elif "-truncated-" in name:
            # Of a TIFF's two pages, the first may be whole; what is missing is said all the same.
            assert codes[-1] != "page", name
            assert "page" not in codes or name.startswith("tiff"), name
    assert any("page" in codes for codes in found.values())


def test_each_gets_an_honest_answer_or_an_error_from_class_and_command(damaged: Path, gallery: Path) -> None:
    called = run(sys.executable, "-c", RECOGNIZE_ALL, gallery, TINY, damaged)
    assert (called.returncode, called.stderr) == (0, "")
    answers = [json.loads(line) for line in called.stdout.splitlines()]
    assert {Path(source).name for source, *_ in answers} == {path.name for path in damaged.iterdir()}

    typed = run(COMMAND, "recognize", "--json", "--gallery", gallery, "--model", TINY, damaged)
    assert (typed.returncode, typed.stderr) == (1, "")
    records = [json.loads(line) for line in typed.stdout.splitlines()]
    assert [
        [record["source"], record["page"], record["error"]["code"], record["error"]["message"]]
        if record["error"]
        else [record["source"], record["page"], record["label"], record["similarity"]]
        for record in records
    ] == answers

    # All that is left of any of them is the picture, or nothing that resembles it.
    said = {(record["decision"], record["label"]) for record in records}
    assert said == {("match", "picture"), ("unknown", None), (None, None)}
    for record in records:
        answered, refused = record["similarity"] is not None, record["error"] is not None
        assert answered != refused, record
        assert answered == bool(record["candidates"]), record
