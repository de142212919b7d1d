from __future__ import annotations

import base64
import re
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from docdex.errors import MissingExtra
from docdex.evaluation import evaluate
from docdex.evaluation.comparison import measure_peers
from docdex.evaluation.html import write_report
from docdex.evaluation.keypoints import SiftPeer
from docdex.evaluation.measurement import Measurement, measure_vectors
from docdex.evaluation.peers import open_peer, unit_length
from docdex.evaluation.plots import draw_maps, draw_roc, identification_curve, lay_out, project
from docdex.evaluation.protocol import Benchmark, Instance
from docdex.evaluation.replicates import Resampling

DATA_URI = re.compile(r'src="data:image/([a-z+]+);base64,([^"]+)"')


@pytest.fixture(scope="module")
def benchmark(benchmark_root: Path) -> Benchmark:
    return Benchmark.scan(benchmark_root)


@pytest.fixture(scope="module")
def measurements(benchmark: Benchmark) -> list[Measurement]:
    peers = [open_peer("thumbnail", train=Path("nowhere")), SiftPeer("sift <& co>")]
    return measure_peers(benchmark, peers)


@pytest.fixture(scope="module")
def page(
    benchmark: Benchmark, measurements: list[Measurement], tmp_path_factory: pytest.TempPathFactory
) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(benchmark, measurements, path)
    assert list(path.parent.iterdir()) == [path]
    return path.read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Which tags are open, what refers to elsewhere, and what the page says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_the_page_is_whole_and_needs_nothing_else(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert outline.references
    assert all(reference.startswith("data:image/") for reference in outline.references)
    assert "<script" not in page
    assert "url(" not in page
    assert "@import" not in page


def test_every_picture_can_be_read(page: str) -> None:
    kinds = []
    for kind, content in DATA_URI.findall(page):
        data = base64.b64decode(content)
        if kind == "svg+xml":
            assert ET.fromstring(data).tag.endswith("svg")
        else:
            assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
        kinds.append(kind)
    # Three curves a capture, two histograms and one pair of maps for the peer with vectors.
    assert kinds.count("svg+xml") == 8
    assert kinds.count("png") == 1
    assert kinds.count("jpeg") > 4


def test_figures_stand_with_their_intervals(page: str, measurements: list[Measurement]) -> None:
    result = measurements[0].result
    assert result.intervals is not None
    low, high = result.intervals.dir["stress"]["0.1"] or (0, 0)
    assert f"{result.dir['stress']['0.1']:.3f}<small>{low:.3f}–{high:.3f}</small>" in page
    assert "1,000 bootstrap replicates over types" in page


def test_a_lead_is_told_where_one_was_asked_for(page: str, benchmark_root: Path, tmp_path: Path) -> None:
    assert "How far ahead" not in page
    report = tmp_path / "report.html"
    phash, _ = evaluate(benchmark_root, ["phash", "thumbnail"], against="thumbnail", report=report)
    assert phash.lead is not None
    low, high = phash.lead.intervals.rank1["flat"]["mean"] or (1, 1)
    said = report.read_text(encoding="utf-8")
    assert "How far ahead" in said
    assert f"<td>phash</td><td>thumbnail</td><td>+0.000<small>{low:+.3f} to {high:+.3f}</small></td>" in said


def test_names_are_text_and_never_markup(page: str) -> None:
    assert "sift <& co>" in "".join(Outline(page).said)


def test_a_dollar_in_a_name_is_no_formula(tmp_path: Path) -> None:
    kinds = [kind for kind in ("us$$/a", "us$$/b") for _ in range(3)]
    found = Benchmark(
        tuple(Instance(Path(), k.split("/")[0], k, "flat", str(n)) for n, k in enumerate(kinds))
    )
    vectors = np.random.default_rng(0).standard_normal((len(kinds), 4, 8)).astype(np.float32)
    measured = measure_vectors(Resampling(found), "a$^{b", unit_length(vectors))
    for picture in (draw_maps(found, measured), draw_roc([measured], "flat")):
        assert picture.startswith("data:image/")


def test_a_costly_peer_says_how_it_was_asked(page: str) -> None:
    assert "is slow: it was asked in the first draw only" in "".join(Outline(page).said)


def test_two_runs_write_the_same_bytes(
    page: str, benchmark: Benchmark, measurements: list[Measurement], tmp_path: Path
) -> None:
    write_report(benchmark, measurements, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_without_strangers_or_stress_there_is_a_report_all_the_same(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    flat = Benchmark(tuple(i for i in benchmark.instances if i.kind and i.capture == "flat"))
    write_report(flat, measure_peers(flat, [open_peer("phash", train=tmp_path)]), tmp_path / "r.html")
    assert Outline((tmp_path / "r.html").read_text(encoding="utf-8")).open == []


@pytest.mark.parametrize("missing", ["matplotlib", "sklearn"])
def test_without_the_extra_nothing_is_measured_first(
    missing: str, benchmark_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    seen: list[int] = []
    with pytest.raises(MissingExtra, match=r"docdex\[report\]"):
        evaluate(
            benchmark_root,
            ["phash"],
            report=tmp_path / "r.html",
            progress=lambda done, _: seen.append(done),
        )
    assert seen == []


def test_the_identification_curve_passes_through_the_results(
    benchmark: Benchmark, measurements: list[Measurement]
) -> None:
    measured = measurements[0]
    grid, rates = identification_curve(benchmark, measured, "stress")
    assert grid[0] == pytest.approx(1 / 9)
    # Nine strangers: a tenth of them is nobody, so that the first point is the first above it.
    assert rates[0] >= (measured.result.dir["stress"]["0.1"] or 0)
    everything = [outcome.correct.mean() for outcome in measured.draws]
    assert rates[-1] == pytest.approx(np.mean(everything), abs=0.2)
    assert (np.diff(rates) >= 0).all()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 12])
def test_maps_have_a_place_for_every_page_and_always_the_same(count: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((count, 6)).astype(np.float32)
    for place in (project, lay_out):
        points = place(vectors)
        assert points.shape == (count, 2)
        assert np.isfinite(points).all()
        np.testing.assert_array_equal(points, place(vectors))


def test_the_first_direction_is_the_widest() -> None:
    rng = np.random.default_rng(1)
    vectors = (rng.standard_normal((50, 3)) * [1, 9, 3]).astype(np.float32)
    points = project(vectors)
    assert points[:, 0].std() > 2 * points[:, 1].std()
    assert abs(np.corrcoef(points[:, 0], vectors[:, 1])[0, 1]) > 0.99
