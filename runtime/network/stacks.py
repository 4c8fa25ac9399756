"""Populations of one grid as one, behind a first axis along which they are: what a mapper cuts together."""

from __future__ import annotations

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid
from tritspike.runtime.network.network import Network


def stage_axis(network: Network) -> str:
    """A name for that axis that no grid has."""
    taken = {name for p in network.populations for name in grids.names(p.grid)}
    axis = "stage"
    while axis in taken:
        axis += "'"
    return axis


def stack_grid(network: Network, members: tuple[str, ...]) -> Grid:
    """Of populations of one grid."""
    return (Axis(stage_axis(network), len(members)), *network.by_name[members[0]].grid)
