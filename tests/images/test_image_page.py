from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import cv2
import numpy as np
import pytest

from docdex.errors import InvalidSetting
from docdex.images import Page, read_pages
from docdex.images.quiet import quiet_opencv


def test_a_digest_is_the_files_and_not_the_scales(photo, encode):
    data = encode(photo, "JPEG")
    (full,), (reduced,) = read_pages(data), read_pages(data, short_side=100)
    assert full.pixels.shape != reduced.pixels.shape
    assert full.digest == reduced.digest
    assert len(full.digest) == 64


def test_a_digest_tells_files_arrays_and_shapes_apart(scene, encode):
    files = [next(read_pages(encode(scene, kind))).digest for kind in ("PNG", "BMP")]
    arrays = [Page(pixels, "x").digest for pixels in (scene, scene[:, ::-1], scene.reshape(80, 120, 3))]
    assert len({*files, *arrays}) == 5
    assert Page(scene.copy(order="F"), "another").digest == arrays[0]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2), np.uint8),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((2, 2, 3), np.int64),
        np.zeros((0, 2, 3), np.uint8),
    ],
)
def test_a_page_of_other_pixels_cannot_be_made(pixels):
    with pytest.raises(InvalidSetting, match=r"shape \(height, width, 3\)"):
        Page(pixels, "x")


@pytest.mark.parametrize("number", [0, -5, 1.0, "1", None])
def test_a_page_is_numbered_from_one(scene, number):
    with pytest.raises(InvalidSetting, match="numbered from 1"):
        Page(scene, "x", number)


def test_a_pages_source_is_its_name(scene, tmp_path):
    with pytest.raises(InvalidSetting, match="source is its name"):
        Page(scene, tmp_path)


def log_level() -> int:
    log = cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2
    return log.getLogLevel()


def test_opencv_is_as_loud_as_before_when_all_threads_have_left():
    before = log_level()
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with quiet_opencv():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    with quiet_opencv():
        assert log_level() == 0
    assert log_level() == 0
    leave.set()
    thread.join()
    assert log_level() == before


def test_muted_decoders_leave_pythons_own_messages(tmp_path):
    program = textwrap.dedent("""
        import os, sys
        from docdex.images import mute_decoders
        with mute_decoders():
            os.write(2, b"from a C library\\n")
            print("from Python", file=sys.stderr)
        os.write(2, b"afterwards\\n")
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=os.environ)
    assert done.stderr == b"from Python\nafterwards\n"


def test_muting_works_where_stderr_is_no_file(capfd, monkeypatch):
    from docdex.images import mute_decoders

    monkeypatch.setattr(sys, "stderr", None)
    with mute_decoders():
        os.write(2, b"noise")
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"


def test_importing_the_room_loads_no_decoder():
    heavy = {"cv2", "pypdfium2", "PIL", "pillow_heif", "torch"}
    program = f"import sys, docdex.images; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "set()"
