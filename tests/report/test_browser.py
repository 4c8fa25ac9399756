"""Pages in a headless Chromium: drawn without a word on the console, at two widths, in light and dark, by keyboard, and without running a text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from browser import MISSING, browser
from hostile_page import HOSTILE, hostile

pytest.importorskip("bokeh", reason="bokeh is not installed")
if MISSING:
    pytest.skip(f"no {MISSING} on this machine", allow_module_level=True)

from command import runtime_main

from tritspike.runtime.host import file as program_file
from tritspike.runtime.report import page, played
from tritspike.runtime.report.played import Given

TEXT = "The game was released in Japan in 2011 . It was the third title of the series , and the first one for a console ."  # wider than a phone
KINDS = {
    "encoder": ("--data", "glue", "--against", "other.tsp", "--card", "card.json", "--fail-below", "-1"),
    "pair": ("--data", "glue"),
    "stream": ("--text", TEXT),
    "net": ("--data", "arrays.npy"),
}
RIGHT, HOME = "\ue014", "\ue011"
CANVASES = """
const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
const inked = (c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((value, n) => n % 4 === 3 && value > 0);
return [...document.querySelectorAll("[data-figure]")].map((f) => [f.id, all(f).filter((e) => e.tagName === "CANVAS" && e.width > 50).some(inked)]);
"""
IMAGES = "for (const d of Bokeh.documents) { const m = d.get_model_by_name('raster'); if (m) return m.data.image.map((i) => Array.from(i)); }"
EVERYWHERE = "const all = (r) => [...r.querySelectorAll('*')].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]); "
BOX = """
const found = document.getElementById(arguments[0]);
found.scrollIntoView();
const box = found.getBoundingClientRect();
return [box.x, box.y, box.width, box.height];
"""
COLOURS = """
const style = getComputedStyle(document.documentElement);
return ["paper", "ink", "soft", "fill", "link"].map((name) => style.getPropertyValue(`--${name}`).trim());
"""


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(made):
    """By kind, the page's path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.folder)
        for name, more in KINDS.items():
            assert runtime_main(["report", f"{name}.tsp", *more, "--out", f"{name}.html"]) == 0
    return {name: made.folder / f"{name}.html" for name in KINDS}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_drawn_and_fits(chromium, pages, kind, width, dark):
    chromium.look(width, dark)
    chromium.open(pages[kind])
    found = dict(chromium.run(CANVASES))
    assert found and [name for name, inked in found.items() if not inked] == []
    assert chromium.console() == []
    chromium.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert chromium.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "the page scrolls sideways"
    assert chromium.run("return performance.getEntriesByType('resource').filter((e) => !e.name.startsWith('data:')).length") == 0


def test_the_keyboard_steps_through_the_spikes(chromium, pages, made):
    raster = played.of_texts(program_file.load(made.stream), Given(TEXT)).raster
    chromium.look(1280)
    chromium.open(pages["stream"])
    every = [np.array(i).reshape(b.spikes.shape[1:]) for i, b in zip(chromium.run(IMAGES), raster.bands)]
    assert all((image[::-1] == b.spikes.sum(0)).all() for image, b in zip(every, raster.bands))
    chromium.press("#step", HOME)
    for step in range(1, 13):
        chromium.press("#step", RIGHT)
        images = [np.array(i).reshape(b.spikes.shape[1:])[::-1] > 0 for i, b in zip(chromium.run(IMAGES), raster.bands)]
        totals = 0
        for image, band in zip(images, raster.bands):
            frame = step - 1 - band.latency
            there = 0 <= frame < raster.frames
            assert (image == (band.spikes[frame] if there else False)).all(), (step, band.name)
            totals += band.totals[frame] if there else 0
        said = chromium.run("return document.getElementById('said').textContent")
        assert said.startswith(f"Step {step} of {raster.stops}: {totals:,} spikes in ")
    assert chromium.run("return document.activeElement.id") == "step" and chromium.console() == []


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(a: str, b: str) -> float:
    dark, light = sorted(map(_luminance, (a, b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_words_and_marks_stand_out_in_both_schemes(chromium, pages, dark):
    chromium.look(1280, dark)
    chromium.open(pages["encoder"])
    paper, *others = chromium.run(COLOURS)
    assert (_luminance(paper) < 0.1) == dark
    ink, soft, fill, link = (_contrast(paper, colour) for colour in others)
    assert min(ink, soft) >= 4.5 and min(fill, link) >= 3
    tagged = chromium.run(
        "return Bokeh.documents[0].all_models === undefined ? [] : [...Bokeh.documents].flatMap((d) => [...d.all_models])"
        ".filter((m) => (m.tags ?? []).includes('text_color=ink')).map((m) => m.text_color.value ?? m.text_color)"
    )
    assert tagged and set(tagged) == {others[0]}, "figures keep the scheme's colours"


def test_everything_has_a_name_and_a_label(chromium, pages):
    chromium.open(pages["encoder"])
    unnamed = "return [...document.querySelectorAll('[role=img], input, .scroll[tabindex]')].filter((e) => !e.ariaLabel && !e.labels?.length).length"
    assert chromium.run(unnamed) == 0
    levels = chromium.run("return [...document.querySelectorAll('h1, h2, h3')].map((e) => e.tagName)")
    assert levels[0] == "H1" and set(levels[1:]) == {"H2"}
    headings = chromium.run("return [...document.querySelectorAll('h2')].map((e) => e.textContent)")
    assert all(re.search(r"\d", text) for text in headings), "a heading says what was found"


def _hovered(chromium, name: str) -> set[str]:
    """What tooltips say where the mouse goes over a figure."""
    found = set()
    x, y, wide, high = chromium.run(BOX, name)
    for across in (0.13, 0.37, 0.5, 0.625, 0.88):
        for down in (0.25, 0.5, 0.75, 0.9, 0.96):
            chromium.devtools("Input.dispatchMouseEvent", type="mouseMoved", x=x + wide * across, y=y + min(high, 800) * down)
            found |= set(
                chromium.run(EVERYWHERE + "return all(document).filter((e) => e.matches('.bk-Tooltip')).map((e) => e.shadowRoot.textContent)")
            )
    return found


def test_no_text_of_a_user_runs(chromium, tmp_path):
    at = tmp_path / "hostile.html"
    at.write_text(page.html(hostile()))
    chromium.look(1280)
    chromium.open(at)
    names = chromium.run("return [...document.querySelectorAll('[data-figure]')].map((e) => e.id)")
    told = {name: _hovered(chromium, name) for name in names}
    assert len(names) == 5 and any(HOSTILE[:30] in text for text in told["chip-0"]) and any(HOSTILE in text for text in told["spikes-0"])
    chromium.press("#step", RIGHT)
    assert chromium.run(EVERYWHERE + "return all(document).filter((e) => e.tagName === 'IMG').length") == 0
    assert chromium.run("return window.hacked === undefined") and chromium.console() == []


def test_a_script_that_got_in_would_not_run(chromium, tmp_path):
    at = tmp_path / "broken.html"
    at.write_text(page.html(hostile()).replace("<main>", "<main><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"))
    chromium.open(at)
    assert chromium.run("return window.hacked === undefined")
    assert any("Content Security Policy" in line for line in chromium.console())


CUT = """
const pen = document.createElement("canvas").getContext("2d"), cut = [];
let seen = 0;
for (const held of Bokeh.documents) {
  for (const plot of [...held.all_models].filter((m) => m.type === "Figure")) {
    for (const drawn of plot.renderers.filter((r) => r.visible && r.glyph?.type === "Text")) {
      const data = drawn.data_source.data, range = plot.x_range;
      pen.font = `${drawn.glyph.text_font_size.value} system-ui, sans-serif`;
      [...data.text].forEach((text, n) => {
        const at = ((data.x[n] - range.start) / (range.end - range.start)) * plot.inner_width;
        const align = data.align?.[n] ?? drawn.glyph.text_align.value;
        for (const line of String(text).split("\\n")) {
          const wide = pen.measureText(line).width, left = at - { left: 0, center: wide / 2, right: wide }[align];
          seen += 1;
          if (left < -8 || left + wide > plot.inner_width + 8) cut.push(line);
        }
      });
    }
  }
}
return [seen, cut];
"""


@pytest.mark.parametrize("kind", KINDS)
def test_no_words_of_a_figure_are_cut_on_a_phone(chromium, pages, kind):
    chromium.look(400)
    chromium.open(pages[kind])
    seen, cut = chromium.run(CUT)
    assert seen > 8 and cut == []
