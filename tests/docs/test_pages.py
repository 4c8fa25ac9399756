"""The manual and README: blocks run as they stand there, options that they name are there, links lead somewhere."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import util
from types import SimpleNamespace

import pytest
from command import ROOT
from manual_blocks import DOCS, PAGES, Block, blocks, clone, run

import tritspike as ts
from tritspike import commands

ELSEWHERE = {"docs/interchange.md", "docs/tutorial.md", "docs/lava.md"}  # interchange/test_page.py, test_tutorial.py, test_facts.py
NOT_RUN = {  # with what each begins
    ("README.md", "pip install -e ."),
    ("README.md", "make demo"),
    ("docs/cluster.md", "dask scheduler"),
    ("docs/cluster.md", "pip install"),
    ("docs/cluster.md", "tritspike sweep"),
    ("docs/index.md", "pip install -e ."),
    ("docs/lava.md", "tritspike lava install"),
    ("docs/models.md", "python benchmarks/language.py"),
    ("docs/own-data.md", "tritspike finetune-teacher"),
    ("docs/streams.md", "python benchmarks/streams.py"),
    ("docs/streams.md", "tritspike train"),
    ("docs/training.md", "pip install --no-deps"),
    ("docs/training.md", "torchrun"),
    ("docs/training.md", "tritspike train-teacher"),
}
BUILD = ["build", "--strict", "-f", "docs/site/mkdocs.yml"]
CODE = [b for page in PAGES for b in blocks(page) if b.kind in ("sh", "python")]
RUN = [b for b in CODE if b.why is None and b.page not in ELSEWHERE]
PARSERS = {c.name: c.parser(argparse.ArgumentParser, c.name, c.name) for c in commands.COMMANDS}


def test_what_is_not_run_is_listed_here():
    found = {(page, start) for b in CODE if b.why for page, start in NOT_RUN if b.page == page and b.begin.startswith(start)}
    assert found == NOT_RUN and sum(b.why is not None for b in CODE) == len(NOT_RUN)
    assert len(RUN) >= 9 and all(b.kind for page in PAGES for b in blocks(page)), "a block without a language"


@pytest.mark.parametrize("page", sorted({b.page for b in RUN}))
def test_blocks_run(page, tmp_path, request):
    some = [b for b in RUN if b.page == page]
    if any("$GLUE_DIR" in b.text for b in some):
        request.getfixturevalue("glue_dir")
    if any("lava" in b.text for b in some):
        pytest.importorskip("lava", reason="Lava is not installed")
    if any("--cluster" in b.text for b in some):
        pytest.importorskip("distributed", reason="distributed is not installed")
    folder, environment = clone(tmp_path), {}
    if "GLUE_DIR" not in os.environ and (ROOT.parent / "shared").exists():
        environment["GLUE_DIR"] = str(ROOT.parent / "shared" / "data" / "glue")
    assert all(run(block, folder, **environment) for block in some)


def test_a_block_that_fails_is_seen(tmp_path):
    with pytest.raises(AssertionError, match="page: tritspike inspect"):
        run(Block("page", "sh", "tritspike inspect nothing.tsp\n", None), clone(tmp_path))


def _typed(page: str) -> list[str]:
    """Every command that a page shows: a line of a block, or words in backquotes."""
    text = (ROOT / page).read_text()
    return re.findall(r"^(?:\$ )?(tritspike [^\n]*)", text, re.MULTILINE) + re.findall(r"`(tritspike [^`]*)`", text)


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_the_options_that_pages_name(page):
    for line in _typed(page):
        words = re.sub(r"\s#.*|[\[\]]", "", line.replace("\n", " ")).split(" && ")[0]
        name, *rest = shlex.split(words)[1:]
        if name not in PARSERS:
            assert name in ("--help", "COMMAND", "NAME"), line
            continue
        options = {word.split("=")[0] for word in rest if word.startswith("--")}
        assert options <= set(PARSERS[name]._option_string_actions), line


def test_the_manual_builds_and_its_links_lead_somewhere(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    built = _build(tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert {f"commands/{c.name}.html" for c in commands.COMMANDS} <= made
    assert {"api/tritspike.html", "api/net.html", "tutorial.html"} <= made
    layers = (tmp_path / "api" / "nets.html").read_text()
    assert all(f'id="{name}"' in layers for name in ("dense", "lif", "coincide", "recurrent", "fold", "outcome"))
    shown = (tmp_path / "api" / "net.html").read_text()
    assert all(f'id="{name}"' in shown.lower() for name in ("net", "lower", "on_cores", "windows"))
    assert "--profile" in (tmp_path / "commands" / "lower.html").read_text()
    loaded = re.findall(r'(?:src|href)="(https?://[^"]+)"', (tmp_path / "index.html").read_text())
    assert [url for url in loaded if "squidfunk" not in url and "zensical" not in url] == [], "a page that needs the net"


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path):
    """To a page, and to a place in one."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    for path in ROOT.iterdir():
        if path != DOCS and not path.name.startswith(".") and path.name != "out":
            (tmp_path / path.name).symlink_to(path)
    shutil.copytree(DOCS, tmp_path / "docs")
    with (tmp_path / "docs" / "limits.md").open("a") as page:
        page.write("[a](nothing.md) [b](concepts.md#nowhere)\n")
    built = _build(tmp_path / "out", tmp_path)
    assert built.returncode != 0 and "nothing.md" in built.stderr and "#nowhere" in built.stderr


def test_a_link_to_a_file_that_is_not_there_ends_the_build():
    pages = _pages()
    from mkdocs.exceptions import PluginError

    page = SimpleNamespace(file=SimpleNamespace(src_uri="a.md"))
    assert pages.on_page_markdown("[`a`](../README.md)", page, None, None) == "`README.md`"
    with pytest.raises(PluginError, match=r"there is no runtime/nothing\.py"):
        pages.on_page_markdown("[a](../runtime/nothing.py)", page, None, None)


def test_signatures_are_shown_as_they_are_typed():
    """A parameter a line where it is long; annotations as they stand in the source."""
    shown = _pages()._signature
    assert shown(ts.available) == "() -> list[str]" and shown(ts.Model.save) == "(path: str)"
    assert shown(ts.perplexity) == "(\n    source: Source,\n    text: str | Path,\n    *,\n    stride: int | None = None,\n) -> Score"
    assert "    data: str | Path | Iterable[tuple[Text, float | str]],\n" in shown(ts.evaluate)
    assert _pages()._escaped("a*b < `c*d`") == r"a\*b &lt; `c*d`"


def test_make_builds_what_is_tested():
    assert f"mkdocs {' '.join(BUILD)}" in (ROOT / "Makefile").read_text()


def _pages():
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    spec = util.spec_from_file_location("pages", DOCS / "site" / "pages.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _build(out, place=ROOT):
    command = [sys.executable, "-m", "mkdocs", *BUILD, "-d", str(out)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300, env=env)


def test_readme_is_short_and_its_links_lead_somewhere():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 160 and max(map(len, lines)) <= 120
    links = [link for link in re.findall(r"\]\(([^)#]+)", "\n".join(lines)) if "://" not in link]
    assert len(links) > 8 and [link for link in links if not (ROOT / link).exists()] == []
