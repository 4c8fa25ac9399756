"""Printed networks: one population a line with what it hears below; big arrays print as shape and checksum."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.passes.base import Lowering
from tritspike.runtime.network.network import Network, Population, Synapse
from tritspike.runtime.network.neuron import Neuron, Register, Resets
from tritspike.runtime.network.terms import shown


def show(given: Lowering) -> str:
    """All of it as text, the same for the same network."""
    network = given.network
    ports = [f"port {port.name}: plays {port.plays} into %{port.population}" for port in network.ports]
    probes = [f"probe {probe.name}: {probe.reads.value} of %{probe.population}" for probe in network.probes]
    lines = [line for p in network.populations for line in _population(network, p, given.latency.get(p.name))]
    return "\n".join([f"network {given.timing}", *ports, *lines, *probes, ""])


def _population(network: Network, p: Population, latency: int | None) -> list[str]:
    at = "" if latency is None else f" @{latency}"
    registers = "host" if p.neuron is None else _neuron(p.neuron)
    return [f"%{p.name} = {registers} [{shown(p.grid)}]{at}", *(f"    <- {_synapse(s)}" for s in network.inputs(p.name))]


def _neuron(n: Neuron) -> str:
    current = "" if n.keep_u == 0 else f" keep_u={_register(n.keep_u)}"
    bias = "" if n.bias is None else f" bias={_register(n.bias.mantissa)}<<{n.bias.exponent}"
    resets = "" if n.resets is Resets.NEVER else f" resets={n.resets.value}"
    return f"lif keep={_register(n.keep)} vth={_register(n.vth)}{current}{bias}{resets}"


def _register(register: Register) -> str:
    return str(register) if isinstance(register, int) else checksum(register.numbers)


def _synapse(s: Synapse) -> str:
    scale, delay = f" <<{s.exponent}" if s.exponent else "", f" delay {s.delay}" if s.delay else ""
    return f"%{s.source} {s.wiring.shown(checksum)}{scale}{delay}"


def checksum(array: NDArray[Any]) -> str:
    """Of its numbers, whatever their type."""
    return f"#{zlib.crc32(np.ascontiguousarray(array.astype(np.int64)).tobytes()):08x}"
