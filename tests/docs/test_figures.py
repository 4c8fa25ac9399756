"""Figures of README's and the manual's tables are those that commands of benchmarks/ wrote into benchmarks/results or a model's card."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from command import ROOT
from manual_blocks import DOCS

import tritspike as ts
from tritspike.runtime.tasks.versus.run import parameters

RESULTS = ROOT / "benchmarks" / "results"
_NUMBER = re.compile(r"(?<![\w.@,-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|\.\d)")
PAGES = ["README.md", "docs/streams.md", "docs/models.md", "docs/fast.md", "docs/cores.md"]
ELSEWHERE = {
    "4,575,051",  # parameters of sst2-one-chip, and
    "1.419",  # the trigram's perplexity over the teacher's: both are computed below
    "1954",  # written by a language model
    "2012",
}


def _plain(value: object) -> Iterator[float]:
    """Every number in a result, with those in its texts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _plain(one)
    elif isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        yield from (float(n.replace(",", "")) for n in _NUMBER.findall(value))


def _measured() -> list[float]:
    files = [*RESULTS.glob("*.json"), *(ROOT / "models" / "zoo").glob("*/card.json")]
    found = [n for path in files for n in _plain(json.loads(path.read_text()))]
    return found + [n for path in (*RESULTS.glob("*.md"), *RESULTS.glob("*.txt")) for n in _plain(path.read_text())]


def _shown(page: str) -> Iterator[str]:
    """Numbers of three digits or more in a page's rows; those of fewer say little."""
    rows = [line for line in (ROOT / page).read_text().splitlines() if line.startswith("| ")]
    for row in rows:
        yield from (n for n in _NUMBER.findall(re.sub(r"`[^`]*`|\([^)]*\)\)", "", row)) if len(re.sub(r"\D", "", n).lstrip("0")) >= 3)


@pytest.fixture(scope="module")
def written() -> set[str]:
    """Every measured number as a page may write it: rounded, as a share in points, in millionths."""
    forms = {v for n in _measured() for v in (n, 100 * n, 1e6 * n)}
    return {text for v in forms for digits in range(6) for text in (f"{v:,.{digits}f}", f"{v:.{digits}f}")}


@pytest.mark.parametrize("page", PAGES)
def test_figures_of_tables_are_in_the_results(page, written):
    shown = list(_shown(page))
    assert len(shown) > 5 and [n for n in shown if n not in written | ELSEWHERE] == []


def test_what_no_benchmark_writes_is_computed():
    assert f"{parameters(ts.lower('sst2-one-chip')):,}" in ELSEWHERE
    teacher, trigram = (float(n) for n in ("182.0", "258.3"))
    assert f"{trigram / teacher:.3f}" in ELSEWHERE


def test_a_figure_that_nobody_measured_is_seen(written):
    assert "54.52" in written and "54.53" not in written and "21,520" in written and "21,521" not in written


def test_the_texts_that_are_shown_are_as_they_came():
    page, made = " ".join((ROOT / "README.md").read_text().split()), json.loads((RESULTS / "streams.json").read_text())["models"]
    (texts,) = [model["texts"] for model in made if model["name"] == "lm-stream-ternary"]
    for t in texts:
        assert f"{' '.join(t['text'].split())} (distinct-2 {t['distinct-2']:.2f}, {t['to the teacher']:.0f})" in page


def test_drawn_figures_are_small():
    assert DOCS.exists() and {p.name: p.stat().st_size for p in RESULTS.glob("*.svg") if p.stat().st_size > 150_000} == {}
