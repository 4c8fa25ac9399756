"""Spiking attention by proof: products of queries and keys, scores that sum them, and contexts that sum scores times values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.fast.building import Building, Product, Score, membranes
from tritspike.runtime.executors.fast.rows import Place
from tritspike.runtime.executors.fast.stages import Attention, Lanes
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Population, Synapse
from tritspike.runtime.network.ranges import bounded
from tritspike.runtime.network.wiring import Join
from tritspike.runtime.network.wiring.maps import SUM, Follow, Map


@dataclass(frozen=True)
class KeepProduct:
    """What fires where two inputs meet is a product inside the kernel that sums it."""

    name: str = "keep-product"

    def take(self, b: Building, p: Population) -> str | None:
        """By `facts.coincides`, of a query and a key of the same rows."""
        if not facts.coincides(b.network, p):
            return "not proved to fire where two inputs meet"
        shape = _shape(b, p.grid)
        sides = {self._along(b, s, shape[0]): b.origin(s.source) for s in b.network.inputs(p.name)} if shape else {}
        if shape is None or sides.keys() != {"query", "key"}:
            return "its sides are not a query and a key of pairs of rows"
        b.products[p.name] = Product(sides["query"], sides["key"], *shape)
        return None

    @staticmethod
    def _along(b: Building, s: Synapse, pairs: Pairs) -> str:
        """Which side of the pairs a source is found at: a source over pairs itself is found at their query."""
        source, target = b.network.grids(s)
        assert isinstance(s.wiring, Join)  # or it would be no product
        read = s.wiring.read
        if any(isinstance(axis, Pairs) for axis in source):
            return "query" if facts.follows(read, source, target) else "neither"
        sides = {pairs.query.name: "query", pairs.key.name: "key"}
        rule = read.get(b.along or "")
        others = {name: r for name, r in read.items() if name != b.along}
        if not isinstance(rule, Follow) or (rule.stride, rule.offset) != (1, 0) or others != {name: Follow(name) for name in others}:
            return "neither"
        return sides.get(rule.target, "neither")


@dataclass(frozen=True)
class SpikingAttention:
    """Scores that sum a product over channels, and contexts that sum scores times values over keys, in one kernel."""

    name: str = "spiking-attention"

    def take(self, b: Building, p: Population) -> str | None:
        """A score waits for the context that hears it."""
        _, heard = b.masks(p)
        if len(heard) != 1 or heard[0].source not in b.products or not isinstance(heard[0].wiring, Join):
            return "it does not hear one product"
        if p.neuron is None or not facts.unbiased(p.neuron):
            return "a product and a bias"
        if (why := membranes(b, p)) is not None:
            return why
        (s,) = heard
        how = np.array([facts.weight(s), p.neuron.keep, int(p.neuron.vth) << arith.INPUT_SHIFT, bounded(b.program, p)], np.int32)  # type: ignore[arg-type]
        take = self._score if any(isinstance(axis, Pairs) for axis in p.grid) else self._context
        return take(b, p, s.source, heard[0].wiring.read, how)

    def _score(self, b: Building, p: Population, name: str, read: Map, how: Lanes) -> str | None:
        product = b.products[name]
        *heads, channel = product.inner
        over: Grid = (product.pairs, *heads)
        sides = {product.query, product.key}
        rows = sides <= b.places.keys() and all(b.channels(b.network.by_name[side]) == product.inner for side in sides)
        if not rows or set(p.grid) != set(over) or read != {**_like(over), channel.name: SUM}:
            return "its product is not one of two populations of heads of channels, summed over channels"
        b.summed.add(name)
        b.scores[p.name] = Score(name, how)
        return None

    def _context(self, b: Building, p: Population, name: str, read: Map, how: Lanes) -> str | None:
        product = b.products[name]
        if not _carries(b, product, p, read):
            return "its product is not one of scores and values of the same heads of channels, summed over keys"
        score, (*heads, channel) = b.scores[product.query], product.inner
        met = b.products[score.product]
        sides = (b.places[met.query], b.places[met.key], b.places[product.key])
        shape = dict(heads=heads[0].size if heads else 1, width=channel.size, causal=product.pairs.causal)
        names = dict(scores=product.query, buffer=p.name, products=(score.product, name))
        b.summed.add(name)
        b.stages.append(Attention(sides=sides, score=score.how, context=how, **shape, **names))  # type: ignore[arg-type]
        b.places[product.query], b.places[p.name] = Place(product.query, 0, shape["heads"]), Place(p.name, 0, shape["heads"] * channel.size)
        return None


def _carries(b: Building, product: Product, p: Population, read: Map) -> bool:
    """Whether `p` sums over keys the values that its scores let through, and scores and values are of the same pairs and heads."""
    if product.query not in b.scores or product.key not in b.places:
        return False
    met = b.products[b.scores[product.query].product]
    alike = (met.pairs, met.inner) == (product.pairs, product.inner)
    rows = all(b.channels(side) == product.inner for side in (b.network.by_name[product.key], p))
    return alike and rows and read == {product.pairs.query.name: Follow(b.along or ""), product.pairs.key.name: SUM, **_like(product.inner)}


def _like(grid: Grid) -> Map:
    return {name: Follow(name) for name in grids.names(grid)}


def _shape(b: Building, grid: Grid) -> tuple[Pairs, tuple[Axis, ...]] | None:
    """(pairs of rows, perhaps heads, and channels); None of another grid."""
    pairs, inner = [a for a in grid if isinstance(a, Pairs)], tuple(a for a in grid if isinstance(a, Axis))
    if len(pairs) != 1 or len(inner) not in (1, 2) or not (pairs[0].query.grows and pairs[0].key.grows):
        return None
    return pairs[0], inner
