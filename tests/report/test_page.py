"""The file: self-contained, small enough, every text escaped, and what differs told apart without colour."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hostile_page import HOSTILE, hostile

pytest.importorskip("bokeh", reason="bokeh is not installed")

from tritspike.hw_profiles.errors import TritspikeError
from tritspike.runtime.outputs import PAGE, kind_of
from tritspike.runtime.report import charts, page, pictures
from tritspike.runtime.report.records import Bar, Bars, Page, Raster, Section, Table


class Parsed(HTMLParser):
    """Elements with their attributes, texts of scripts by type, and everything else that is text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found, self.scripts, self.words, self.inside = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.inside = (tag, dict(attrs))

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside and self.inside[0] == "script":
            self.scripts.append((self.inside[1].get("type"), data))
        elif not (self.inside and self.inside[0] == "style"):
            self.words.append(data)


@pytest.fixture(scope="module")
def written():
    return page.html(hostile())


def test_texts_stay_texts(written):
    found = Parsed(written)
    assert [tag for tag, _ in found.found if tag in ("img", "iframe", "object", "base", "form")] == []
    assert not [name for _, attributes in found.found for name in attributes if name.startswith("on")]
    assert sum(HOSTILE in words for words in found.words) > 20
    assert [kind for kind, _ in found.scripts].count(None) == 2, "the library and the page's own, and no other that runs"
    assert all(json.loads(text) is not None for kind, text in found.scripts if kind == "application/json")


def test_the_policy_names_the_two_scripts_and_lets_nothing_load(written):
    found = Parsed(written)
    (policy,) = [a["content"] for tag, a in found.found if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    runs = [text for kind, text in found.scripts if kind is None]
    digests = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in runs]
    assert f"script-src {' '.join(digests)};" in policy and policy.startswith("default-src 'none';") and "unsafe-eval" not in policy


def test_nothing_is_fetched_from_elsewhere(written):
    loads = [(tag, a.get(name)) for tag, a in Parsed(written).found for name in ("src", "href", "action", "data") if name in a]
    assert [where for _, where in loads if not where.startswith(("#", "data:"))] == []
    assert "url(" not in re.sub(r"<script>.*?</script>", "", written, flags=re.DOTALL)


def test_a_page_is_known_by_its_first_bytes(written, tmp_path):
    (tmp_path / "r.html").write_text(written)
    (tmp_path / "other.html").write_text("<!DOCTYPE html><p>mine")
    assert (kind_of(tmp_path / "r.html"), kind_of(tmp_path / "other.html")) == (PAGE, None)


def test_a_page_that_would_be_too_large_is_refused():
    rows = (("x" * 1000,),) * 5000
    with pytest.raises(TritspikeError, match=r"the page would have 6,.* bytes, allowed 6,000,000"):
        page.html(Page("a", "b", (Section("card", "c", (), (), (Table("t", ("h",), rows),)),)))


def test_marks_differ_by_pattern_and_marker():
    drawn = charts.bars(Bars("s", tuple(Bar(m, 1.0, m, m) for m in ("", "apart", "static"))))
    patterns = [r.data_source.data["hatch"] for r in drawn.renderers if "hatch" in r.data_source.data]
    assert len(set(patterns[0])) == 3
    history = hostile().sections[-1].charts[0]
    markers = {r.glyph.marker for r in charts.intervals(history).renderers if hasattr(r.glyph, "marker")}
    assert len(markers) == 2, "what is below the gate is another marker"


def test_frames_hold_every_spike():
    raster = hostile().sections[1].charts[0]
    assert isinstance(raster, Raster)
    import numpy as np

    for band, told in zip(raster.bands, pictures.frames(raster)["bands"]):
        bits = np.unpackbits(np.frombuffer(base64.b64decode(told["bits"]), np.uint8))[: band.spikes.size]
        assert (bits.reshape(band.spikes.shape)[:, ::-1] == band.spikes).all() and told["totals"] == list(band.totals)
