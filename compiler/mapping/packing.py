"""Slices onto as few cores as may be: largest first, each into the open core that it fills best, within every limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network.grid import Index

_OPEN = 256  # cores that may still take a slice; a bound on each slice's search, so that packing is linear in slices


def packed(share: NDArray[np.float64], held: Sequence[frozenset[int]], configurations: int) -> Index:
    """(slices,) core of each slice, numbered from 0 without gaps.

    share: (slices, resources) of a core's limits. held: each slice's neuron configurations, of which a core holds so many.
    """
    largest = share.max(1)
    order = np.argsort(-largest, kind="stable")
    alone = 1 - largest.min()  # beyond this nothing fits beside it
    bins = _Bins(configurations, share.shape[1])
    core = np.empty(len(share), np.int64)
    refused: tuple[bytes, frozenset[int]] | None = None  # what no open core took last time: nor does any take another slice just like it
    for n in order:
        like = share[n].tobytes(), held[n]
        solitary = bool(largest[n] > alone) or (like == refused and largest[n] > 0.5)
        before = bins.number
        core[n] = bins.put(share[n], like[1], bool(largest[n] > alone), search=not solitary)
        refused = like if bins.number > before else None
    return core


class _Bins:
    """Open cores: what is left of each resource, as shares, and which configurations each holds."""

    def __init__(self, configurations: int, resources: int) -> None:
        self.configurations, self.number = configurations, 0
        self.left = np.zeros((_OPEN, resources))
        self.core = np.full(_OPEN, -1)
        self.held: list[set[int]] = [set() for _ in range(_OPEN)]

    def put(self, share: NDArray[np.float64], wanted: frozenset[int], alone: bool, search: bool) -> int:
        """The core that takes one slice: an open one where `search` finds one, else a new one, which stays open unless it is `alone`."""
        at = self._best(share, wanted) if search else -1
        if at >= 0:
            self.left[at] -= share
            self.held[at] |= wanted
            return int(self.core[at])
        self.number += 1
        if not alone:
            self._open(share, wanted)
        return self.number - 1

    def _best(self, share: NDArray[np.float64], wanted: frozenset[int]) -> int:
        """Of the open cores with room, the one that has least of what this slice needs little of, or -1."""
        fits = (self.core >= 0) & (self.left >= share - 1e-12).all(1)
        left = self.left[fits] - share
        for at in np.flatnonzero(fits)[np.argsort((left**2).sum(1), kind="stable")]:
            if len(self.held[at] | wanted) <= self.configurations:
                return int(at)
        return -1

    def _open(self, share: NDArray[np.float64], wanted: frozenset[int]) -> None:
        """In place of a core that is not open yet, or of the fullest."""
        at = int(np.argmin(np.where(self.core < 0, -1.0, self.left.min(1))))
        self.left[at], self.core[at], self.held[at] = 1 - share, self.number - 1, set(wanted)
