"""The whole graph: one `Scan` over steps, of which spikes are played and probes are read; all state comes in and goes out, so that a run goes on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from tritspike.runtime.executors.onnx.heard import Sources
from tritspike.runtime.executors.onnx.neurons import Clock, Firing, counted, lasting
from tritspike.runtime.executors.onnx.nodes import STEPS, STREAMS, Constants, Nodes
from tritspike.runtime.network.network import Probe, Reads, Scheduled
from tritspike.runtime.network.neuron import Resets

STEP = "step"


@dataclass(frozen=True)
class Kept:
    """One array of the state, (streams, neurons) of `dtype`. name: `POPULATION/REGISTER`, or that of the step counter, one a stream."""

    name: str
    dtype: Any
    neurons: int

    @property
    def comes(self) -> str:
        """The graph's input."""
        return f"state/{self.name}"

    @property
    def goes(self) -> str:
        """The graph's output."""
        return f"next/{self.name}"

    def rest(self, streams: int) -> np.ndarray:
        """Before the first step."""
        return np.zeros((streams, self.neurons), self.dtype)


def state(program: Scheduled) -> list[Kept]:
    """All of it, in the order of the graph's inputs."""
    found = [Kept(STEP, np.int64, 1)]
    for p in program.network.populations:
        found += [Kept(f"{p.name}/{register}", np.int32, p.size) for register in lasting(program, p)]
        found.append(Kept(f"{p.name}/spikes", np.bool_, p.size))
    return found + [Kept(f"{p.name}/count", np.int32, program.network.by_name[p.population].size) for p in counted(program)]


def played(port: str) -> str:
    """The graph's input of a port: bool, (steps, streams, neurons)."""
    return f"port/{port}"


def read(probe: str) -> str:
    """The graph's output of a probe: int32, (steps, streams, neurons)."""
    return f"probe/{probe}"


def recorded(population: str) -> str:
    """The graph's output of a population's spikes, where they are recorded: bool, (steps, streams, neurons)."""
    return f"spikes/{population}"


@dataclass(eq=False)
class Body:
    """One step. after: by the names of `state`, what is left after it."""

    program: Scheduled
    constants: Constants
    record: Collection[str] = ()
    after: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kept, network = state(self.program), self.program.network
        self.before = {kept.name: f"before/{kept.name}" for kept in self.kept}
        self.now = {port.population: f"now/{port.name}" for port in network.ports}
        self.nodes = Nodes(self.constants, {*self.before.values(), *self.now.values()})
        self.clock = Clock(self.nodes, self.program.timing, self.before[STEP])
        self.sources = Sources(self.nodes, network, {p.name: self.before[f"{p.name}/spikes"] for p in network.populations})
        for p in network.populations:
            self._fire(p.name)
        for probe in counted(self.program):
            self.after[f"{probe.name}/count"] = self._count(probe)
        self.after[STEP] = self.nodes.op("clock/next", "Add", self.before[STEP], self.constants.number(1, np.int64))

    def _fire(self, name: str) -> None:
        p = self.program.network.by_name[name]
        if p.neuron is not None:
            kept = {register: self.before[f"{name}/{register}"] for register in lasting(self.program, p)}
            found = Firing(self.program, p, self.sources, self.clock).fire(kept)
            self.now[name] = found["spikes"]
            self.after.update({f"{name}/{register}": tensor for register, tensor in found.items()})
        else:
            self.after[f"{name}/spikes"] = self.now[name]

    def _count(self, probe: Probe) -> str:
        """Spikes of each neuron since its window began."""
        begins = self.clock.clears(Resets.WINDOW, self.program.latency[probe.population])
        assert begins is not None
        name, none = f"{probe.population}/{probe.name}", self.constants.number(0)
        before = self.nodes.op(f"{name}/begun", "Where", begins, none, self.before[f"{probe.name}/count"])
        return self.nodes.op(f"{name}/count", "Add", before, self.nodes.wide(f"{name}/wide", self.now[probe.population]))

    @cached_property
    def outputs(self) -> list[tuple[str, ValueInfoProto]]:
        """What the graph calls what comes of a step, and as what it comes: state, then probes, then what is recorded."""
        sizes = {p.name: p.size for p in self.program.network.populations}
        found = [(kept.goes, self._out(self.after[kept.name], kept.dtype, kept.neurons)) for kept in self.kept]
        for probe in self.program.network.probes:
            register = f"{probe.name}/count" if probe.reads is Reads.COUNT else f"{probe.population}/v"
            found.append((read(probe.name), self._out(self.after[register], np.int32, sizes[probe.population])))
        return found + [(recorded(name), self._out(self.now[name], np.bool_, sizes[name])) for name in self.record]

    def _out(self, tensor: str, dtype: Any, neurons: int) -> ValueInfoProto:
        """An output is a tensor of its own."""
        return tensor_info(self.nodes.op(f"out/{tensor}", "Identity", tensor), dtype, STREAMS, neurons)

    def inputs(self) -> list[ValueInfoProto]:
        """State, then what is played."""
        found = [tensor_info(self.before[kept.name], kept.dtype, STREAMS, kept.neurons) for kept in self.kept]
        by_name = self.program.network.by_name
        return found + [
            tensor_info(self.now[port.population], np.bool_, STREAMS, by_name[port.population].size) for port in self.program.network.ports
        ]

    def loop(self) -> NodeProto:
        """The whole graph's one node, but for casts of constants."""
        ports = self.program.network.ports
        outputs = self.outputs  # whose making adds nodes
        body = helper.make_graph(self.nodes.made, "step", self.inputs(), [info for _, info in outputs])
        inputs = [kept.comes for kept in self.kept] + [played(port.name) for port in ports]
        return helper.make_node("Scan", inputs, [name for name, _ in outputs], "steps", body=body, num_scan_inputs=len(ports))


def interface(body: Body) -> tuple[list[ValueInfoProto], list[ValueInfoProto]]:
    """(inputs, outputs) of the graph: those of the body, of all steps where they are not state."""
    kept, by_name = body.kept, body.program.network.by_name
    comes = [tensor_info(k.comes, k.dtype, STREAMS, k.neurons) for k in kept]
    comes += [tensor_info(played(p.name), np.bool_, STEPS, STREAMS, by_name[p.population].size) for p in body.program.network.ports]
    goes = [tensor_info(k.goes, k.dtype, STREAMS, k.neurons) for k in kept]
    return comes, goes + [_over_steps(name, info) for name, info in body.outputs[len(kept) :]]


def _over_steps(name: str, info: ValueInfoProto) -> ValueInfoProto:
    kind = info.type.tensor_type
    return helper.make_tensor_value_info(name, kind.elem_type, [STEPS, *(d.dim_param or d.dim_value for d in kind.shape.dim)])


def tensor_info(name: str, dtype: Any, *sizes: int | str) -> ValueInfoProto:
    """A name with its type and shape."""
    kind = TensorProto.BOOL if dtype is np.bool_ else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, list(sizes))
