"""The board as an SVG picture: cores by how full they are, links by how much passes them."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.fit import Mapped
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index
from tritspike.runtime.places import HOST_CORE, places
from tritspike.runtime.places import link_loads as loads_of_links

_GAP, _CHIP_GAP = 0.35, 0.65  # between tiles and between chips, in tiles
_DRAWN = 8  # chips along each side that are drawn core by core; of more, the first ones, and the title says so
_DRAWN_TILES, _DRAWN_CORES = 128, 1 << 14  # at most, twice what any shipped board has there: beyond it a picture takes minutes and gigabytes
_INCHES, _THICK = 0.55, 9.0  # of a tile; points of the busiest link
_STYLE: Any = {"svg.hashsalt": "tritspike", "svg.fonttype": "none"}  # the same mapping, the same bytes, whatever style the user has


def picture(mapped: Mapped) -> str:
    """An SVG document. Dark blue: full; the thicker a red line, the more messages of a window pass that link (first along x, then y)."""
    with _undisturbed():
        from matplotlib import style
        from matplotlib.figure import Figure

    profile, (columns, rows) = mapped.partition.profile, _tiles(mapped.partition.profile)
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(max(7.0, _at(columns, profile.tiles_x) * _INCHES), 1.2 + _at(rows, profile.tiles_y) * _INCHES), layout="constrained")
        axes = figure.add_subplot(aspect="equal")
        axes.add_collection(_links(mapped))
        cores = axes.add_collection(_cores(mapped))
        axes.set(xlim=(-0.2, _at(columns, profile.tiles_x)), ylim=(_at(rows, profile.tiles_y), -0.2))
        axes.set_title(_title(mapped), parse_math=False)
        axes.set_axis_off()
        figure.colorbar(cores, ax=axes, label="a core's scarcest resource, share in use", shrink=0.6)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """For matplotlib's import: no backend that a notebook asks for (none is needed), no home folder needed, nothing said about either."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    before = {name: os.environ.get(name) for name in ("MPLBACKEND", "MPLCONFIGDIR")}
    os.environ.pop("MPLBACKEND", None)
    try:
        Path.home()
    except RuntimeError:
        os.environ.setdefault("MPLCONFIGDIR", os.path.join(os.devnull, "none"))  # cannot be made, so that it takes a temporary one
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _title(mapped: Mapped) -> str:
    profile, shown = mapped.partition.profile, len(_shown(mapped.partition.profile))
    chips = min(profile.chips_x, _DRAWN) * min(profile.chips_y, _DRAWN)
    part = "" if chips >= profile.chips else f", the first {chips} of {profile.chips} chips"
    part = part if shown >= chips * profile.cores_per_chip else f", {shown:,} of {profile.cores:,} cores"
    return f"{profile.name}{part}: {mapped.partition.program.network.neurons():,} neurons on {len(mapped.core):,} cores; red: messages on links"


def _tiles(profile: HardwareProfile) -> tuple[int, int]:
    """Tiles along x and y that are drawn."""
    sides = ((profile.chips_x, profile.tiles_x), (profile.chips_y, profile.tiles_y))
    across, down = (min(min(chips, _DRAWN) * tiles, _DRAWN_TILES) for chips, tiles in sides)
    return across, down


def _shown(profile: HardwareProfile) -> Index:
    """Cores that are drawn."""
    columns, rows = _tiles(profile)
    at = places(profile, np.arange(profile.cores))
    return np.flatnonzero((at.x < columns) & (at.y < rows))[:_DRAWN_CORES]


def _at(tile: Any, tiles_in_chip: int) -> Any:
    """Where a tile's corner is drawn."""
    return tile * (1 + _GAP) + tile // tiles_in_chip * _CHIP_GAP


def _cores(mapped: Mapped) -> Any:
    """Every usable core of the chips that are drawn, in its tile's square, coloured by what it uses."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    profile, core = mapped.partition.profile, _shown(mapped.partition.profile)
    full = np.zeros(profile.cores)
    full[mapped.core] = resources.shares(mapped.uses, profile).max(1)
    across = int(np.ceil(np.sqrt(profile.cores_per_tile)))
    at = places(profile, core)
    slot = core % profile.cores_per_chip % profile.cores_per_tile
    left, top = _at(at.x, profile.tiles_x) + slot % across / across, _at(at.y, profile.tiles_y) + slot // across / across
    squares = [Rectangle(corner, 0.9 / across, 0.9 / across) for corner in zip(left, top)]
    return PatchCollection(squares, array=full[core], cmap="Blues", clim=(0, 1), edgecolor="0.6", linewidth=0.4, zorder=2, gid="cores")


def _links(mapped: Mapped) -> Any:
    """A line between neighbouring tiles for what passes in both directions."""
    from matplotlib.collections import LineCollection

    profile, (columns, rows) = mapped.partition.profile, _tiles(mapped.partition.profile)
    lines, loads = [], []
    for found, dx, dy in zip(link_loads(mapped), (1, 0), (0, 1)):
        for y, x in np.argwhere(found > 0):
            if x + dx < columns and y + dy < rows:
                ends = ((x, y), (x + dx, y + dy))
                lines.append([(_at(i, profile.tiles_x) + 0.5, _at(j, profile.tiles_y) + 0.5) for i, j in ends])
                loads.append(found[y, x])
    widths = _THICK * np.array(loads) / max(loads, default=1)
    return LineCollection(lines, linewidths=widths, colors="tab:red", alpha=0.8, zorder=1)


def link_loads(mapped: Mapped) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Messages a window on each link of the board, as `places.link_loads` has them."""
    t = mapped.traffic
    source, target, messages = t.listed
    start = np.concatenate([mapped.core[source], np.repeat(HOST_CORE, len(t.host))])
    end = np.concatenate([mapped.core[target], mapped.core])
    return loads_of_links(mapped.partition.profile, start, end, np.concatenate([messages, t.host]))
