"""Which core each group of slices goes to: at random and in program order (to compare with), and by exchanging what lies badly."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import reverse_cuthill_mckee

from tritspike.compiler.mapping.board import along_curve
from tritspike.compiler.mapping.traffic import Traffic
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index
from tritspike.runtime.places import HOST_CORE, hops, places

_EXACT = 512  # up to so many cores all exchanges are weighed; beyond, only those with cores near where a group is drawn to
_VISITS = 30_000  # of groups, in sweeps of the second kind: a bound on time, whatever the number of groups
_GAIN = 1e-9  # an exchange that gains less is rounding


def random(traffic: Traffic, seed: int = 0) -> Index:
    """(groups,) distinct cores of the chips that are needed, at random."""
    groups = len(traffic.host)
    return np.random.default_rng(seed).permutation(along_curve(traffic.profile, groups))[:groups]


def in_order(traffic: Traffic) -> Index:
    """The baseline: groups in program order along a curve on which neighbours are near. Groups must be numbered in program order."""
    return along_curve(traffic.profile, len(traffic.host))[: len(traffic.host)]


def optimised(traffic: Traffic, seed: int = 0) -> Index:
    """From the better of two orders (the program's, and one that narrows the traffic matrix's band), exchanging pairs while that gains."""
    groups = len(traffic.host)
    curve = along_curve(traffic.profile, groups)
    banded = np.empty(groups, np.int64)
    banded[reverse_cuthill_mckee(_symmetric(traffic), symmetric_mode=True)] = curve[:groups]
    starts = [in_order(traffic), banded]
    if len(curve) <= _EXACT:
        found = [_exchange_all(traffic, start, curve, seed) for start in starts]
    else:
        found = [_exchange_near(traffic, min(starts, key=traffic.weighed))]
    return min(found, key=traffic.weighed)


def _symmetric(traffic: Traffic) -> sp.csr_matrix:
    return (traffic.between + traffic.between.T).tocsr()


def _exchange_all(traffic: Traffic, start: Index, curve: Index, seed: int) -> Index:
    """Best exchange of each group in turn, until none gains. Empty cores take part as groups without traffic."""
    rng, groups, cores = np.random.default_rng(seed), len(start), len(curve)
    weight = np.zeros((cores, cores))
    weight[:groups, :groups] = _symmetric(traffic).toarray()
    np.fill_diagonal(weight, 0)
    where = {int(c): n for n, c in enumerate(curve)}
    spot = np.array([where[int(c)] for c in start] + sorted(set(range(cores)) - {where[int(c)] for c in start}))
    distance, to_host = _distances(traffic.profile, curve)
    host = np.concatenate([traffic.host, np.zeros(cores - groups)])
    cost = weight @ distance[spot] + host[:, None] * to_host  # of each group at each core, the others where they are
    gained = True
    while gained:
        gained = sum(_exchange(a, spot, cost, weight, distance) for a in rng.permutation(groups)) > 0
    return curve[spot[:groups]]


def _distances(profile: HardwareProfile, curve: Index) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighed hops between all cores, and from the host."""
    column, row = places(profile, curve[:, None]), places(profile, curve[None, :])
    return hops(column, row).weighed(profile), hops(places(profile, HOST_CORE), places(profile, curve)).weighed(profile)


def _exchange(a: int, spot: Index, cost: NDArray[np.float64], weight: NDArray[np.float64], distance: NDArray[np.float64]) -> bool:
    """Exchange group `a` with the one that gains most, if any does; `spot` and `cost` are brought up to date."""
    everyone, here = np.arange(len(spot)), spot[a]
    change = cost[a, spot] + cost[:, here] - cost[a, here] - cost[everyone, spot] + 2 * weight[a] * distance[here, spot]
    b = int(np.argmin(change))
    if change[b] >= -_GAIN * (1 + cost[a, here]):
        return False
    cost += np.outer(weight[:, a] - weight[:, b], distance[spot[b]] - distance[here])
    spot[a], spot[b] = spot[b], here
    return True


