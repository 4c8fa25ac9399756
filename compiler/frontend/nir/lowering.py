"""Float networks as ours, with a report of what each layer became."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.nir.floats import FloatNetwork, Layer, Way
from tritspike.compiler.frontend.nir.grid import Gridded, gridded
from tritspike.compiler.frontend.nir.planes import planes
from tritspike.compiler.frontend.nir.unsaid import touched
from tritspike.compiler.frontend.weighed import AXIS, line, weighed
from tritspike.hw_profiles.errors import Finding, listed
from tritspike.runtime import arith
from tritspike.runtime.network import order
from tritspike.runtime.network.network import Network, Population, Port, Probe, Stream, Synapse, Timing, Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Register, Resets, Values
from tritspike.runtime.network.rows import ACTIVE, PADDING
from tritspike.runtime.network.sequences import TIMED
from tritspike.runtime.network.terms import Handle

if TYPE_CHECKING:
    import scipy.sparse as sp

STEADY = "steady"  # what spikes in every step


@dataclass(frozen=True, eq=False, kw_only=True)
class Made:
    """A layer of the report. planes: 8-bit planes that its weights take. lasts: steps for which it is exact whatever comes, None for ever."""

    layer: Layer
    grid: Gridded
    planes: int
    lasts: int | None = None

    def __str__(self) -> str:
        kind = "exact" if self.grid.exact else f"quantised: {self.grid.why_not}"
        return f"{self.layer.name}: {self.layer.size:,} neurons, {kind}; {self._sizes()}"

    def _sizes(self) -> str:
        units, vth = self.grid.units, self.grid.vth
        one = f"{units.min():.6g}" if units.min() == units.max() else f"{units.min():.6g}..{units.max():.6g}"
        said = [f"{one} units in one of the file", f"weights in {'two planes' if self.planes > 1 else 'one plane'} of 8 bits"]
        if vth is not None:
            said.insert(1, f"threshold {vth.min()}" + (f"..{vth.max()}" if vth.min() != vth.max() else ""))
        if not self.grid.exact:
            weights, decays, thresholds = self.grid.lost
            said.append(f"off by at most {weights:.2e} of a neuron's largest weight, {decays:.1e} of a decay, {thresholds:.1e} of a threshold")
        if self.lasts is not None:
            said.append(f"exact for {self.lasts:,} steps of any input: then a membrane may stop at the lowest value of its register")
        return ", ".join(said)


@dataclass(frozen=True, eq=False)
class Found:
    """A network of ours, when its steps come, and what its layers became."""

    network: Network
    timing: Timing
    made: tuple[Made, ...]
    floats: FloatNetwork

    @property
    def exact(self) -> bool:
        """Whether every layer is."""
        return all(m.grid.exact for m in self.made)

    def lines(self) -> Iterator[str]:
        """The report."""
        s = self.floats.steps
        yield f"a step is {s.dt:g} s, {s.convention}: {s.why}"
        yield from self.floats.notes
        yield from map(str, self.made)
        if not s.ours:
            yield from touched((m.layer, m.grid) for m in self.made)
        whole = "exact: the same spikes as the file's for every input" if self.exact else "quantised: other spikes than the file's in part"
        yield f"{sum(m.layer.size for m in self.made):,} neurons, {whole}"


def lowered(floats: FloatNetwork, steps: int | None = None) -> Found:
    """steps: of a window, at whose begin all states are cleared; None: a stream of one step a token, whose state lives on.

    Raises `CompileError` for what neither can be.
    """
    waits = any(w.delay for w in floats.ways)
    if waits and steps is not None:
        what = f"{', '.join(f'{w.source} -> {w.target}' for w in floats.ways if w.delay)}: spikes that wait, and windows of different samples"
        raise CompileError(what, "no --steps: a stream")
    made = _Lowering(_played(floats) if waits else floats, Stream(1, 1) if steps is None else Windows(steps))
    return Found(made.network(), made.timing, tuple(made.made), floats)


def _played(floats: FloatNetwork) -> FloatNetwork:
    """Biases as what is heard: in the steps before the first, a register would make spikes that are still on their way in the first.

    Raises `CompileError` for what cannot be: a leak that leads a filtered neuron to fire by itself.
    """
    layers = tuple(replace(a, steady_u=a.steady, steady=None) if a.steady is not None and not a.keep_u.any() else a for a in floats.layers)
    alone = [
        a.name
        for a in layers
        if a.steady is not None and a.threshold is not None and (np.maximum(a.steady, 0) > a.threshold * (1 - a.keep) * (1 - 1e-9)).any()
    ]
    if alone:
        raise CompileError(listed(Finding(name, "v_leak", "above the threshold", "below it in a network with loops or delays") for name in alone))
    return replace(floats, layers=layers)


class _Lowering:
    """Populations, synapses and the report as they come."""

    def __init__(self, floats: FloatNetwork, timing: Timing) -> None:
        self.floats, self.timing, self.made = floats, timing, list[Made]()
        self.populations: list[Population] = []
        self.synapses: list[Synapse] = []
        self.grids = {a.name: gridded(a, [w.weights for w in floats.into(a.name)]) for a in floats.layers if not a.plays}
        registers = any(g.steady is not None for g in self.grids.values())
        self.resets = Resets.WINDOW if isinstance(timing, Windows) else Resets.SEQUENCE if registers else Resets.NEVER

    def network(self) -> Network:
        """All of it. Raises `CompileError` for a loop that is too short."""
        self._steady()
        for layer in self.floats.layers:
            self._layer(layer)
        ports = [Port(name=a.name, population=a.name, plays=_free(a.name)) for a in self.floats.layers if a.plays]
        if any(p.name == STEADY and p.neuron is None for p in self.populations):
            ports.append(Port(name=STEADY, population=STEADY, plays=ACTIVE))
        probes = tuple(Probe(name=r.name, population=r.layer, reads=r.reads) for r in self.floats.read)
        found = Network(populations=tuple(self.populations), synapses=tuple(self.synapses), ports=tuple(ports), probes=probes)
        _require_long_enough(found, self.timing)
        return found

    def _steady(self) -> None:
        """In a stream the host's timing plays it; in windows a neuron that fires by itself."""
        if not any(a.steady_u is not None for a in self.floats.layers):
            return
        if any(a.name == STEADY for a in self.floats.layers):
            raise CompileError(listed([Finding(STEADY, "name of a node", STEADY, "another: it is that of what spikes in every step")]))
        neuron = None if isinstance(self.timing, Stream) else Neuron(keep=0, vth=0, bias=Bias(arith.ONE), resets=Resets.WINDOW)
        self.populations.append(Population(name=STEADY, grid=line(1), neuron=neuron))

    def _layer(self, layer: Layer) -> None:
        if layer.plays:
            self.populations.append(Population(name=layer.name, grid=line(layer.size)))
            return
        ways, found = self.floats.into(layer.name), self.grids[layer.name]
        self.populations.append(Population(name=layer.name, grid=line(layer.size), neuron=_neuron(layer, found, self.resets)))
        counts = [self._way(way, weights) for way, weights in zip(ways, found.weights)]
        if found.steady_u is not None:
            counts.append(self._constant(layer, found.steady_u))
        self.made.append(Made(layer=layer, grid=found, planes=max(counts, default=1), lasts=_lasts(layer, found, self.timing)))

    def _way(self, way: Way, weights: sp.csr_matrix) -> int:
        source = next(a for a in self.floats.layers if a.name == way.source)
        target = next(a for a in self.floats.layers if a.name == way.target)
        return self._synapse(Handle(way.source, line(source.size)), Handle(way.target, line(target.size)), weights, way.delay)

    def _constant(self, layer: Layer, numbers: NDArray[np.int64]) -> int:
        import scipy.sparse as sp

        return self._synapse(Handle(STEADY, line(1)), Handle(layer.name, line(layer.size)), sp.csr_matrix(numbers[:, None]), 0)

    def _synapse(self, source: Handle, target: Handle, weights: sp.csr_matrix, delay: int) -> int:
        """In as many planes as it takes; how many these are."""
        found = [(w, exponent) for w, exponent in planes(weights) if w.nnz]
        for w, exponent in found:
            number = sum(s.target == target.name for s in self.synapses)
            name = f"{target.name}<{source.name}" + (f"#{number}" if number else "")
            wiring = weighed(source, w).wiring
            self.synapses.append(Synapse(name=name, source=source.name, target=target.name, wiring=wiring, exponent=exponent, delay=delay))
        return max(len(found), 1)


