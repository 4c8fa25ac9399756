"""A page's records as one HTML file that needs nothing else: style, script, figures and the plotting library are in it.

Every text is escaped. The page's own policy lets a browser load nothing, and run the two scripts whose digests it names and no other, so that
a text which found a way into the markup still could not run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

import tritspike
from tritspike.runtime.errors import InputError
from tritspike.runtime.outputs import PAGE_MARK
from tritspike.runtime.report.records import Bars, Chart, Page, Raster, Section, Table

MOST = 6_000_000  # bytes
_PACKAGE = "tritspike.runtime.report"


def html(page: Page) -> str:
    """The file. Raises `InputError` where it would have more than `MOST` bytes."""
    scripts = [_library(), files(_PACKAGE).joinpath("page.js").read_text(encoding="utf-8")]
    found = "".join([*_head(page, scripts), *_body(page), *(f"<script>{script}</script>\n" for script in scripts), "</body>\n</html>\n"])
    size = len(found.encode())
    if size > MOST:
        raise InputError(f"the page would have {size:,} bytes, allowed {MOST:,}", "a shorter --text, or a smaller network")
    return found


def _library() -> str:
    """Of bokeh what figures need: no widgets, tables, GL or MathJax."""
    from bokeh.resources import Resources

    return "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw).replace("</script", "<\\/script")


def _head(page: Page, scripts: list[str]) -> Iterator[str]:
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    yield f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{PAGE_MARK}\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
    yield f"<title>{escape(page.title)}</title>\n<style>{files(_PACKAGE).joinpath('page.css').read_text(encoding='utf-8')}</style>\n</head>\n"


def _body(page: Page) -> Iterator[str]:
    yield f'<body>\n<a class="skip" href="#{page.sections[0].name}">To the findings</a>\n<header>\n<h1>{escape(page.title)}</h1>\n'
    yield f'<p>{escape(page.subtitle)}</p>\n<nav aria-label="Sections"><ul>'
    yield "".join(f'<li><a href="#{s.name}">{_NAMES.get(s.name, s.name)}</a></li>' for s in page.sections)
    yield "</ul></nav>\n</header>\n<main>\n"
    for section in page.sections:
        yield from _section(section)
    told = "figures drawn by bokeh, which is in this file; nothing is loaded from elsewhere"
    yield f"</main>\n<footer>tritspike {escape(tritspike.__version__)}; {told}.</footer>\n"


_NAMES = {"card": "Card", "spikes": "Spikes", "rates": "Rates", "network": "Network", "chip": "Chip", "costs": "Energy and time"}
_NAMES |= {"against": "A against B", "history": "History"}


def _section(section: Section) -> Iterator[str]:
    two = sum(isinstance(chart, Bars) for chart in section.charts) > 1
    yield f'<section id="{section.name}" aria-labelledby="{section.name}-found"{_kind(two)}>\n<div class="words">'
    yield f'<h2 id="{section.name}-found">{escape(section.heading)}</h2>\n'
    yield "".join(f"<p>{escape(text)}</p>\n" for text in section.says) + "</div>\n"
    for n, chart in enumerate(section.charts):
        yield from _chart(f"{section.name}-{n}", chart)
    for table in section.tables:
        yield from _table(table)
    yield "</section>\n"


def _kind(two: bool) -> str:
    return ' class="two"' if two else ""


def _chart(name: str, chart: Chart) -> Iterator[str]:
    from bokeh.embed import json_item

    from tritspike.runtime.report.drawing import drawn, frames, least_width

    sentence = escape(chart.sentence)
    yield f"<figure>\n<figcaption>{sentence}</figcaption>\n"
    if isinstance(chart, Raster):
        yield _STEPS.format(stops=chart.stops) + _data("frames", frames(chart))
    yield _data(f"{name}-figure", json_item(drawn(chart), name))
    scroll, least = (f' tabindex="0" role="group" aria-label="{sentence}"', least_width(chart))
    yield f'<div class="scroll"{scroll if least else ""}>'
    yield f'<div id="{name}" data-figure="{name}-figure" role="img" aria-label="{sentence}" style="min-width: {least}px"></div></div>\n</figure>\n'


_STEPS = (
    '<div class="steps"><label for="step">Step</label><input id="step" type="range" min="0" max="{stops}" value="0">'
    '<button id="play" type="button">Play</button><output id="said" for="step" aria-live="polite"></output></div>\n'
)


def _data(name: str, value: Any) -> str:
    """JSON that no browser takes for markup or script."""
    text = json.dumps(value).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _table(table: Table) -> Iterator[str]:
    caption = escape(table.caption)
    lead = f"<details><summary>{caption} ({len(table.rows):,} rows)</summary>" if table.folded else "<div>"
    yield f'{lead}<div class="scroll" tabindex="0" role="group" aria-label="{caption}"><table{_facts(table)}>'
    yield "" if table.folded else f"<caption>{caption}</caption>"
    yield (
        "<thead><tr>"
        + "".join(f'<th scope="col"{_number(n, table)}>{escape(name)}</th>' for n, name in enumerate(table.head))
        + "</tr></thead>\n<tbody>"
    )
    for first, *rest in table.rows:
        cells = "".join(f"<td{_number(n, table)}>{escape(cell)}</td>" for n, cell in enumerate(rest, 1))
        yield f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>\n'
    yield f"</tbody></table></div>{'</details>' if table.folded else '</div>'}\n"


def _facts(table: Table) -> str:
    """Names and values, which may be long, are broken anywhere; of wider tables, which scroll, only between words."""
    return ' class="facts"' if len(table.head) == 2 else ""


def _number(column: int, table: Table) -> str:
    return "" if column < table.words else ' class="number"'
