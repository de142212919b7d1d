"""A thousand damaged files, read in a process with little memory: each is an error of ours or pages."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PDF")
SIDE = 60_000
MEMORY = 1536 * 1024 * 1024

READ_ALL = textwrap.dedent("""
    import json, resource, sys
    from docdex.errors import DocdexError
    from docdex.images import Page, iter_pages, mute_decoders
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
    with mute_decoders():
        for item in iter_pages(sys.argv[1], short_side=256):
            is_page = isinstance(item, Page)
            assert is_page or isinstance(item.error, DocdexError), item
            code = "page" if is_page else item.error.code
            print(json.dumps([item.source, code, "" if is_page else item.error.message]))
""")


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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit a process's memory")
def test_a_thousand_damaged_files_are_errors_or_pages_and_never_a_crash(tmp_path: Path) -> None:
    whole = {kind: _encode(kind) for kind in KINDS}
    hostile = _hostile()
    for name, data in hostile.items():
        (tmp_path / f"hostile-{name}.jpg").write_bytes(data)
    for number in range(1000 - len(hostile)):
        dice = random.Random(number)
        kind = KINDS[number % len(KINDS)]
        damage = DAMAGES[number // len(KINDS) % len(DAMAGES)]
        name = f"{kind.lower()}-{damage.__name__[1:]}-{number}.bin"
        (tmp_path / name).write_bytes(damage(whole[kind], dice))

    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path), str(MEMORY)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")

    answers: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        source, code, message = json.loads(line)
        answers.setdefault(Path(source).name, []).append(code)
        assert code == "page" or source in message
    assert len(answers) == 1000
    for name, codes in answers.items():
        if name.startswith("hostile-"):
            assert codes[0] in {"page-too-large", "damaged-source"}, name
        elif "-truncated-" in name:
            # Of a TIFF's two pages, the first may be whole; what is missing is said all the same.
            assert codes[-1] != "page", name
            assert "page" not in codes or name.startswith("tiff"), name
    assert any("page" in codes for codes in answers.values())
