from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import Draw, Run

from docdex.evaluation import markdown_table, read_results

# PNG in a file called .jpg would be read as well; the benchmark finds its pictures by that ending.


@pytest.fixture
def benchmark(draw: Draw) -> str:
    """A folder of three types with two instances each, and two strangers."""
    for kind in range(3):
        for instance in range(2):
            draw(f"bench/flat/cards/{kind}/{instance}.jpg", kind, noise=instance + 1)
            draw(f"bench/stress/cards/{kind}/{instance}.jpg", kind, noise=instance + 9)
    for capture in ("flat", "stress"):
        draw(f"bench/strangers/{capture}/things/9.jpg", 9)
    return "bench"


def test_results_are_printed_and_written_where_asked(run: Run, benchmark: str, tiny: Path) -> None:
    peers = ["--peer", f"docdex:{tiny}", "--peer", "phash"]
    said = run("evaluate", benchmark, *peers, "-o", "out/mine.json").stdout
    results = read_results(Path("out/mine.json"))
    assert [result.peer for result in results] == ["docdex:tiny", "phash"]
    assert said == markdown_table(results) + "\n"
    lines = run("evaluate --json", benchmark, *peers).stdout.splitlines()
    assert [json.loads(line)["peer"] for line in lines] == ["docdex:tiny", "phash"]


def test_a_lead_over_one_of_them_is_told_below_the_table(run: Run, benchmark: str) -> None:
    peers = ["--peer", "phash", "--peer", "thumbnail"]
    said = run("evaluate", benchmark, *peers, "--against", "phash", "-o", "mine.json").stdout
    results = read_results(Path("mine.json"))
    assert said == f"{markdown_table(results)}\n\n{markdown_table(results, 'lead')}\n"
    assert "| `thumbnail` | phash |" in said
    assert "(invalid-setting)" in run("evaluate --against hog", benchmark, *peers, code=2).stderr


def test_some_peers_alone_overwrite_no_results(run: Run, benchmark: str, tmp_path: Path) -> None:
    run("evaluate --peer phash", benchmark)
    assert not (tmp_path / "results").exists()


def test_all_peers_write_the_results_that_the_docs_are_made_from(
    run: Run, benchmark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docdex.evaluation.comparison.cheap_peer_names", lambda: ["phash", "thumbnail"])
    run("evaluate", benchmark)
    assert [result.peer for result in read_results(Path("results/benchmark.json"))] == ["phash", "thumbnail"]


def test_a_folder_without_benchmark_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "(empty-source)" in run("evaluate empty --peer phash", code=1).stderr


def test_results_that_cannot_be_written_are_an_error(run: Run, benchmark: str, draw: Draw) -> None:
    picture = draw("a.png", 1)
    said = run("evaluate --peer phash", benchmark, "-o", f"{picture}/results.json", code=1).stderr
    assert picture in said
    assert "Measuring" not in said  # before hours of it, not after


def test_a_report_is_written_where_asked(run: Run, benchmark: str) -> None:
    run("evaluate --peer phash --report new/report.html", benchmark)
    assert "phash" in Path("new/report.html").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_an_error(run: Run, benchmark: str, draw: Draw) -> None:
    picture = draw("a.png", 1)
    assert picture in run("evaluate --peer phash", benchmark, "--report", f"{picture}/r.html", code=1).stderr


def test_results_outlive_a_report_that_cannot_be_drawn(
    run: Run, benchmark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "report.html")

    monkeypatch.setattr("docdex.evaluation.comparison.write_report", fail)
    run("evaluate --peer phash --report report.html -o mine.json", benchmark, code=1)
    assert [result.peer for result in read_results(Path("mine.json"))] == ["phash"]
