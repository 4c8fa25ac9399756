"""Values as bars, and differences with their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, PlainText, Range1d
from bokeh.models import Span as Line

from tritspike.runtime.report.figures import empty, height, lines, role, text
from tritspike.runtime.report.records import Bars, Intervals

_HATCH = {"": " ", "apart": "/", "static": "."}
_BAR, _SPACE = 12, 7  # pixels of a bar, and between it and its neighbours


def bars(chart: Bars) -> Any:
    """Each bar below its value and label, so that long ones have room on narrow screens."""
    most = max((b.value for b in chart.bars), default=0) or 1
    words = [lines(f"{b.shown}   {b.label}") for b in chart.bars]
    bottoms = (-np.cumsum([0, *(height(w) + _BAR + _SPACE for w in words)])).tolist()
    found = empty(8 - bottoms[-1], x_range=Range1d(0, most * 1.02), y_range=Range1d(bottoms[-1], 0))
    found.axis.visible = found.grid.visible = False
    drawn = {"y": [y + _SPACE + _BAR / 2 for y in bottoms[1:]], "right": [b.value for b in chart.bars], "hatch": [_HATCH[b.mark] for b in chart.bars]}
    hatched = {"hatch_pattern": "hatch", "hatch_weight": 1.5, "hatch_scale": 7, "line_width": 1}
    glyph = found.hbar(y="y", right="right", height=_BAR, source=ColumnDataSource(drawn), **hatched).glyph
    role(glyph, fill_color="fill", line_color="fill", hatch_color="paper")
    labels = {"x": [0] * len(words), "y": [y + _SPACE + _BAR + 2 for y in bottoms[1:]], "text": words}
    text(found, ColumnDataSource(labels))
    return found


def intervals(chart: Intervals) -> Any:
    """One below another, or along the runs in which they were found."""
    return _across(chart) if chart.across else _along(chart)


def _bounds(chart: Intervals) -> Range1d:
    """All values, 0 and the gate, with some room."""
    values = [0.0, *([] if chart.gate is None else [chart.gate])]
    values += [v for s in chart.spans for v in (s.value, s.low, s.high) if v is not None]
    room = 0.12 * (max(values) - min(values)) or 1.0
    return Range1d(min(values) - room, max(values) + room)


def _lines(found: Any, chart: Intervals, dimension: str) -> None:
    """At a tie, and at the gate."""
    found.add_layout(role(Line(location=0, dimension=dimension, line_width=1), line_color="soft"))
    if chart.gate is not None:
        found.add_layout(role(Line(location=chart.gate, dimension=dimension, line_width=2, line_dash="dashed"), line_color="link"))


def _along(chart: Intervals) -> Any:
    count = len(chart.spans)
    found = empty(
        64 * count + 56,
        x_range=_bounds(chart),
        y_range=Range1d(-count, 0.2),
        x_axis_label=PlainText(text=f"B - A, {chart.unit}: to the right B is better"),
    )
    found.yaxis.visible = found.ygrid.visible = False
    _lines(found, chart, "height")
    rows = [(-n - 0.6, s, s.value) for n, s in enumerate(chart.spans) if s.value is not None]
    y, values = [row for row, _, _ in rows], [value for _, _, value in rows]
    low, high = [value if s.low is None else s.low for _, s, value in rows], [value if s.high is None else s.high for _, s, value in rows]
    role(found.segment(low, y, high, y, line_width=3).glyph, line_color="ink")
    for end in (low, high):
        role(found.scatter(end, y, size=16, marker="dash", angle=np.pi / 2, line_width=2).glyph, line_color="ink")
    role(found.scatter(values, y, size=14, marker="diamond").glyph, fill_color="fill", line_color="ink")
    aligned = [_inward(value, found.x_range) for value in values]
    labels = {"x": values, "y": [row + 0.2 for row in y], "text": [_told(s.value, s.low, s.high) for _, s, _ in rows], "align": aligned}
    text(found, ColumnDataSource(labels), text_align="align")
    if chart.gate is not None:
        at = {"x": [chart.gate], "y": [-count], "text": [f" {_gate(chart.gate)} "], "align": [_inward(chart.gate, found.x_range)]}
        text(found, ColumnDataSource(at), text_align="align")
    return found


def _inward(value: float, of: Range1d) -> str:
    """Which way words at a value lie, so that a narrow screen does not cut them."""
    part = (value - of.start) / (of.end - of.start)
    return "left" if part < 1 / 3 else "right" if part > 2 / 3 else "center"


def _gate(gate: float) -> str:
    return f"gate {gate:+g}"


def _told(value: float | None, low: float | None, high: float | None) -> str:
    interval = "" if low is None or high is None else f" ({low:+.2f} to {high:+.2f})"
    return "undefined" if value is None else f"{value:+.2f}{interval}"


def _across(chart: Intervals) -> Any:
    count = len(chart.spans)
    found = empty(
        320,
        y_range=_bounds(chart),
        x_range=Range1d(0.5, count + 0.5),
        x_axis_label="run, oldest first",
        y_axis_label=PlainText(text=f"B - A, {chart.unit}"),
    )
    found.xgrid.visible = False
    found.xaxis.ticker = FixedTicker(ticks=list(range(1, count + 1, max(1, count // 10))))
    _lines(found, chart, "width")
    rows = [(n, s) for n, s in enumerate(chart.spans, 1) if s.value is not None]
    whiskers = [(n, s) for n, s in rows if s.low is not None and s.high is not None]
    x = [n for n, _ in whiskers]
    role(found.segment(x, [s.low for _, s in whiskers], x, [s.high for _, s in whiskers], line_width=2).glyph, line_color="soft")
    for marker, below in (("circle", False), ("x", True)):
        some = [(n, s) for n, s in rows if (chart.gate is not None and s.value is not None and s.value < chart.gate) == below]
        data = {"x": [n for n, _ in some], "y": [s.value for _, s in some], "text": [_told(s.value, s.low, s.high) for _, s in some]}
        points = found.scatter("x", "y", size=12, marker=marker, line_width=2, source=ColumnDataSource(data | {"run": [s.label for _, s in some]}))
        role(points.glyph, fill_color="fill", line_color="ink")
        found.add_tools(HoverTool(renderers=[points], tooltips=[("run", "@run"), ("B - A", "@text")]))
    if chart.gate is not None:
        text(found, ColumnDataSource({"x": [count + 0.45], "y": [chart.gate], "text": [_gate(chart.gate)]}), text_baseline="top", text_align="right")
    return found
