"""Programs as NIR files: what NIR can say of them, and a golden trace beside them; the rest is refused by name.

A synapse's own step is none in NIR: populations are written in the time of their windows, relays that only wait for others vanish, and what comes
from a window before is an edge back (one step) or a Delay.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import Finding, listed
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.network import neuron as registers
from tritspike.runtime.network import order
from tritspike.runtime.network.network import Population, Reads, Scheduled, Stream
from tritspike.runtime.network.neuron import Neuron, Resets
from tritspike.runtime.network.ranges import forgets
from tritspike.runtime.network.rows import ACTIVE
from tritspike.runtime.network.sequences import TIMED

if TYPE_CHECKING:
    import h5py
    import scipy.sparse as sp

Array = NDArray[Any]
Node = dict[str, Any]
WRITER = "tritspike"  # in each file, by which one of ours is known
_VERSION = "1.0.8"  # of nir, whose form this is
_PACKED = 1 << 12
_MOST_WEIGHTS = 1 << 27  # NIR knows full matrices alone


@dataclass(frozen=True)
class Reader:
    """Who is to read it. dt: the step that it takes a file to mean. whole: whether it knows Threshold and Delay nodes."""

    dt: float
    whole: bool


READERS = {
    "nir": Reader(1e-3, True),
    "spyx": Reader(1.0, True),
    "norse": Reader(1e-3, False),
    "snntorch": Reader(1e-4, False),
    "spikingjelly": Reader(1e-4, False),
}


@dataclass(frozen=True, eq=False)
class NirGraph:
    """Nodes by name, and edges."""

    nodes: dict[str, Node]
    edges: list[tuple[str, str]]


def write_nir(program: Scheduled, reader: str = "nir") -> bytes:
    """What a NIR file of the program holds. Raises `InputError` with everything that NIR, or its reader, cannot say."""
    if reader not in READERS:
        raise InputError(f"a reader {reader!r} of NIR files", f"one of {', '.join(READERS)}")
    found = _Written(program, READERS[reader])
    if findings := tuple(found.findings()):
        raise InputError(listed(findings))
    return _file(found.graph(), unsaid(program))


def unsaid(program: Scheduled) -> dict[str, Any]:
    """What is in a file's metadata, since NIR has no word for it: resets, and how a chip's integers decay."""
    timing, cleared, leaky = program.timing, {}, []
    for p in program.network.populations:
        if p.neuron is None or forgets(program, p):
            continue
        if p.neuron.resets is not Resets.NEVER:
            cleared[p.name] = p.neuron.resets.value
        if (registers.numbers(p.neuron.keep) % arith.KEEP_ALL).any() or (registers.numbers(p.neuron.keep_u) % arith.KEEP_ALL).any():
            leaky.append(p.name)
    slot = timing.slot if isinstance(timing, Stream) else 0
    rule = "u and v are whole numbers, and what is left of them in a step is rounded toward zero: (|v| keep) >> 12"
    return {"steps": timing.steps, "slot": slot, "cleared": cleared, "truncated": leaky, "rule": rule}


def write_trace(program: Scheduled, spikes: Mapping[str, Array], reader: str = "nir") -> bytes:
    """NIRGraphData of (samples, steps, neurons) spikes by population: a golden trace, as nir.read_data takes it."""
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file.attrs["written_by"], file.attrs["__type__"] = WRITER, "NIRGraphData"
        for name, found in spikes.items():
            node = file.create_group(f"nodes/{_plain(name)}")
            node.attrs["__type__"] = "NIRNodeData"
            seen = node.create_group("observables/spikes")
            seen.attrs["__type__"], seen.attrs["dt"] = "TimeGriddedData", READERS[reader].dt
            seen.create_dataset("data", data=np.asarray(found, np.bool_), compression="gzip", track_times=False)
    return out.getvalue()


def _plain(name: str) -> str:
    """HDF5 reads a stroke as a way down."""
    return name.replace("/", ".")


@dataclass(frozen=True, eq=False)
class _Way:
    source: str
    target: str
    delay: int
    weights: sp.csr_matrix


class _Written:
    """One program's nodes."""

    def __init__(self, program: Scheduled, reader: Reader) -> None:
        self.program, self.network, self.reader = program, program.network, reader
        self.origin = {p.name: self._origin(p.name) for p in self.network.populations}
        self.timed = {port.population: port.plays for port in self.network.ports if isinstance(program.timing, Stream) and port.plays in TIMED}
        self.loops = [set(group) for group in order.components(self.network)]

    def _origin(self, name: str) -> str:
        """Whom a relay repeats in its own window, else itself."""
        heard = facts.repeats(self.network, self.network.by_name[name])
        if heard is None or self._ahead(heard, name):
            return name
        return self._origin(heard)

    def _ahead(self, source: str, target: str) -> int:
        """Steps before its own that a target hears a source."""
        return self.program.latency[source] + 1 - self.program.latency[target]

    def findings(self) -> Iterator[Finding]:
        """What NIR has no word for."""
        timing = self.program.timing
        if timing.period != timing.steps:
            yield Finding("the program", "steps of a token", f"{timing.period}, {timing.steps} with input", "all with input: NIR has no idle steps")
        for name, plays in self.timed.items():
            if plays != ACTIVE:
                yield Finding(name, "what its port plays", plays, "spikes that are given, or in every step")
        for p in self.network.populations:
            if p.neuron is not None and self.origin[p.name] == p.name:
                yield from self._unsaid(p, p.neuron)
        for way in self.ways():
            if way.weights.shape[0] * way.weights.shape[1] > _MOST_WEIGHTS:
                yield Finding(f"{way.source} -> {way.target}", "weights of a full matrix", f"{way.weights.shape}", f"up to {_MOST_WEIGHTS:,}")
            if self._waits(way) and not self.reader.whole:
                yield Finding(f"{way.source} -> {way.target}", "delay", f"{way.delay} steps", "0, or 1 back: this reader knows no Delay")

    def _unsaid(self, p: Population, n: Neuron) -> Iterator[Finding]:
        keep, keep_u = (registers.numbers(register) for register in (n.keep, n.keep_u))
        if keep_u.any() and ((keep == arith.KEEP_ALL).any() or (keep_u == arith.KEEP_ALL).any() or not keep_u.all()):
            yield Finding(p.name, "keep and keep_u", f"{keep.max()} and {keep_u.max()}", "1..4095 of the current and less than 4096 of the membrane")
        if any(way.delay for way in self.ways()) and self._fires_alone(p, n):
            yield Finding(p.name, "bias", "enough to fire alone", "less where there are delays: spikes of before the first step arrive in it")
        if not keep_u.any() and 0 < (keep == arith.KEEP_ALL).sum() < keep.size:
            yield Finding(p.name, "keep", f"{keep.min()}..{keep.max()}", "4096 of all, or of none")

    def _fires_alone(self, p: Population, n: Neuron) -> bool:
        """Whether a bias alone brings a membrane above its threshold, sooner or later."""
        bias, vth, keep = (np.asarray(registers.each(r, p.grid)) for r in ((n.bias.mantissa if n.bias else 0), n.vth, n.keep))
        whole = bias << (n.bias.exponent if n.bias else 0)
        return bool(((whole > 0) & (whole * arith.KEEP_ALL > (vth << arith.INPUT_SHIFT) * (arith.KEEP_ALL - keep))).any())

    def ways(self) -> list[_Way]:
        """Of each pair of populations and delay one, synapses added up."""
        found: dict[tuple[str, str, int], sp.csr_matrix] = {}
        for s in self.network.synapses:
            source, target = self.origin[s.source], s.target
            if self.origin[target] != target:
                continue
            key = (source, target, self._ahead(s.source, s.target))
            weights = s.wiring.csr(*self.network.grids(s)).astype(np.int64) * (1 << s.exponent)
            found[key] = found[key] + weights if key in found else weights
        return [_Way(*key, weights) for key, weights in found.items()]

    def _waits(self, way: _Way) -> bool:
        """Whether it needs a Delay: an edge that leads back waits one step by itself."""
        return way.delay > self._leads_back(way)

    def _leads_back(self, way: _Way) -> int:
        """1 where the target leads to the source."""
        return int(way.source == way.target or any({way.source, way.target} <= loop for loop in self.loops))

    def graph(self) -> NirGraph:
        """All of it."""
        nodes: dict[str, Node] = {}
        edges: list[tuple[str, str]] = []
        for p in self.network.populations:
            if p.name not in self.timed and self.origin[p.name] == p.name:
                name = _plain(p.name)
                nodes[name] = self._played(p) if p.neuron is None else self._cell(p, p.neuron)
        for way in self.ways():
            if way.source not in self.timed:
                self._edge(way, nodes, edges)
        self._biases(nodes, edges)
        for probe in self.network.probes:
            source = _plain(self.origin[probe.population])
            name = f"{_plain(probe.name)}.out" if _plain(probe.name) in nodes else _plain(probe.name)
            nodes[name] = {"type": "Output", "shape": np.array([self.network.by_name[probe.population].size])}
            edges.append((source, name))
        return NirGraph(nodes, edges)

    def _played(self, p: Population) -> Node:
        resets = sorted({q.neuron.resets.value for q in self.network.populations if q.neuron is not None and self.origin[q.name] == q.name})
        said = {"tritspike_dt": self.reader.dt, "tritspike_convention": "euler", "tritspike_resets": ", ".join(resets)}
        said |= {"tritspike_steps": self.program.timing.steps, "tritspike_decay": "v * keep / 4096, truncated toward zero, in 1/64 units"}
        return {"type": "Input", "shape": np.array([p.size]), "metadata": said}

    def _cell(self, p: Population, n: Neuron) -> Node:
        """Units of the file are synaptic units: r brings each weight to the membrane as it is."""
        dt, full = self.reader.dt, np.ones(p.size)
        keep, keep_u = (registers.each(register, p.grid) * full for register in (n.keep, n.keep_u))
        tau, tau_syn = (dt * arith.KEEP_ALL / np.maximum(arith.KEEP_ALL - k, 0.5) for k in (keep, keep_u))
        fires = {} if self._is_read(p) else {"v_threshold": registers.each(n.vth, p.grid) * full, "v_reset": 0 * full}
        i_or_if = "F" if fires else ""
        if keep_u.any():
            leak = full * 0 if n.bias is None else n.bias.each(p.grid) * full / arith.ONE * tau / dt
            times = {"tau_mem": tau, "tau_syn": tau_syn, "r": tau / dt, "w_in": tau_syn / dt}
            return {"type": f"CubaLI{i_or_if}", "v_leak": leak} | times | fires
        if fires and self.reader.whole and forgets(self.program, p):
            return {"type": "Threshold", "threshold": fires["v_threshold"]}
        if (keep == arith.KEEP_ALL).all():
            return {"type": f"I{i_or_if}", "r": full / dt} | fires
        return {"type": f"LI{i_or_if}", "tau": tau, "r": tau / dt, "v_leak": 0 * full} | fires

    def _is_read(self, p: Population) -> bool:
        return any(probe.population == p.name and probe.reads is Reads.MEMBRANE for probe in self.network.probes)

    def _edge(self, way: _Way, nodes: dict[str, Node], edges: list[tuple[str, str]]) -> None:
        source, target = _plain(way.source), _plain(way.target)
        name = _new(nodes, f"{source}-{target}")
        nodes[name] = {"type": "Linear", "weight": way.weights.toarray().astype(np.float32)}
        at = source
        if self._waits(way):
            wait = _new(nodes, f"{name}.delay")
            nodes[wait] = {"type": "Delay", "delay": np.full(way.weights.shape[1], way.delay * self.reader.dt)}
            edges.append((at, wait))
            at = wait
        edges += [(at, name), (name, target)]

    def _biases(self, nodes: dict[str, Node], edges: list[tuple[str, str]]) -> None:
        """In the first weights into a population: registers, and what spikes in every step."""
        for p in self.network.populations:
            if p.neuron is None or self.origin[p.name] != p.name:
                continue
            steady = [np.asarray(w.weights.sum(1)).ravel() for w in self.ways() if w.target == p.name and w.source in self.timed]
            bias = sum(steady, np.zeros(p.size))
            if p.neuron.bias is not None and not registers.numbers(p.neuron.keep_u).any():
                bias = bias + p.neuron.bias.each(p.grid) / arith.ONE
            if bias.any():
                self._add_bias(p, bias, nodes, edges)

    def _add_bias(self, p: Population, bias: Array, nodes: dict[str, Node], edges: list[tuple[str, str]]) -> None:
        first = next((a for a, b in edges if b == _plain(p.name) and not nodes[a]["type"].startswith("I") and "bias" not in nodes[a]), None)
        if first is None:
            raise InputError(f"{p.name}: a bias, and no synapses from spikes", "at least one: NIR has a bias with weights alone")
        nodes[first] |= {"type": "Affine", "bias": bias.astype(np.float64)}


