"""A page of every kind of chart, whose every text tries to be markup and script."""

from __future__ import annotations

import numpy as np

from tritspike.runtime.report.records import Band, Bar, Bars, Board, Core, Intervals, Link, Page, Raster, Section, Span, Table

HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">$$\\alpha$$'
RNG = np.random.default_rng(0)


def hostile() -> Page:
    h = HOSTILE
    spikes = RNG.random((3, 6, 4)) < 0.4
    bands = tuple(Band(f"{h}{n}", 6, n, spikes, tuple(spikes.sum((1, 2)).tolist()), h) for n in range(2))
    cores = tuple(Core(n, 0, n % 4 + 0.5, n // 4 + 0.5, 1, 10 * n, n / 8, (h, h)) for n in range(8))
    board = Board(h, ((0.0, 0.0, 4.0, 2.0),), cores, (Link(0.5, 0.5, 1.5, 0.5, 9.0),))
    spans = (*(Span(h, v, v - 1, v + 1) for v in (1.0, -2.0)), Span(h, None, None, None))
    sections = (
        Section("card", h, (h,), (), (Table(h, (h, h), ((h, h),)), Table(h, (h, h), ((h, h),), 2, folded=True))),
        Section("spikes", h, (h,), (Raster(h, (h, "b", "$$\\alpha$$", "d"), 3, bands),)),
        Section("rates", h, (), (Bars(h, (Bar(h, 1.0, h), Bar(h, 2.0, h, "apart"), Bar(h, 0.5, h, "static"))),)),
        Section("chip", h, (), (board,)),
        Section("against", h, (), (Intervals(h, h, spans[:1], -1.0),)),
        Section("history", h, (), (Intervals(h, h, spans, -1.0, across=True),)),
    )
    return Page(h, h, sections)
