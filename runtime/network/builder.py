"""A network written by hand: populations one after another, each with what it hears.

net = Net()
x = net.input("x", features=64)
hidden = net.lif("hidden", linear(x, codes, gain), keep=3072, vth=224, bias=b)
net.readout("digit", linear(hidden, more))
network = net.network()
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import given
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Network, Population, Port, Probe, Reads, Synapse
from tritspike.runtime.network.neuron import RELAY, Bias, Neuron, Register, Resets, Values, numbers
from tritspike.runtime.network.terms import Handle, Sum, Term, onto, shown

_LONGEST_NAME = 200  # characters: a synapse is named after both its ends, a relay after its source


class Net:
    """Collects populations, synapses, ports and probes; `network` hands them out. Every method raises `InputError` with the name it is about."""

    def __init__(self) -> None:
        self._populations: dict[str, Population] = {}
        self._synapses: list[Synapse] = []
        self._ports: list[Port] = []
        self._probes: list[Probe] = []

    @classmethod
    def of(cls, network: Network) -> Net:
        """To go on with a network that is there."""
        net = cls()
        net._populations = dict(network.by_name)
        net._synapses, net._ports, net._probes = list(network.synapses), list(network.ports), list(network.probes)
        return net

    def input(self, name: str, *axes: Axis, plays: str | None = None, **sizes: int) -> Handle:
        """Spikes that the host plays, over `axes` and then an axis for each of `sizes`. plays: which of the host's inputs (default: `name`)."""
        grid = (*axes, *(Axis(axis, size) for axis, size in sizes.items()))
        handle = self._add(Population(name=name, grid=_sound(name, grid)))
        self._ports.append(Port(name=name, population=name, plays=_named(plays or name)))
        return handle

    def lif(
        self,
        name: str,
        hears: Term | Sum,
        *,
        keep: Register | ArrayLike,
        vth: Register | ArrayLike,
        bias: Bias | ArrayLike | None = None,
        keep_u: Register | ArrayLike = 0,
        resets: Resets = Resets.WINDOW,
    ) -> Handle:
        """v = saturate(trunc(v * keep / 4096) + u + bias), u = trunc(u * keep_u / 4096) + 64 a; fires above 64 * vth, then v = 0.

        keep, keep_u: 0..4096; vth: synaptic units, 0..2^17 - 1; bias: 1/64 synaptic units. Each is one number, or an array over the last
        axes of the population. resets: when u and v are cleared.
        """
        grid = _sound(name, _heard(name, hears).grid)
        registers = {
            k: _register(name, k, v, grid, most) for k, v, most in (("keep", keep, 4096), ("vth", vth, arith.VTH_LIMIT), ("keep_u", keep_u, 4096))
        }
        return self.population(name, hears, Neuron(**registers, bias=_bias(name, bias, grid), resets=resets))

    def population(self, name: str, hears: Term | Sum, neuron: Neuron) -> Handle:
        """Neurons of any registers."""
        total = _heard(name, hears)
        handle = self._add(Population(name=name, grid=_sound(name, total.grid), neuron=neuron))
        for n, term in enumerate(total.terms):
            self._require_known(name, term)
            self._synapses.append(_synapse(name, n, term))
        return handle

    def coincide(self, name: str, left: Handle, right: Handle, *, along: str = "position", causal: bool = False) -> Handle:
        """An AND of every query of `left` with every key of `right`, neuron by neuron along their other axes, which must be alike.

        The axis `along` of both becomes one of pairs (`along` and `key`), behind which the other axes stand as they are.
        """
        _require_handles(name, left, right)
        query = next((a for a in left.grid if isinstance(a, Axis) and a.name == along), None)
        if query is None or left.grid != right.grid:
            raise InputError(f"{name}: {left} and {right} cannot be paired along {along}", "both over the same axes, that one among them")
        key = Axis("key", query.size, query.grows)
        grid: Grid = tuple(Pairs(query, key, causal) if axis == query else axis for axis in left.grid)
        return self.population(name, onto(left, grid) + onto(right, grid, renamed={along: "key"}), RELAY)

    def both(self, name: str, left: Handle, right: Handle) -> Handle:
        """An AND of each neuron of `left` with its like in `right`."""
        _require_handles(name, left, right)
        return self.population(name, onto(left, left.grid) + onto(right, left.grid), RELAY)

    def readout(self, name: str, hears: Term | Sum, *, keep: int = arith.KEEP_ALL, resets: Resets = Resets.WINDOW) -> Handle:
        """Neurons that sum up a window, or a whole sequence, and never fire; the host reads their membranes as each window ends."""
        keep = given.number(keep, f"{name}: keep", 0, arith.KEEP_ALL)
        neuron = Neuron(keep=keep, vth=arith.VTH_LIMIT, resets=resets)
        handle = self.population(name, hears, neuron)
        self.read(handle)
        return handle

    def read(self, handle: Handle, name: str | None = None) -> None:
        """The host reads the membranes of neurons that never fire, as each window ends."""
        _require_handles(name or "read", handle)
        self._probes.append(Probe(name=_named(name or handle.name), population=handle.name, reads=Reads.MEMBRANE))

    def count(self, handle: Handle, name: str | None = None) -> None:
        """The host reads how often each neuron fires in a window."""
        _require_handles(name or "count", handle)
        self._probes.append(Probe(name=_named(name or handle.name), population=handle.name, reads=Reads.COUNT))

    def join(self, target: Handle, hears: Term | Sum) -> None:
        """More that `target` hears, such as itself a token ago (delay=1)."""
        _require_handles("join", target)
        for term in _heard(target.name, hears).terms:
            if term.grid != target.grid:
                raise InputError(f"{target.name}: hears {shown(term.grid)} from {term.source.name}, it is over {shown(target.grid)}")
            self._require_known(target.name, term)
            self._synapses.append(_synapse(target.name, sum(s.target == target.name for s in self._synapses), term))

    def handle(self, name: str) -> Handle:
        """A population that is there already."""
        if name not in self._populations:
            raise InputError(f"no population {name!r}", f"one of {', '.join(self._populations)}")
        return Handle(name, self._populations[name].grid)

    def network(self) -> Network:
        """All of it. Raises `InputError` where nothing is read."""
        if not self._probes:
            raise InputError("the network has nothing to read", "readout(...) or count(...)")
        populations = tuple(self._populations.values())
        return Network(populations=populations, synapses=tuple(self._synapses), ports=tuple(self._ports), probes=tuple(self._probes))

    def _add(self, population: Population) -> Handle:
        if _named(population.name) in self._populations:
            raise InputError(
                f"{population.name}: there is a population of that name already", "a name for each; of a torch module, a layer for each use"
            )
        self._populations[population.name] = population
        return Handle(population.name, population.grid)

    def _require_known(self, name: str, term: Term) -> None:
        found = self._populations.get(term.source.name)
        if found is None or found.grid != term.source.grid:
            raise InputError(f"{name}: hears {term.source.name}, which is no population of this network")


