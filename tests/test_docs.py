"""The docs hold what they say: code runs, links lead somewhere, generated parts are current."""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import msgspec
import numpy as np
import pytest

import docdex
from docdex import errors, models
from docdex.evaluation import Lead, read_results, write_results
from fakes import TINY

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

FENCED = re.compile(r"(<!-- not run by the tests -->\n)?```(\w+)\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
URL = re.compile(r"https?://([\w.-]+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
MACHINE = re.compile(
    r"(?<![\w.$}~-])/(?:work|home|root|Users|mnt|media)/|index[-_]url|find[-_]links", re.IGNORECASE
)

PUBLIC_HOSTS = {"arxiv.org", "docs.python.org", "semver.org", "www.apache.org"}
"""Hosts that may be named: what people read. A package index or a file store is for each to choose."""

OTHERS_OPTIONS = {"--check", "--editable", "--logdir", "--no-deps", "--nproc-per-node", "--ocr", "--strict"}
"""Options in the docs that are those of other programs or of our scripts."""

needs_model = pytest.mark.skipif(
    models.DEFAULT not in models.names(), reason="the packaged model is not there yet"
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    """The code of a page that is to run."""
    found = FENCED.findall(page.read_text(encoding="utf-8"))
    return [code for left_out, language, code in found if language in languages and not left_out]


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git working tree")
    return [ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]


def load_generator(name: str = "generate") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def all_options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Every option of a command and of all below it."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            yield from all_options(child, context)


def all_errors(kind: type[errors.DocdexError] = errors.DocdexError) -> list[type[errors.DocdexError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in all_errors(child))]


def run_and_compare(code: str, names: dict[str, Any]) -> list[str]:
    """Run a block; the expressions whose value is not what the comment beside them says."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    comments = {token.start[0]: token.string[2:] for token in tokens if token.type == tokenize.COMMENT}
    wrong = []

    def compare(value: object, expression: str, promised: str) -> None:
        if repr(value) != promised:
            wrong.append(f"{expression} is {value!r}, not {promised}")

    class Comparing(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.Expr:
            promised = comments.get(node.end_lineno or 0)
            if promised is None:
                return node
            said = [ast.Constant(ast.unparse(node)), ast.Constant(promised)]
            call = ast.Call(ast.Name("compare", ast.Load()), [node.value, *said], [])
            return ast.copy_location(ast.Expr(call), node)

    tree = ast.fix_missing_locations(Comparing().visit(ast.parse(code)))
    names["compare"] = compare
    exec(compile(tree, "<docs>", "exec"), names)
    return wrong


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with what a user of the docs has: the sources, and the command on the path."""
    (tmp_path / "src").symlink_to(ROOT / "src")
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text("")
    np.savez(tmp_path / "vectors.npz", vectors=np.eye(2, dtype=np.float32), names=["a.jpg", "b.jpg"])
    for suffix in (".onnx", ".json"):
        shutil.copy(TINY.with_suffix(suffix), tmp_path / f"mine{suffix}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.delenv("DOCDEX_GALLERY", raising=False)
    return tmp_path


def test_a_comment_that_is_not_the_value_is_found() -> None:
    code = "one = 1  # the first\nif one:\n    one + 1  # 2\n    one + 2  # 4\n"
    assert run_and_compare(code, {}) == ["one + 2 is 3, not 4"]


@needs_model
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_the_python_of_a_page_runs_and_gives_what_it_says(page: Path, clone: Path) -> None:
    names: dict[str, Any] = {}
    assert [wrong for code in blocks(page, "python") for wrong in run_and_compare(code, names)] == []


@needs_model
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "bash")], ids=name_of)
def test_the_shell_commands_of_a_page_succeed(page: Path, clone: Path) -> None:
    script = "set -euo pipefail\n" + "\n".join(blocks(page, "bash"))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_whether_ours_are_ahead_of_the_published_recipe_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    tables = load_generator("model_tables")
    measured = {result.peer: result for result in read_results(tables.BENCHMARK)}
    monkeypatch.setattr(tables, "BENCHMARK", tmp_path / "benchmark.json")
    assert "Not measured yet" in tables.write_published()

    def named(**peers: str) -> None:
        results = [
            msgspec.structs.replace(
                measured[of],
                peer=f"docdex:{name}",
                lead=None if name == "published_1" else Lead("docdex:published_1", measured[of].intervals),
            )
            for name, of in peers.items()
        ]
        write_results([*results, measured["phash"]], tables.BENCHMARK)

    named(base="docdex:base")
    assert "Not measured yet" in tables.write_published()
    named(base="docdex:base", published_1="phash", published_2="thumbnail")
    figures, _, standing, _, leads = tables.write_published().split("\n\n")
    assert [line.split("`")[1] for line in figures.splitlines()[2:]] == [
        "docdex:base",
        "docdex:published_1",
        "docdex:published_2",
    ]
    assert standing.splitlines()[2].startswith("| `docdex:base` | ahead, apart |")
    assert len(standing.splitlines()) == 3
    assert [line.split("`")[1] for line in leads.splitlines()[2:]] == ["docdex:base", "docdex:published_2"]
    assert leads.splitlines()[2].startswith("| `docdex:base` | docdex:published_1 | +0.")


def test_make_evaluate_asks_whom_the_page_of_the_benchmark_says() -> None:
    page = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
    told = page[page.index("docdex evaluate ") : page.index("```\n", page.index("docdex evaluate "))]
    said = subprocess.run(["make", "-n", "evaluate"], cwd=ROOT, capture_output=True, text=True, check=True)
    asked = re.compile(r"--(?:peer|against) \S+")
    assert asked.findall(told) == asked.findall(said.stdout)
    assert len(asked.findall(told)) > 10


def test_generated_parts_are_current() -> None:
    generator = load_generator()
    stale = [
        name_of(page)
        for page in generator.find_pages()
        if generator.generate(text := page.read_text(encoding="utf-8")) != text
    ]
    assert stale == [], "run `python docs/generate.py`"


@needs_model
def test_figures_are_in_the_docs_once_they_are_measured() -> None:
    generator = load_generator()
    for part in ("measured", "model", "results", "thresholds"):
        lines = generator.PARTS[part]().splitlines()
        assert lines[0].startswith("|"), part
        assert len(lines) > 2, part


@needs_model
def test_mistakes_of_another_model_are_not_told_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    tables = load_generator("mistake_tables")
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    found = {
        "digest": models.load().passport.digest,
        "types": 130,
        "draws": 3,
        "threshold": 0.5,
        "probes": [
            {"set": "s", "capture": "flat", "asked": 9, "wrong": 2, "same_set": 1, "unknown": 3, "astray": 1}
        ],
        "strangers": [{"set": "posters", "asked": 9, "labelled": 4}],
        "mistaken": [{"probe": "s/a", "sample": "s/b", "capture": "flat", "similarity": 0.7, "times": 5}],
        "pairs_mistaken": 8,
        "alike": [],
        "pairs_alike": 0,
        "shown": 1,
        "credits": ["Somebody, MIT"],
    }

    def written(part: str) -> str:
        (tmp_path / "mistakes.json").write_text(json.dumps(found), encoding="utf-8")
        return str(tables.write_mistakes(part))

    assert "| s | flat | 9 | 4 | 2 | 1 | 3 | 1 |" in written("sets")
    assert "Of 9 answers 4 are right. 2 name another type, 1 of them one of the same set." in written("sets")
    assert "| posters | 9 | 4 |" in written("strangers")
    assert "| `s/a` | `s/b` | 5 | 0.700 |" in written("mistaken")
    assert "The first 1 of 8" in written("mistaken")
    assert "Somebody, MIT" in written("picture")
    found["digest"] = "another"
    for part in ("sets", "strangers", "mistaken", "alike", "picture"):
        assert written(part).startswith("*Not measured yet")


@needs_model
def test_every_packaged_model_has_its_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = load_generator()
    for name in (models.DEFAULT, "a-second"):
        for suffix in (".onnx", ".json"):
            shutil.copy(TINY.with_suffix(suffix), tmp_path / f"{name}{suffix}")
    passport = models.read_passport(tmp_path / "a-second.onnx")
    training = {"minutes": 8, "before": [{"name": "one"}, {"name": "two"}]}
    models.write_passport(msgspec.structs.replace(passport, training=training), tmp_path / "a-second.onnx")
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    lines = generator.write_model().splitlines()
    assert lines[0] == f"| passport | `{models.DEFAULT}` | `a-second` |"
    assert "| training: minutes | – | 8 |" in lines
    assert "| training: before name | – | one, two |" in lines


@needs_model
@pytest.mark.parametrize("name", models.names())
def test_the_committed_configs_are_those_that_made_the_packaged_models(name: str) -> None:
    from docdex.training.config import read_config, restore_config

    training = models.load(name).passport.training
    for made in (training, *training.get("joined", ())):
        made_with = restore_config(made["config"])
        assert read_config(ROOT / "configs" / f"{made_with.name}.toml") == made_with


@pytest.mark.parametrize("name", docdex.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if not URL.match(link):
            target, _, anchor = link.partition("#")
            path = (page.parent / target).resolve() if target else page
            if not path.exists():
                dead.append(link)
            elif anchor:
                heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
                if anchor not in slugs:
                    dead.append(link)
    assert dead == []


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        found += [f"{name_of(path)}: {match[0]}" for match in MACHINE.finditer(text)]
        found += [f"{name_of(path)}: {host}" for host in URL.findall(text) if host not in PUBLIC_HOSTS]
    assert found == []


def test_every_option_in_the_docs_exists() -> None:
    from docdex.cli import main

    known = {*all_options(main, click.Context(main)), "--help", *OTHERS_OPTIONS}
    texts = {name_of(page): page.read_text(encoding="utf-8") for page in PAGES}
    texts["errors.py"] = Path(errors.__file__).read_text(encoding="utf-8")
    unknown = {
        f"{name}: {option}"
        for name, text in texts.items()
        for option in OPTION.findall(text.replace("<!--", "").replace("-->", ""))
        if option not in known
    }
    assert unknown == set()


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_says_what_it_means_and_what_to_do(kind: type[errors.DocdexError]) -> None:
    meaning, *remedy = (kind.__doc__ or "").strip().split("\n\n")
    assert meaning.endswith(".")
    assert remedy or kind.__subclasses__()


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in all_errors()]
    assert len(codes) == len(set(codes))
