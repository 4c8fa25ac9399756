"""Whether a wiring fits the grids that it joins. Yields all findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid, Pairs
from tritspike.runtime.network.wiring.dense import Dense
from tritspike.runtime.network.wiring.join import Join
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Map, Rule, followed
from tritspike.runtime.network.wiring.sparse import Sparse

MOST_NEURONS = 1 << 31  # of one population
MOST_STEPS = 1 << 16
MOST_GAIN = (1 << 15) - 1  # times a code it stays within int32; what a weight may be is `ranges.py`'s to say
Wiring = Dense | Join | Sparse


_ARRAYS = {Dense: ("codes", "gain"), Join: (), Sparse: ("weights", "rows", "columns")}


def is_whole(found: Any) -> bool:
    """Whether it is a whole number as files hold them: no truth value, none of numpy's."""
    return type(found) is int


def forms(name: str, wiring: Any, floats: bool) -> Iterator[Finding]:
    """What is no wiring, or holds what none does. floats: its weights may be fractions, which are yet to be rounded."""
    if not isinstance(wiring, Dense | Join | Sparse):
        yield Finding(name, "wiring", repr(wiring), "Dense, Join or Sparse")
        return
    arrays = [getattr(wiring, part) for part in _ARRAYS[type(wiring)]]
    if not all(isinstance(a, np.ndarray) and a.dtype.kind in "if" for a in arrays):
        yield Finding(name, "wiring", ", ".join(type(a).__name__ for a in arrays), "arrays of numbers")
    if isinstance(wiring, Join) and not is_whole(wiring.weight) and not (floats and isinstance(wiring.weight, float)):
        yield Finding(name, "weight", repr(wiring.weight), "a whole number")
    for along, rule in ({} if isinstance(wiring, Sparse) else wiring.read).items():
        if not _is_rule(rule):
            yield Finding(name, f"what it reads along {along}", repr(rule), "Follow, At or SUM, of whole numbers")


def _is_rule(rule: Rule) -> bool:
    if isinstance(rule, Follow):
        return isinstance(rule.target, str) and is_whole(rule.stride) and is_whole(rule.offset)
    return rule is SUM or (isinstance(rule, At) and is_whole(rule.value))


def findings(name: str, wiring: Wiring, source: Grid, target: Grid) -> Iterator[Finding]:
    """What is wrong with a synapse of that name between such grids."""
    if isinstance(wiring, Sparse):
        yield from _sparse(name, wiring, source, target)
        return
    found = list(_map(name, wiring.read, source, target))
    yield from found
    if found:
        return
    if isinstance(wiring, Join):
        missing = set(grids.names(source)) - wiring.read.keys()
        if missing:
            yield Finding(name, "coordinates of its source that no rule reads", ", ".join(sorted(missing)), "none")
        return
    yield from _dense(name, wiring, source, target)


def _map(where: str, read: Map, source: Grid, target: Grid) -> Iterator[Finding]:
    ours, theirs = grids.extents(source), grids.extents(target)
    for name, rule in read.items():
        if name not in ours:
            yield Finding(where, "a coordinate that is read", name, f"one of {', '.join(ours) or 'none'}")
        elif isinstance(rule, Follow) and (rule.target not in theirs or not 1 <= rule.stride <= MOST_STEPS or abs(rule.offset) > MOST_NEURONS):
            yield Finding(where, name, str(rule), f"to follow one of {', '.join(theirs) or 'none'} by strides of 1..{MOST_STEPS}")
        elif isinstance(rule, At) and not 0 <= rule.value < ours[name]:
            yield Finding(where, name, rule.value, f"0..{ours[name] - 1}")
    for axis in source:
        if isinstance(axis, Pairs) and len(set(axis.names) & read.keys()) == 1:
            yield Finding(where, "pairs read by one side", ", ".join(axis.names), "both, or neither")


def _dense(where: str, w: Dense, source: Grid, target: Grid) -> Iterator[Finding]:
    rows, sizes = w.row_names(target), grids.extents(target)
    if not set(rows) <= sizes.keys() or set(rows) & followed(w.read) or len(set(rows)) < len(rows):
        yield Finding(where, "rows", ", ".join(rows), f"coordinates of its target that nothing follows, of {', '.join(sizes)}")
        return
    columns = (size for name, size in grids.extents(source).items() if name not in w.read)
    wanted = (_product(sizes[name] for name in rows), _product(columns))
    if w.codes.dtype != np.int8 or w.codes.shape != wanted or (w.codes.size and int(w.codes.min()) == -128):
        yield Finding(where, "codes", f"{w.codes.dtype} {w.codes.shape}", f"int8 {wanted} in -127..127")
    if w.gain.dtype != np.int64 or w.gain.shape != wanted[:1] or (w.gain.size and not -MOST_GAIN <= w.gain.min() <= w.gain.max() <= MOST_GAIN):
        yield Finding(where, "gain", f"{w.gain.dtype} {w.gain.shape}", f"int64 {wanted[:1]} in -{MOST_GAIN}..{MOST_GAIN}")


def _product(sizes: Iterable[int]) -> int:
    found = 1
    for size in sizes:
        found *= size
    return found


def _sparse(where: str, w: Sparse, source: Grid, target: Grid) -> Iterator[Finding]:
    wanted = (grids.size(target), grids.size(source))
    if tuple(w.shape) != wanted or grids.grows(source) or grids.grows(target):
        yield Finding(where, "shape", tuple(w.shape), f"{wanted}, of axes that do not grow")
        return
    if not len(w.weights) == len(w.rows) == len(w.columns) or w.weights.dtype != np.int32 or not w.rows.dtype == w.columns.dtype == np.int64:
        yield Finding(
            where, "synapses", f"{len(w.weights)} {w.weights.dtype}, {len(w.rows)}, {len(w.columns)}", "int32, int64 and int64, as many of each"
        )
        return
    at = w.rows * wanted[1] + w.columns
    inside = not len(at) or (w.rows.min() >= 0 and w.rows.max() < wanted[0] and w.columns.min() >= 0 and w.columns.max() < wanted[1])
    if not inside or (np.diff(at) <= 0).any() or (w.weights == 0).any():
        yield Finding(where, "synapses", "out of order, doubled, of weight 0 or outside", f"ascending in 0..{wanted[0] - 1} and 0..{wanted[1] - 1}")
