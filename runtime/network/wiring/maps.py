"""How the coordinates of a source are read by a target neuron.

A map names some of the source's coordinates. Of these, `Follow` ties one to a coordinate of the target, `SUM` takes all its values with one
weight, `At` takes one value. The coordinates that it does not name are the columns of a `Dense` matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Coordinates, Grid, Index


@dataclass(frozen=True)
class Follow:
    """source = target * stride + offset; where that is beyond the source's end there is no synapse."""

    target: str
    stride: int = 1
    offset: int = 0


class Every(Enum):
    """All values of a coordinate."""

    SUM = "sum"


SUM: Final = Every.SUM


@dataclass(frozen=True)
class At:
    """One value of a coordinate."""

    value: int


Rule = Follow | Every | At
Map = Mapping[str, Rule]


def followed(read: Map) -> set[str]:
    """The target's coordinates that some rule follows."""
    return {rule.target for rule in read.values() if isinstance(rule, Follow)}


def meetings(read: Map, source: Grid, target: Grid) -> tuple[Coordinates, Index, Index]:
    """Every way in which a target neuron meets a value of the mapped source coordinates.

    Returns (source coordinates that the map names, the target neuron's number, the meeting's number among those of its target).
    """
    at, count = grids.coordinates(target), grids.size(target)
    summed = {name: grids.extents(source)[name] for name, rule in read.items() if rule is SUM}
    times = int(np.prod(list(summed.values()), dtype=np.int64))
    row, turn = np.repeat(np.arange(count), times), np.tile(np.arange(times), count)
    over = dict(zip(summed, np.unravel_index(turn, tuple(summed.values())))) if summed else {}
    return {name: _read(rule, name, over, at, row) for name, rule in read.items()}, row, turn


def _read(rule: Rule, name: str, over: Coordinates, at: Coordinates, row: Index) -> Index:
    if isinstance(rule, Follow):
        return at[rule.target][row] * rule.stride + rule.offset
    return over[name] if rule is SUM else np.full(len(row), rule.value, np.int64)


def shown(read: Map) -> str:
    """As `position=position-1 key=sum`."""
    return " ".join(f"{name}={_rule(rule)}" for name, rule in read.items())


def _rule(rule: Rule) -> str:
    if isinstance(rule, Follow):
        return f"{rule.target}{f'*{rule.stride}' if rule.stride > 1 else ''}{f'{rule.offset:+d}' if rule.offset else ''}"
    return str(rule.value)