def _free(name: str) -> str:
    """What a port plays, which is not one of the names that the timing plays."""
    return f"{name}." if name in (*TIMED, PADDING) else name


def _neuron(layer: Layer, found: Gridded, resets: Resets) -> Neuron:
    bias = None
    if found.steady is not None and found.steady.any():
        exponent = arith.bias_exponent(found.steady)
        assert exponent is not None
        bias = Bias(_register(found.steady >> exponent), exponent)
    vth = arith.VTH_LIMIT if found.vth is None else _register(found.vth)
    return Neuron(keep=_register(found.keep), vth=vth, keep_u=_register(found.keep_u), bias=bias, resets=resets)


def _register(found: NDArray[np.int64]) -> Register:
    """One number where all are alike, as a core has it."""
    return int(found[0]) if (found == found[0]).all() else Values((AXIS,), found)


def _lasts(layer: Layer, found: Gridded, timing: Timing) -> int | None:
    """A membrane that keeps all may sink, as floats may without end."""
    if not found.exact or found.vth is None or not (found.keep == arith.KEEP_ALL).any():
        return None
    low = sum((np.asarray(-w.minimum(0).sum(1)).ravel() for w in found.weights), np.zeros(layer.size))
    for numbers, one in ((found.steady_u, 1), (found.steady, arith.ONE)):
        low = low if numbers is None else low + np.maximum(-numbers, 0) / one
    most = low[found.keep == arith.KEEP_ALL].max()
    steps = int((arith.V_LIMIT // arith.ONE) // most) if most > 0 else None
    return None if steps is None or (isinstance(timing, Windows) and steps >= timing.steps) else steps


def _require_long_enough(network: Network, timing: Timing) -> None:
    """A spike takes a step through each layer of a loop, and what leads back has to wait that long at least."""
    latency = order.latencies(network)
    short = [(s, -gap) for s in network.synapses if s.delay and (gap := order.gap(s, latency, timing.period)) < 0]
    if short:
        found = dict.fromkeys(
            Finding(f"{s.source} -> {s.target}", "the delay of a loop through several layers", f"{s.delay} steps", f"{s.delay + more} or more")
            for s, more in short
        )
        raise CompileError(listed(found), "a Delay node on the way back: on a chip a spike takes a step into each layer")
