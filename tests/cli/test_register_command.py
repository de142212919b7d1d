from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import Draw, Run


def test_one_page_is_enough_for_a_label(run: Run, dex: Run, draw: Draw) -> None:
    done = dex("register", "claim/acme", draw("a.png", 1))
    assert (done.stdout, done.stderr) == ("claim/acme: 1 sample registered\n", "")
    assert run("list").stdout == "claim/acme\t1\n"


def test_a_folder_adds_all_its_pages(run: Run, dex: Run, draw: Draw) -> None:
    draw("forms/one.png", 1)
    draw("forms/deep/two.tif", 2, 3)
    dex("register", "claim", "forms")
    assert run("list").stdout == "claim\t3\n"


def test_a_tree_gives_each_page_its_folder_as_label_and_takes_links_for_files(
    run: Run, dex: Run, draw: Draw, tmp_path: Path
) -> None:
    draw("forms/claim/acme/1.png", 1)
    draw("forms/id/1.png", 2)
    draw("elsewhere.png", 3)
    (tmp_path / "forms/id/2.png").symlink_to(tmp_path / "elsewhere.png")
    dex("register --tree forms")
    assert run("list").stdout == "claim/acme\t1\nid\t2\n"


def test_registering_again_changes_nothing_and_says_so(run: Run, dex: Run, draw: Draw) -> None:
    dex("register", "a", draw("a.png", 1))
    assert dex("register", "a", "a.png").stdout == "a: 0 samples registered, 1 known already\n"
    assert run("list").stdout == "a\t1\n"


def test_nothing_is_registered_when_one_page_is_refused(run: Run, dex: Run, draw: Draw) -> None:
    done = dex("register", "a", draw("a.png", 1), "nosuch.png", code=1)
    refused, error = done.stderr.splitlines()
    assert refused == "Refused: nosuch.png: No file at nosuch.png. (source-not-found)"
    assert error.startswith("Error: Nothing was registered")
    assert "gallery-not-found" in run("list", code=2).stderr


def test_keep_going_registers_the_rest(run: Run, dex: Run, draw: Draw) -> None:
    done = dex("register --keep-going", "a", draw("a.png", 1), "nosuch.png", draw("b.png", 2), code=1)
    assert done.stdout == "a: 2 samples registered\n"
    assert done.stderr.count("Refused:") == 1
    assert run("list").stdout == "a\t2\n"


def test_a_page_of_another_label_is_refused_unless_allowed(run: Run, dex: Run, draw: Draw) -> None:
    dex("register", "a", draw("a.png", 1))
    assert "(conflicting-sample)" in dex("register", "b", "a.png", code=1).stderr
    dex("register --allow-conflict", "b", "a.png")
    assert run("list").stdout == "a\t1\nb\t1\n"


def test_a_sample_that_looks_like_another_label_is_registered_with_a_warning(dex: Run, draw: Draw) -> None:
    dex("register", "a", draw("a.png", 1))
    done = dex("register", "b", draw("b.png", 1, noise=1))
    assert done.stdout == "b: 1 sample registered\n"
    assert done.stderr.startswith(
        "Warning: b.png page 1, now registered as 'b', looks like 'a' (similarity 0.9"
    )


def test_only_the_pages_asked_for_are_registered(run: Run, dex: Run, draw: Draw) -> None:
    dex("register --pages 2-", "a", draw("scan.pdf", 1, 2, 3))
    rows = [line.split("\t") for line in run("show a").stdout.splitlines()]
    assert sorted(row[3] for row in rows) == ["2", "3"]


@pytest.mark.parametrize("limit", ["--max-megapixels", "--max-megabytes"])
def test_a_limit_refuses_what_is_larger_and_can_be_raised(dex: Run, limit: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1100, 1100, 3), dtype=np.uint8)
    Image.fromarray(noise).save("large.png")
    assert f"(raise it with {limit}" in dex("register", limit, "1", "a", "large.png", code=1).stderr
    dex("register", limit, "9", "a", "large.png")


def test_a_file_of_more_pages_than_the_limit_is_read_where_fewer_are_asked_for(dex: Run, draw: Draw) -> None:
    said = dex("register --max-pages 1", "a", draw("scan.pdf", 1, 2), code=1).stderr
    assert "--max-pages" in said
    dex("register --max-pages 1 --pages 2 a scan.pdf")


@pytest.mark.parametrize(
    "line",
    [
        "register",
        "register a",
        "register a//b x.png",
        "register --tree forms a x.png",
        "register a b --pages 0",
    ],
)
def test_a_line_that_makes_no_sense_is_an_error_of_usage(dex: Run, draw: Draw, line: str) -> None:
    draw("forms/a/x.png", 1)
    assert "Error: " in dex(line, code=2).stderr


def test_the_gallery_may_be_named_by_option_or_environment(
    run: Run, dex: Run, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCDEX_GALLERY", "mine.db")
    dex("register", "a", draw("a.png", 1))
    dex("register --gallery yours.db", "b", "a.png")
    assert run("list").stdout == "a\t1\n"
    assert run("list --gallery yours.db").stdout == "b\t1\n"
    assert not (tmp_path / "docdex.db").exists()