def _named(name: str) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InputError(f"a name is {name!r}", f"1 to {_LONGEST_NAME} printable characters")
    return name


def _require_handles(name: str, *found: Handle) -> None:
    for one in found:
        if not isinstance(one, Handle):
            raise InputError(f"{name}: {type(one).__name__} is no population", "what net.input(...) or net.lif(...) gave, or net.handle(name)")


def _heard(name: str, hears: Term | Sum) -> Sum:
    if not isinstance(hears, Term | Sum):
        raise InputError(f"{name}: hears {type(hears).__name__}", "a term, such as linear(source, codes) or same(source)")
    return Sum(()) + hears


def _synapse(target: str, number: int, term: Term) -> Synapse:
    name = f"{target}<{term.source.name}" + (f"#{number}" if number else "")
    return Synapse(name=name, source=term.source.name, target=target, wiring=term.wiring, exponent=term.exponent, delay=term.delay)


def _sound(name: str, grid: Grid) -> Grid:
    grid = given.axes(grid, name)
    names = grids.names(grid)
    if not all(type(side.size) is int for axis in grid for side in ((axis.query, axis.key) if isinstance(axis, Pairs) else (axis,))):
        raise InputError(f"{name}: over {shown(grid)}", "sizes that are whole numbers")
    if len(set(names)) < len(names) or not all(axis.cells > 0 for axis in grid):
        raise InputError(f"{name}: over {shown(grid)}", "axes of different names, each with at least one cell")
    return grid


def _register(name: str, what: str, value: Register | ArrayLike, grid: Grid, most: int) -> Register:
    register = value if isinstance(value, Values) else _values(name, what, value, grid)
    found = given.array(register.numbers if isinstance(register, Values) else register, f"{name}: {what}")
    if found.dtype.kind not in "iu":
        raise InputError(f"{name}: {what} is {found.dtype}", "whole numbers")
    if found.min(initial=0) < 0 or found.max(initial=0) > most:
        raise InputError(f"{name}: {what} is {found.min()}..{found.max()}, its register holds 0..{most}")
    return register


def _values(name: str, what: str, value: ArrayLike, grid: Grid) -> Register:
    """One number, or an array over the last axes."""
    found = given.array(value, f"{name}: {what}")
    if not np.issubdtype(found.dtype, np.integer):
        raise InputError(f"{name}: {what} is {found.dtype}", "whole numbers")
    if found.ndim == 0:
        return int(found)
    last = [axis for axis in grid[len(grid) - found.ndim :] if isinstance(axis, Axis)] if found.ndim <= len(grid) else []
    if [axis.size for axis in last] != list(found.shape):
        raise InputError(
            f"{name}: {what} has shape {found.shape}, its population is over {shown(grid)}", "one number, or one a cell of the last axes"
        )
    return Values(tuple(axis.name for axis in last), found.astype(np.int64))


def _bias(name: str, value: Bias | ArrayLike | None, grid: Grid) -> Bias | None:
    """With the smallest exponent at which its register holds every mantissa."""
    if value is None or isinstance(value, Bias):
        return value
    register = _values(name, "bias", value, grid)
    found = numbers(register)
    largest = arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT
    exponent = arith.bias_exponent(found) if _most(found.reshape(-1)) <= largest else None
    if exponent is None:
        raise InputError(
            f"{name}: biases up to {_most(found)} are not multiples of one power of two with mantissas up to {arith.BIAS_MANTISSA_LIMIT}"
        )
    shifted = Values(register.along, register.numbers >> exponent) if isinstance(register, Values) else register >> exponent
    return Bias(shifted, exponent) if found.any() else None


def _most(found: Iterable[int]) -> int:
    return max(abs(int(n)) for n in found)
