"""Spikes as a raster, and a board with its cores and links."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, LinearColorMapper, PlainText, Range1d
from bokeh.models import Span as Line

from tritspike.runtime.report.figures import FONT, ROLES, SHADES, empty, height, lines, role, text
from tritspike.runtime.report.records import Band, Board, Raster

RASTER, LABELS, CURSOR = "raster", "raster-labels", "raster-cursor"  # names by which `page.js` finds them
NUMBERS = "numbers"  # a tag of what has no room on narrow screens
_CLEAR = "rgba(0, 0, 0, 0)"
_ROW, _GAP, _TOKENS = 1.6, 7, 92  # pixels of a neuron's row, around a band's label, of the tokens' names
_LONGEST, _NAME = 14, 30  # characters of a token, of a population where several are named
_MOST_LINK = 9.0  # pixels of the busiest link
_NUMBERED = 160  # cores that have room for a number


def frames(chart: Raster) -> dict[str, Any]:
    """What `page.js` draws single steps from: bits of (frames, rows, columns), the last row first, as base64."""
    bands = [
        {"title": _title(b), "neurons": _neurons(b), "latency": b.latency, "rows": b.spikes.shape[1], "totals": list(b.totals), "bits": _packed(b)}
        for b in chart.bands
    ]
    return {"frames": chart.frames, "stops": chart.stops, "columns": list(chart.columns), "bands": bands}


def _packed(band: Band) -> str:
    return base64.b64encode(np.packbits(band.spikes[:, ::-1].ravel()).tobytes()).decode()


def raster(chart: Raster) -> Any:
    """Bands from the top down, their labels above them; tokens above all."""
    heights = [_ROW * b.spikes.shape[1] for b in chart.bands]
    words = [_label(b) for b in chart.bands]
    gaps = [height(w) + _GAP for w in words]
    tops = np.cumsum([0, *(h + gap for h, gap in zip(heights, gaps))])
    total, columns = float(tops[-1]), len(chart.columns)
    bottoms = [total - top - gap - h for top, gap, h in zip(tops, gaps, heights)]
    head = _TOKENS if chart.frames > 1 else 36
    found = empty(int(total) + head, x_range=Range1d(0, columns), y_range=Range1d(0, total), x_axis_location="above", min_border_left=8)
    found.yaxis.visible = found.grid.visible = False
    _columns(found, chart)
    images = {"image": [_counts(b) for b in chart.bands], "x": [0] * len(heights), "y": bottoms, "dw": [columns] * len(heights), "dh": heights}
    mapper = LinearColorMapper(palette=SHADES, low=0.5, high=max(chart.frames, 1), low_color=_CLEAR, tags=["palette=shades"])
    source = ColumnDataSource(images | {"name": [b.name for b in chart.bands]}, name=RASTER)
    picture = found.image(image="image", x="x", y="y", dw="dw", dh="dh", source=source, color_mapper=mapper)
    box = found.quad(left=0, right=columns, bottom=bottoms, top=[b + h for b, h in zip(bottoms, heights)], fill_color=None)
    role(box.glyph, line_color="faint")
    labels = {"x": [0] * len(heights), "y": [b + h + 2 for b, h in zip(bottoms, heights)], "text": words}
    text(found, ColumnDataSource(labels, name=LABELS))
    if chart.frames == 1:
        found.add_layout(role(Line(location=-1, dimension="height", line_width=2, name=CURSOR), line_color="link"))
    found.add_tools(HoverTool(renderers=[picture], tooltips=[("population", "@name"), ("spikes", "@image")]))
    return found


def _columns(found: Any, chart: Raster) -> None:
    every = 1 if chart.frames > 1 else max(1, len(chart.columns) // 12)
    places = [n + 0.5 for n in range(0, len(chart.columns), every)]
    found.xaxis.ticker = FixedTicker(ticks=places)
    found.xaxis.major_label_overrides = {place: PlainText(text=chart.columns[int(place)][:_LONGEST]) for place in places}
    found.xaxis.major_label_orientation = "vertical" if chart.frames > 1 else "horizontal"
    found.xaxis.update(major_label_text_font_size="11px", axis_line_color=None)


def _counts(band: Band) -> np.ndarray:
    return np.asarray(band.spikes[:, ::-1].sum(0), np.uint8)


def _label(band: Band) -> str:
    return f"{_title(band)}{sum(band.totals):,} spikes of {_neurons(band)}"


def _title(band: Band) -> str:
    """What stands before the spikes: in a line of its own where one would not hold both."""
    rest = f": {sum(band.totals):,} spikes of {band.neurons:,} neurons"
    return f"{band.name}: " if lines(band.name + rest).count("\n") == 0 else f"{lines(band.name)}:\n"


def _neurons(band: Band) -> str:
    """How many, and what they are, in a line of its own."""
    return f"{band.neurons:,} neuron{'' if band.neurons == 1 else 's'}" + (f",\n{lines(band.note)}" if band.note else "")


def board(chart: Board) -> Any:
    """Links below cores; chips around them."""
    right, bottom = max(x + w for x, _, w, _ in chart.chips) + 0.1, max(y + h for _, y, _, h in chart.chips) + 0.1
    found = empty(400, x_range=Range1d(-0.1, right), y_range=Range1d(bottom, -0.1))
    found.update(sizing_mode="scale_width", aspect_ratio=max(right / bottom, 0.5), min_border=0)
    found.axis.visible = found.grid.visible = False
    x, y, w, h = zip(*chart.chips)
    frame = found.rect([a + b / 2 for a, b in zip(x, w)], [a + b / 2 for a, b in zip(y, h)], w, h, fill_color=None, line_width=1.5)
    role(frame.glyph, line_color="soft")
    most = _MOST_LINK if len(chart.chips) == 1 else _MOST_LINK / 2
    busiest = max((link.messages for link in chart.links), default=1)
    ends = {name: [getattr(link, name) for link in chart.links] for name in ("x0", "y0", "x1", "y1")}
    lines = ColumnDataSource(ends | {"width": [most * link.messages / busiest for link in chart.links]})
    role(found.segment(x0="x0", y0="y0", x1="x1", y1="y1", line_width="width", source=lines).glyph, line_color="link")
    _cores(found, chart)
    return found


def _cores(found: Any, chart: Board) -> None:
    cores = chart.cores
    source = ColumnDataSource(
        {
            "x": [c.x for c in cores],
            "y": [c.y for c in cores],
            "size": [0.68 / c.side for c in cores],
            "load": [c.load for c in cores],
            "text": [f"{100 * c.load:.0f}" if c.neurons else "" for c in cores],
            "core": [f"{c.number:,} on chip {c.chip:,}" for c in cores],
            "holds": [", ".join(name[:_NAME] for name in c.holds[:4]) + (f" and {len(c.holds) - 4} more" if len(c.holds) > 4 else "") for c in cores],
            "neurons": [f"{c.neurons:,}" for c in cores],
        }
    )
    mapper = LinearColorMapper(palette=SHADES, low=0.001, high=1, low_color=ROLES["paper"], tags=["palette=shades", "low_color=paper"])
    squares = found.rect("x", "y", "size", "size", source=source, fill_color={"field": "load", "transform": mapper}, line_width=1)
    role(squares.glyph, line_color="soft")
    for dark in (False, True) if len(cores) <= _NUMBERED else ():
        some = [c for c in cores if c.neurons and (c.load >= 0.5) == dark]
        numbers = {"x": [c.x for c in some], "y": [c.y for c in some], "text": [f"{100 * c.load:.0f}" for c in some]}
        shown = found.text("x", "y", "text", source=ColumnDataSource(numbers), text_font=FONT, text_font_size="10px", tags=[NUMBERS])
        shown.glyph.update(text_align="center", text_baseline="middle")
        role(shown.glyph, text_color="paper" if dark else "ink")
    told = [("core", "@core"), ("neurons", "@neurons (@text % of a core's)"), ("holds", "@holds")]
    found.add_tools(HoverTool(renderers=[squares], tooltips=told))
