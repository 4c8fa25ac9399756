"""The board as an SVG picture: cores by how full they are, links by how much passes them. Plain text, no library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compiler.mapping.board import places
from compiler.mapping.fit import Mapped
from compiler.mapping.slicing import limits
from compiler.mapping.traffic import HOST_CORE
from runtime.tiling import Index

_TILE, _GAP, _CHIP_GAP, _TOP = 40, 14, 26, 46  # pixels: a tile, between tiles, between chips, for the title
_WIDEST_TEXT = 660  # pixels: the legend's
_DRAWN = 64  # chips that are drawn core by core; of more, the first ones, and the title says so
_LOW, _HIGH = np.array([237, 243, 250]), np.array([8, 64, 129])  # colours of an empty and of a full core
_LINK = "#d9541e"


def picture(mapped: Mapped) -> str:
    """An SVG document. Dark blue: full; the thicker a red line, the more messages of a sentence pass that link (first along x, then y)."""
    profile = mapped.partition.profile
    chips = min(_columns(mapped) * _rows(mapped), profile.chips)
    body = [*_links(mapped), *_cores(mapped)]
    width, height = max(_columns(mapped) * _chip_width(mapped) + _GAP, _WIDEST_TEXT), _TOP + _rows(mapped) * _chip_height(mapped) + _GAP
    part = "" if chips == profile.chips else f", the first {chips} of {profile.chips} chips"
    title = f"{profile.name}{part}: {mapped.partition.program.neurons():,} neurons on {len(mapped.core):,} cores"
    legend = "a square is a core, darker the fuller its scarcest resource; a line is a link, thicker the more messages"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{_GAP}" y="18" font-weight="bold">{title}</text><text x="{_GAP}" y="36" fill="#555">{legend}</text>',
    ]
    return "\n".join([*head, *body, "</svg>\n"])


def _columns(mapped: Mapped) -> int:
    return min(mapped.partition.profile.chips_x, int(np.sqrt(_DRAWN)))


def _rows(mapped: Mapped) -> int:
    return min(mapped.partition.profile.chips_y, int(np.sqrt(_DRAWN)))


def _chip_width(mapped: Mapped) -> int:
    return mapped.partition.profile.tiles_x * (_TILE + _GAP) + _CHIP_GAP


def _chip_height(mapped: Mapped) -> int:
    return mapped.partition.profile.tiles_y * (_TILE + _GAP) + _CHIP_GAP


def _corner(mapped: Mapped, x: int, y: int) -> tuple[int, int]:
    """Pixels of a tile's upper left corner."""
    profile = mapped.partition.profile
    left = _GAP + x * (_TILE + _GAP) + x // profile.tiles_x * _CHIP_GAP
    return left, _TOP + _GAP + y * (_TILE + _GAP) + y // profile.tiles_y * _CHIP_GAP


def _shown(mapped: Mapped, x: int, y: int) -> bool:
    profile = mapped.partition.profile
    return x < _columns(mapped) * profile.tiles_x and y < _rows(mapped) * profile.tiles_y


def _cores(mapped: Mapped) -> list[str]:
    """Every usable core of the chips that are drawn, in its tile's square, those in use coloured."""
    profile = mapped.partition.profile
    full = np.zeros(profile.cores)
    full[mapped.core] = (mapped.used() / limits(profile)).max(1)
    across = int(np.ceil(np.sqrt(profile.cores_per_tile)))
    side, at, out = _TILE // across, places(profile, np.arange(profile.cores)), []
    for core in range(profile.cores):
        x, y = int(at.x[core]), int(at.y[core])
        if _shown(mapped, x, y):
            (left, top), slot = _corner(mapped, x, y), core % profile.cores_per_chip % profile.cores_per_tile
            px, py = left + slot % across * side, top + slot // across * side
            tip = f"<title>core {core}: {full[core]:.0%}</title>"
            out.append(f'<rect x="{px}" y="{py}" width="{side - 1}" height="{side - 1}" fill="{_colour(full[core])}" stroke="#9ab">{tip}</rect>')
    return out


def _colour(share: float) -> str:
    if share == 0:
        return "#ffffff"
    return "#" + "".join(f"{int(v):02x}" for v in _LOW + (_HIGH - _LOW) * share)


def _links(mapped: Mapped) -> list[str]:
    """A line between neighbouring tiles for what passes in both directions."""
    horizontal, vertical = link_loads(mapped)
    most, out = max(horizontal.max(initial=0), vertical.max(initial=0), 1e-9), []
    for loads, dx, dy in ((horizontal, 1, 0), (vertical, 0, 1)):
        for y, x in np.argwhere(loads > 0):
            if _shown(mapped, int(x) + dx, int(y) + dy):
                (ax, ay), (bx, by) = _corner(mapped, int(x), int(y)), _corner(mapped, int(x) + dx, int(y) + dy)
                half, thick = _TILE // 2, 1 + 11 * float(loads[y, x]) / most
                tip = f"<title>{loads[y, x]:,.0f} messages a sentence</title>"
                ends = f'x1="{ax + half}" y1="{ay + half}" x2="{bx + half}" y2="{by + half}"'
                out.append(f'<line {ends} stroke="{_LINK}" stroke-width="{thick:.1f}" opacity="0.75">{tip}</line>')
    return out


def link_loads(mapped: Mapped) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Messages a sentence on each link: ([y, x] to the tile on its right, [y, x] to the one below). A message goes along x, then along y."""
    profile, t = mapped.partition.profile, mapped.traffic
    source, target, messages = t.listed
    start = np.concatenate([mapped.core[source], np.repeat(HOST_CORE, len(t.host))])
    end = np.concatenate([mapped.core[target], mapped.core])
    load = np.concatenate([messages, t.host])
    a, b = places(profile, start), places(profile, end)
    shape = (profile.chips_y * profile.tiles_y, profile.chips_x * profile.tiles_x)
    horizontal = _spans(a.x, b.x, a.y, load, shape)
    vertical = _spans(a.y, b.y, b.x, load, shape[::-1]).T
    return horizontal, vertical


def _spans(start: Index, end: Index, line: Index, load: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Loads of the links along lines: each message loads those between `start` and `end`, by differences at both ends."""
    change = np.zeros(shape)
    np.add.at(change, (line, np.minimum(start, end)), load)
    np.add.at(change, (line, np.maximum(start, end)), -load)
    found = change.cumsum(1)
    return np.where(found > 1e-9 * max(load.max(initial=0), 1), found, 0.0)
