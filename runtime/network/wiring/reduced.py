"""Counts of meetings without listing every neuron: what factors out is multiplied, the rest (pairs, strides, offsets) is listed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid, Index
from tritspike.runtime.network.wiring.maps import SUM, Follow, Map, meetings


@dataclass(frozen=True)
class Meetings:
    """targets: neurons that the listed ones each stand for; times: meetings that each listed one stands for; valid: (listed targets,) of each."""

    targets: int
    times: int
    valid: Index

    @property
    def total(self) -> int:
        """Of all target neurons."""
        return self.targets * self.times * int(self.valid.sum())

    @property
    def most(self) -> int:
        """Of one target neuron."""
        return self.times * int(self.valid.max(initial=0))


def reduced(read: Map, source: Grid, target: Grid, rows: tuple[str, ...]) -> Meetings:
    """Meetings of target neurons with values of the mapped coordinates, each row of codes counted once: `rows` are left out of `targets`."""
    plain = _plain(read, source, target)
    left = {name: rule for name, rule in read.items() if name not in plain}
    free = {axis.name for axis in target if isinstance(axis, Axis)} - {r.target for r in left.values() if isinstance(r, Follow)}
    times = _product(source, [name for name, rule in left.items() if rule is SUM and _alone(source, name)])
    left = {name: rule for name, rule in left.items() if not (rule is SUM and _alone(source, name))}
    kept = tuple(axis for axis in target if not set(axis.names) <= free)
    partly = tuple(axis for axis in source if set(axis.names) & left.keys())
    return Meetings(_product(target, free - set(rows)), times, _valid(left, partly, kept))


def _valid(read: Map, source: Grid, target: Grid) -> Index:
    at, row, _ = meetings(read, source, target)
    there = grids.flat(source, at) >= 0 if source else np.ones(len(row), np.bool_)
    return np.bincount(row[there], minlength=grids.size(target))


def _plain(read: Map, source: Grid, target: Grid) -> set[str]:
    """Source axes that follow a target axis of their own, cell by cell."""
    ours, theirs = grids.extents(source), grids.extents(target)
    found = {name: rule for name, rule in read.items() if isinstance(rule, Follow) and _alone(source, name) and _alone(target, rule.target)}
    targets = [rule.target for rule in read.values() if isinstance(rule, Follow)]
    same = {n for n, r in found.items() if (r.stride, r.offset) == (1, 0) and ours[n] >= theirs[r.target] and targets.count(r.target) == 1}
    return same


def _alone(grid: Grid, name: str) -> bool:
    return any(isinstance(axis, Axis) and axis.name == name for axis in grid)


def _product(grid: Grid, names: set[str] | list[str]) -> int:
    sizes = grids.extents(grid)
    return int(np.prod([sizes[name] for name in names], dtype=np.int64))
