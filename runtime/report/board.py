"""A mapping as a picture's records: how full each core is, and what passes the links."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.mapping import Mapping
from tritspike.runtime.on_cores import cuts, messages
from tritspike.runtime.places import link_loads, places
from tritspike.runtime.rates import Rates
from tritspike.runtime.report.records import Board, Core, Link, Table
from tritspike.runtime.unit import Unit

_LISTED = 10  # links in the table
_MOST_CHIPS = 64  # that are drawn: a page of more takes a browser seconds
_GAP, _TILE = 0.6, 0.72  # between chips, in tiles; the part of a tile that its cores fill, the rest shows links


def board(mapped: Mapping, profile: HardwareProfile, rates: Rates, of: Unit) -> Board:
    """Those chips that hold something, at most 64. of: what messages are counted of."""
    chips = sorted({core // profile.cores_per_chip for core in mapped.used})
    shown, drawn = chips[:_MOST_CHIPS], _Drawn(profile)
    links = tuple(link for link in _links(mapped, profile, rates, of, drawn) if drawn.chip_at(link.x0, link.y0) in shown)
    corners = tuple((*drawn.corner(chip), float(profile.tiles_x), float(profile.tiles_y)) for chip in shown)
    part = " The picture scrolls sideways." if len(shown) > 1 else ""
    part += "" if shown == chips else f" The first {len(shown)} of {len(chips):,} chips in use are drawn."
    return Board(
        f"Each square is a core; it stands out the more, the more of its {profile.neurons_per_core:,} neurons are in use, in percent where there is "
        f"room for a number. The thicker a line between tiles, the more messages a {of.name} pass there.{part}",
        corners,
        tuple(_cores(mapped, profile, shown, drawn)),
        links,
    )


def tables(drawn: Board, of: Unit) -> tuple[Table, ...]:
    """What the picture shows, for those who cannot see it: chips, and the links that carry most, where any does."""
    rows = []
    for chip in sorted({core.chip for core in drawn.cores}):
        used = [core for core in drawn.cores if core.chip == chip and core.neurons]
        rows.append((f"chip {chip:,}", f"{len(used):,}", f"{sum(core.neurons for core in used):,}", f"{max((c.load for c in used), default=0):.0%}"))
    busiest = sorted(drawn.links, key=lambda link: -link.messages)[:_LISTED]
    links = tuple((f"({at.x0:.1f}, {at.y0:.1f}) to ({at.x1:.1f}, {at.y1:.1f})", f"{at.messages:,.0f}") for at in busiest)
    chips = Table("Chips that are drawn", ("chip", "cores in use", "neurons", "fullest core"), tuple(rows), folded=len(rows) > 1)
    busy = Table("The busiest links, by where the picture has them in tiles", ("link", f"messages a {of.name}"), links, folded=True)
    return (chips, busy) if links else (chips,)


class _Drawn:
    """Where things are drawn, in tiles, with a gap between chips."""

    def __init__(self, profile: HardwareProfile) -> None:
        self.profile = profile

    def corner(self, chip: int) -> tuple[float, float]:
        """Upper left."""
        y, x = divmod(chip, self.profile.chips_x)
        return x * (self.profile.tiles_x + _GAP), y * (self.profile.tiles_y + _GAP)

    def tile(self, x: int, y: int) -> tuple[float, float]:
        """The middle of a tile of the board."""
        return x + 0.5 + x // self.profile.tiles_x * _GAP, y + 0.5 + y // self.profile.tiles_y * _GAP

    def chip_at(self, x: float, y: float) -> int:
        """Of a point in a tile."""
        across, down = self.profile.tiles_x + _GAP, self.profile.tiles_y + _GAP
        return int(y // down) * self.profile.chips_x + int(x // across)


def _cores(mapped: Mapping, profile: HardwareProfile, chips: list[int], drawn: _Drawn) -> Iterator[Core]:
    neurons, holds = np.zeros(profile.cores, np.int64), dict[int, list[str]]()
    for name, (tiling, cores) in cuts(mapped):
        np.add.at(neurons, cores, tiling.sizes)
        for core in np.unique(cores).tolist():
            holds.setdefault(core, []).append(name)
    side = int(np.ceil(np.sqrt(profile.cores_per_tile)))
    numbers = np.concatenate([np.arange(chip * profile.cores_per_chip, (chip + 1) * profile.cores_per_chip) for chip in chips])
    at = places(profile, numbers)
    for n, x, y in zip(numbers.tolist(), at.x.tolist(), at.y.tolist()):
        slot = n % profile.cores_per_chip % profile.cores_per_tile
        middle_x, middle_y = drawn.tile(x, y)
        left, top = (middle + _TILE * ((place + 0.5) / side - 0.5) for middle, place in ((middle_x, slot % side), (middle_y, slot // side)))
        used = int(neurons[n])
        yield Core(n, n // profile.cores_per_chip, left, top, side, used, used / profile.neurons_per_core, tuple(holds.get(n, ())))


def _links(mapped: Mapping, profile: HardwareProfile, rates: Rates, of: Unit, drawn: _Drawn) -> Iterator[Link]:
    """Those that carry anything, both directions in one."""
    for found, dx, dy in zip(link_loads(profile, *messages(mapped, rates)), (1, 0), (0, 1)):
        for y, x in np.argwhere(found > 0).tolist():
            yield Link(*drawn.tile(x, y), *drawn.tile(x + dx, y + dy), of.windows * float(found[y, x]))