def _exchange_near(traffic: Traffic, start: Index) -> Index:
    """Sweeps over the groups with the most messages: each may exchange with a core in the middle of what it talks to."""
    near = _Near(traffic, start)
    busiest = np.argsort(-near.weights.sum(1).A1, kind="stable")[:_VISITS]
    for _ in range(max(1, _VISITS // len(start))):
        if not sum([near.visit(int(g)) for g in busiest]):
            break
    return near.core


class _Near:
    """Groups' cores and coordinates, who sits where, and each group's neighbours with their messages, the host as one of them."""

    def __init__(self, traffic: Traffic, start: Index) -> None:
        self.profile, self.core = traffic.profile, start.copy()
        outside = sp.csr_matrix(traffic.host[:, None])
        self.weights = sp.hstack([_symmetric(traffic), outside], format="csr")
        self.weights.sort_indices()
        self.board = _coordinates(self.profile, np.arange(self.profile.cores))
        self.at = _coordinates(self.profile, np.append(start, HOST_CORE))
        self.owner = np.full(self.profile.cores, -1)
        self.owner[start] = np.arange(len(start))
        self.prices = np.array([1.0, 1.0, self.profile.chip_hop_weight, self.profile.chip_hop_weight])

    def visit(self, g: int) -> bool:
        """Exchange group `g` with whoever, in the middle of what it talks to, makes that gain most; say whether anything gained."""
        others, messages = self._neighbours(g)
        if not len(others):
            return False
        x, y = (_middle(self.at[axis, others], messages) for axis in (0, 1))
        here = int(self.core[g])
        if (self.at[0, g], self.at[1, g]) == (x, y):
            return False
        tile = _tile(self.profile, x, y)
        saved = self._cost(g, here) - self._cost(g, int(tile[0]))
        gains = [saved + self._saved_by(int(self.owner[c]), g, int(c), here) for c in tile]
        best = int(np.argmax(gains))
        if gains[best] <= _GAIN:
            return False
        self._swap(g, int(tile[best]))
        return True

    def _saved_by(self, other: int, g: int, there: int, here: int) -> float:
        """What moving `other` from `there` to `here` saves, and g's messages with it, which an exchange makes no shorter."""
        if other < 0:
            return 0.0
        others, messages = self._neighbours(g)
        shared = float(messages[others == other].sum())
        apart = float(abs(self.board[:, there] - self.board[:, here]) @ self.prices)
        return self._cost(other, there) - self._cost(other, here) - 2 * shared * apart

    def _cost(self, g: int, core: int) -> float:
        """Messages times weighed hops of group `g` on `core`, its neighbours where they are."""
        others, messages = self._neighbours(g)
        return float(self.prices @ abs(self.at[:, others] - self.board[:, core, None]) @ messages)

    def _neighbours(self, g: int) -> tuple[Index, NDArray[np.float64]]:
        rows = slice(self.weights.indptr[g], self.weights.indptr[g + 1])
        return self.weights.indices[rows], self.weights.data[rows]

    def _swap(self, g: int, to: int) -> None:
        here, other = int(self.core[g]), int(self.owner[to])
        for group, core in ((g, to), (other, here)):
            self.owner[core] = group
            if group >= 0:
                self.core[group] = core
                self.at[:, group] = self.board[:, core]


def _coordinates(profile: HardwareProfile, cores: Index) -> Index:
    """(4, cores): x, y, chip x, chip y."""
    found = places(profile, cores)
    return np.stack([found.x, found.y, found.chip_x, found.chip_y])


def _middle(values: Index, weights: NDArray[np.float64]) -> int:
    """Weighted median: where the sum of weighed distances is least."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return int(values[order[np.searchsorted(total, total[-1] / 2)]])


def _tile(profile: HardwareProfile, x: int, y: int) -> Index:
    """The usable cores of one tile of the board, or where it has none, of its chip's last tile that has."""
    chip = y // profile.tiles_y * profile.chips_x + x // profile.tiles_x
    last = (profile.cores_per_chip - 1) // profile.cores_per_tile
    first = min(y % profile.tiles_y * profile.tiles_x + x % profile.tiles_x, last) * profile.cores_per_tile
    cores = np.arange(first, min(first + profile.cores_per_tile, profile.cores_per_chip))
    return chip * profile.cores_per_chip + cores
