"""Networks as JSON and arrays, as `reading.py` takes them: scheduled ones, and those that have no latencies yet but perhaps delays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.checkpoint import pack_codes
from tritspike.runtime.files import Arrays
from tritspike.runtime.network.grid import Axis, Pairs
from tritspike.runtime.network.network import Network, Population, Scheduled, Stream, Synapse, Timing
from tritspike.runtime.network.neuron import Neuron, Register, Values
from tritspike.runtime.network.wiring import Dense, Join, Wiring
from tritspike.runtime.network.wiring.maps import SUM, Map


class Writer:
    """JSON of records; arrays go into `arrays` and are referred to by name."""

    def __init__(self) -> None:
        self.arrays: Arrays = {}

    def program(self, p: Scheduled) -> dict[str, Any]:
        """The object."""
        found = self._whole(p.network, p.timing)
        for said in found["populations"]:
            said["latency"] = p.latency[said["name"]]
        return found

    def network(self, network: Network, timing: Timing) -> dict[str, Any]:
        """The object of a network before it is scheduled."""
        found = self._whole(network, timing)
        for said, s in zip(found["synapses"], network.synapses):
            said["delay"] = s.delay
        return found

    def _whole(self, network: Network, timing: Timing) -> dict[str, Any]:
        return {
            "timing": {"steps": timing.steps} | ({"period": timing.period, "slot": timing.slot} if isinstance(timing, Stream) else {}),
            "populations": [self._population(q) for q in network.populations],
            "synapses": [self._synapse(s) for s in network.synapses],
            "ports": [vars(port) for port in network.ports],
            "probes": [{**vars(probe), "reads": probe.reads.value} for probe in network.probes],
        }

    def _array(self, array: NDArray[Any]) -> str:
        name = f"a{len(self.arrays)}"
        self.arrays[name] = np.ascontiguousarray(array)
        return name

    def _codes(self, codes: NDArray[np.int8]) -> Any:
        """Packed where the packing can say every code."""
        size = np.abs(codes)
        if not codes.size or size.max() > 1:
            return self._array(codes)
        kind = "binary" if size.min() else "ternary"
        return {"packed": self._array(pack_codes(codes, kind)), "weights": kind, "columns": codes.shape[1]}

    def _population(self, p: Population) -> dict[str, Any]:
        return {"name": p.name, "grid": [_axis(a) for a in p.grid], "neuron": None if p.neuron is None else self._neuron(p.neuron)}

    def _neuron(self, n: Neuron) -> dict[str, Any]:
        registers = {name: self._register(getattr(n, name)) for name in ("keep", "vth", "keep_u")}
        bias = None if n.bias is None else {"mantissa": self._register(n.bias.mantissa), "exponent": n.bias.exponent}
        return {**registers, "bias": bias, "resets": n.resets.value}

    def _register(self, register: Register) -> Any:
        return {"along": list(register.along), "array": self._array(register.numbers)} if isinstance(register, Values) else register

    def _synapse(self, s: Synapse) -> dict[str, Any]:
        return {"name": s.name, "source": s.source, "target": s.target, "exponent": s.exponent, "wiring": self._wiring(s.wiring)}

    def _wiring(self, w: Wiring) -> dict[str, Any]:
        if isinstance(w, Dense):
            rows = None if w.rows is None else list(w.rows)
            return {"kind": "dense", "codes": self._codes(w.codes), "gain": self._array(w.gain), "read": _map(w.read), "rows": rows}
        if isinstance(w, Join):
            return {"kind": "join", "weight": w.weight, "read": _map(w.read)}
        parts = {name: self._array(getattr(w, name)) for name in ("weights", "rows", "columns")}
        return {"kind": "sparse", **parts, "shape": list(w.shape)}


def _axis(axis: Axis | Pairs) -> dict[str, Any]:
    if isinstance(axis, Axis):
        return vars(axis)
    return {"query": vars(axis.query), "key": vars(axis.key), "causal": axis.causal}


def _map(read: Map) -> dict[str, Any]:
    return {name: "sum" if rule is SUM else vars(rule) for name, rule in read.items()}
