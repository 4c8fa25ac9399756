"""What a page shows, as plain records: sections of sentences, tables and charts. Nothing here draws; texts are as users wrote them, not escaped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """rows: a text a cell, as many as `head`; the first `words` columns hold words, the others numbers. folded: shown when asked for."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    folded: bool = False


@dataclass(frozen=True)
class Bar:
    """shown: `value` as it is written beside the bar. mark: which kind it is, drawn as a pattern of its own; "" for the plain one."""

    label: str
    value: float
    shown: str
    mark: str = ""


@dataclass(frozen=True)
class Bars:
    """Values of 0 or more from one zero. sentence: what they show, with the unit."""

    sentence: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, eq=False)
class Band:
    """One population's spikes. spikes: (frames, rows, columns) of those neurons that are shown, evenly spaced; a population has `neurons`.

    latency: frames that it sees them later than what is played; totals: (frames,) spikes of all its neurons; note: what else its label says.
    """

    name: str
    neurons: int
    latency: int
    spikes: NDArray[np.bool_]
    totals: tuple[int, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes of one text: a band a population, a column a token, and frames to step through; or a column a step, and one frame.

    columns: what each one is called; frames: steps of each column.
    """

    sentence: str
    columns: tuple[str, ...]
    frames: int
    bands: tuple[Band, ...]

    @property
    def stops(self) -> int:
        """Where a slider can stand besides "all": steps that any band has, or columns where there is one frame."""
        return len(self.columns) if self.frames == 1 else self.frames + max((b.latency for b in self.bands), default=0)


@dataclass(frozen=True)
class Core:
    """At (x, y), in tiles of the whole board, `side` cores to a tile's side. load: share of its neurons in use; holds: names of populations."""

    number: int
    chip: int
    x: float
    y: float
    side: int
    neurons: int
    load: float
    holds: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """Between neighbouring tiles (x0, y0) and (x1, y1): messages a window in both directions."""

    x0: float
    y0: float
    x1: float
    y1: float
    messages: float


@dataclass(frozen=True)
class Board:
    """Every core of the chips that are drawn, each chip a rectangle (x, y, width, height), and the links that carry anything."""

    sentence: str
    chips: tuple[tuple[float, float, float, float], ...]
    cores: tuple[Core, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Span:
    """A value with its interval, None where it is undefined. label: of the row, or of the run."""

    label: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Intervals:
    """Values in one unit, each with its interval, one below another (`across`: one behind another, as runs in time). gate: least that is allowed."""

    sentence: str
    unit: str
    spans: tuple[Span, ...]
    gate: float | None = None
    across: bool = False


Chart = Bars | Raster | Board | Intervals


@dataclass(frozen=True, eq=False)
class Section:
    """heading: what was found, in words; says: paragraphs behind it."""

    name: str
    heading: str
    says: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, eq=False)
class Page:
    """All of it, in order."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