def _new(nodes: Mapping[str, Node], name: str) -> str:
    return next(n for n in (name, *(f"{name}.{k}" for k in range(2, len(nodes) + 3))) if n not in nodes)


def _file(graph: NirGraph, said: dict[str, Any]) -> bytes:
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file.attrs["written_by"] = WRITER
        file.create_dataset("version", data=_VERSION, dtype=h5py.string_dtype())
        node = file.create_group("node")
        node.create_dataset("type", data="NIRGraph", dtype=h5py.string_dtype())
        edges = np.array(graph.edges, dtype=object).reshape(-1, 2)
        node.create_dataset("edges", data=edges, dtype=h5py.string_dtype())
        node.create_group("metadata").create_dataset(WRITER, data=json.dumps(said), dtype=h5py.string_dtype())
        below = node.create_group("nodes")
        for name, fields in graph.nodes.items():
            _write(below.create_group(name), fields)
    return out.getvalue()


def _write(group: h5py.Group, fields: Node) -> None:
    import h5py

    for name, value in fields.items():
        if isinstance(value, dict):
            _write(group.create_group(name), value)
        elif isinstance(value, str):
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        else:
            packed = "gzip" if np.size(value) > _PACKED else None  # full matrices of a few synapses
            group.create_dataset(name, data=value, track_times=False, compression=packed)
