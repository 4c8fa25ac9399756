"""Which function draws which record; the only modules that import bokeh are those that this one does."""

from __future__ import annotations

from typing import Any

from tritspike.runtime.report.charts import bars, intervals
from tritspike.runtime.report.pictures import board, frames, raster
from tritspike.runtime.report.records import Bars, Board, Chart, Raster

__all__ = ["drawn", "frames", "least_width"]
_TILE, _COLUMN, _MARGIN = 14, 14, 60  # pixels at least of a tile where there are several chips, of a token's column, beside all columns


def drawn(chart: Chart) -> Any:
    """The figure of a record."""
    if isinstance(chart, Bars):
        return bars(chart)
    if isinstance(chart, Raster):
        return raster(chart)
    return board(chart) if isinstance(chart, Board) else intervals(chart)


def least_width(chart: Chart) -> int:
    """Pixels below which a chart's labels would run into each other; the page lets it be scrolled by itself there."""
    if isinstance(chart, Raster):
        return _MARGIN + _COLUMN * len(chart.columns) if chart.frames > 1 else 0
    return _TILE * round(max(x + w for x, _, w, _ in chart.chips)) if isinstance(chart, Board) and len(chart.chips) > 1 else 0
