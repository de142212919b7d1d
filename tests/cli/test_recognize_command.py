from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from running import Draw, Run


@pytest.fixture
def two(dex: Run, draw: Draw) -> None:
    """A gallery of two labels."""
    dex("register", "claim/acme", draw("samples/1.png", 1))
    dex("register", "id", draw("samples/2.png", 2))


def lines(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


@pytest.mark.usefixtures("two")
def test_a_pipe_gets_a_line_a_page(dex: Run, draw: Draw) -> None:
    done = dex("recognize", draw("photo.png", 1, noise=1), draw("stranger.png", 9))
    known, stranger = lines(done.stdout)
    assert known[:4] == ["photo.png", "1", "match", "claim/acme"]
    assert known[4] == known[7] > "0.9"
    assert [known[5], known[6], known[8]] == ["0", "claim/acme", "id"]
    assert stranger[:4] == ["stranger.png", "1", "unknown", "-"]
    assert stranger[6::2] == ["claim/acme", "id"] or stranger[6::2] == ["id", "claim/acme"]
    assert done.stderr == ""


@pytest.mark.usefixtures("two")
def test_json_has_one_object_a_page_in_input_order_and_refusals_in_their_place(dex: Run, draw: Draw) -> None:
    draw("inbox/b.tif", 2, 1)
    draw("inbox/c.png", 9)
    Path("inbox/a.jpg").write_text("no picture")
    done = dex("recognize --json", "nosuch.pdf", "inbox", code=1)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["source"], one["page"], one["decision"], one["label"]) for one in said] == [
        ("nosuch.pdf", None, None, None),
        ("inbox/a.jpg", None, None, None),
        ("inbox/b.tif", 1, "match", "id"),
        ("inbox/b.tif", 2, "match", "claim/acme"),
        ("inbox/c.png", 1, "unknown", None),
    ]
    codes = [one["error"] and one["error"]["code"] for one in said]
    assert codes == ["source-not-found", "unsupported-format", None, None, None]


@pytest.mark.usefixtures("two")
def test_a_file_of_several_pages_ends_with_the_ranges_of_its_answers(dex: Run, draw: Draw) -> None:
    done = dex("recognize", draw("scan.pdf", 1, 1, 9, 2), draw("photo.png", 2))
    assert done.stdout.splitlines()[4] == "scan.pdf: 1-2 claim/acme, 3 unknown, 4 id"
    assert len(done.stdout.splitlines()) == 6


@pytest.mark.usefixtures("two")
def test_a_refused_input_has_its_line_and_its_reason(dex: Run, draw: Draw) -> None:
    done = dex("recognize", "nosuch.png", draw("photo.png", 1), code=1)
    assert done.stdout.splitlines()[0] == "nosuch.png\t-\trefused\t-\t-\t-"
    assert done.stderr == "Refused: nosuch.png: No file at nosuch.png. (source-not-found)\n"


@pytest.mark.usefixtures("two")
def test_top_is_how_many_candidates_are_given(dex: Run, draw: Draw) -> None:
    (row,) = lines(dex("recognize --top 1", draw("photo.png", 1)).stdout)
    assert len(row) == 8
    assert dex("recognize --top 0", "photo.png", code=2).stdout == ""


@pytest.mark.usefixtures("two")
def test_a_page_on_its_side_is_recognised_unless_rotations_are_off(dex: Run, draw: Draw) -> None:
    from PIL import Image

    with Image.open(draw("photo.png", 1)) as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save("side.png")
    assert lines(dex("recognize side.png").stdout)[0][2:6:3] == ["match", "270"]
    assert lines(dex("recognize side.png --no-rotations").stdout)[0][2] == "unknown"


@pytest.mark.usefixtures("two")
def test_threshold_and_margin_may_be_given(dex: Run, draw: Draw) -> None:
    draw("photo.png", 1, noise=1)
    assert lines(dex("recognize photo.png --threshold 1").stdout)[0][2] == "unknown"
    assert lines(dex("recognize photo.png --margin 2").stdout)[0][2] == "ambiguous"
    assert "(invalid-setting)" in dex("recognize photo.png --threshold nan", code=2).stderr


@pytest.mark.usefixtures("two")
def test_a_name_that_is_no_text_or_plays_tricks_is_answered_like_any_other(dex: Run, draw: Draw) -> None:
    names = [os.fsdecode(b"caf\xe9.png"), "tab\tend\n.png"]
    for name in names:
        os.link(draw("photo.png", 1), name)
    done = dex("recognize", *names)
    assert [row[0] for row in lines(done.stdout)] == ["caf\\udce9.png", "tab\\tend\\n.png"]
    said = [json.loads(line) for line in dex("recognize --json", *names).stdout.splitlines()]
    assert [one["source"] for one in said] == ["caf\\udce9.png", "tab\tend\n.png"]


def test_before_the_first_registration_there_is_no_gallery_to_ask(dex: Run, draw: Draw) -> None:
    assert "(gallery-not-found)" in dex("recognize", draw("photo.png", 1), code=2).stderr


@pytest.mark.usefixtures("two")
def test_a_calibration_that_the_gallery_has_outgrown_warns(dex: Run, draw: Draw) -> None:
    for seed in range(10, 40):
        draw(f"negatives/{seed}.png", seed)
    dex("calibrate --target-fpr 0.1 negatives")
    assert dex("recognize", draw("photo.png", 1)).stderr == ""
    dex("register", "third", draw("3.png", 3))
    assert dex("recognize photo.png").stderr.startswith("Warning: The threshold was measured with 2 samples")


def test_a_model_that_is_not_there_is_an_error_of_usage(run: Run, draw: Draw) -> None:
    said = run("recognize --model nosuch", draw("photo.png", 1), "--gallery", "x.db", code=2).stderr
    assert "not-found)" in said
