"""Files of scheduled networks (.tsn): one safetensors file of integer arrays whose metadata is the network as JSON, versioned and checksummed.

Whatever somebody has written into one is judged before it is used: each value by its type here, all of it by `soundness.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import decoding
from tritspike.runtime import files
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import Arrays, object_from, read_tensors, write_atomic
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Network, Population, Port, Probe, Reads, Scheduled, Stream, Synapse, Timing, Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Register, Resets, Values
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.network.wiring import Dense, Join, Sparse, Wiring
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Map, Rule

FORMAT, VERSION = "tritspike-network", 3
_MOST = 1 << 40  # of any number in the JSON: what each may really be is `soundness.py`'s to say
_LONGEST = 200  # characters of a name
_AXES = 8  # of a grid
_MOST_ITEMS = 1 << 20  # of a list


def save(program: Scheduled, path: Path) -> None:
    """Write `program` atomically; the same program gives the same bytes. Raises `InputError` for one that is not sound."""
    write_atomic(path, to_bytes(program))


def to_bytes(program: Scheduled) -> bytes:
    """What a file holds."""
    require_sound(program)
    writer = _Writer()
    body = json.dumps(writer.program(program), sort_keys=True)
    return files.tensor_bytes(writer.arrays, {"tritspike": json.dumps({"sha256": files.digest(body, writer.arrays), "program": body})})


def load(path: Path) -> Scheduled:
    """Read and check a file. Raises `FileError` with everything that is wrong."""
    arrays, metadata = read_tensors(path)
    if "tritspike" not in metadata:
        raise FileError(f"{path}: a safetensors file, but not of tritspike")
    outer = object_from(metadata["tritspike"], path, "network")
    with decoding(path, "network", FileError):
        body = object_from(outer["program"], path, "network")
        if (body.get("format"), body.get("version")) != (FORMAT, VERSION):
            hint = "tritspike.load reads programs" if body.get("format") == "tritspike-program" else None
            raise FileError(f"{path}: {body.get('format')} version {body.get('version')}, this reads {FORMAT} version {VERSION}", hint)
        if outer["sha256"] != files.digest(outer["program"], arrays):
            raise FileError(f"{path}: the checksum does not match: the file is damaged")
        program = _Reader(arrays).program(body)
        require_sound(program, FileError, str(path))
    return program


class _Writer:
    """JSON of records; arrays go into `arrays` and are referred to by name."""

    def __init__(self) -> None:
        self.arrays: Arrays = {}

    def program(self, p: Scheduled) -> dict[str, Any]:
        network = p.network
        return {
            "format": FORMAT,
            "version": VERSION,
            "timing": {"steps": p.timing.steps} | ({"period": p.timing.period, "slot": p.timing.slot} if isinstance(p.timing, Stream) else {}),
            "populations": [self._population(q, p.latency[q.name]) for q in network.populations],
            "synapses": [self._synapse(s) for s in network.synapses],
            "ports": [vars(port) for port in network.ports],
            "probes": [{**vars(probe), "reads": probe.reads.value} for probe in network.probes],
        }

    def _array(self, array: NDArray[Any]) -> str:
        name = f"a{len(self.arrays)}"
        self.arrays[name] = np.ascontiguousarray(array)
        return name

    def _population(self, p: Population, latency: int) -> dict[str, Any]:
        return {
            "name": p.name,
            "grid": [_axis(a) for a in p.grid],
            "latency": latency,
            "neuron": None if p.neuron is None else self._neuron(p.neuron),
        }

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
            return {"kind": "dense", "codes": self._array(w.codes), "gain": self._array(w.gain), "read": _map(w.read), "rows": rows}
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


class _Reader:
    """Records of JSON. Every method raises `ValueError`, `KeyError` or `TypeError` for what is not as `_Writer` writes it."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays, self.used = arrays, set[str]()

    def program(self, raw: dict[str, Any]) -> Scheduled:
        _require_fields(raw, "format", "version", "timing", "populations", "synapses", "ports", "probes")
        populations = [(self._population(p), _whole(p["latency"])) for p in _list(raw["populations"])]
        network = Network(
            populations=tuple(p for p, _ in populations),
            synapses=tuple(self._synapse(s) for s in _list(raw["synapses"])),
            ports=tuple(
                Port(**{name: _text(port[name]) for name in _require_fields(port, "name", "population", "plays")}) for port in _list(raw["ports"])
            ),
            probes=tuple(self._probe(probe) for probe in _list(raw["probes"])),
        )
        if unused := self.arrays.keys() - self.used:
            raise ValueError(f"array {min(unused)} belongs to nothing")
        return Scheduled(network=network, timing=_timing(raw["timing"]), latency={p.name: at for p, at in populations})

    def _array(self, name: Any, *kinds: type) -> NDArray[Any]:
        found = self.arrays[_text(name)]
        if name in self.used or found.dtype not in [np.dtype(k) for k in kinds]:
            raise ValueError(f"array {name} is {found.dtype}, or stands for two things")
        self.used.add(name)
        return found

    def _population(self, raw: dict[str, Any]) -> Population:
        _require_fields(raw, "name", "grid", "latency", "neuron")
        grid = _list(raw["grid"])
        if len(grid) > _AXES:
            raise ValueError(f"{len(grid)} axes, at most {_AXES}")
        neuron = None if raw["neuron"] is None else self._neuron(raw["neuron"])
        return Population(name=_text(raw["name"]), grid=_grid(grid), neuron=neuron)

    def _neuron(self, raw: dict[str, Any]) -> Neuron:
        _require_fields(raw, "keep", "vth", "keep_u", "bias", "resets")
        registers = {name: self._register(raw[name]) for name in ("keep", "vth", "keep_u")}
        return Neuron(**registers, bias=None if raw["bias"] is None else self._bias(raw["bias"]), resets=Resets(raw["resets"]))

    def _bias(self, raw: dict[str, Any]) -> Bias:
        _require_fields(raw, "mantissa", "exponent")
        return Bias(self._register(raw["mantissa"]), _whole(raw["exponent"]))

    def _register(self, raw: Any) -> Register:
        if not isinstance(raw, dict):
            return _whole(raw)
        _require_fields(raw, "along", "array")
        return Values(_texts(raw["along"]), self._array(raw["array"], np.int64))

    def _synapse(self, raw: dict[str, Any]) -> Synapse:
        _require_fields(raw, "name", "source", "target", "exponent", "wiring")
        ends = {name: _text(raw[name]) for name in ("name", "source", "target")}
        exponent, wiring = _whole(raw["exponent"]), self._wiring(raw["wiring"])
        return Synapse(name=ends["name"], source=ends["source"], target=ends["target"], exponent=exponent, wiring=wiring)

    def _wiring(self, raw: dict[str, Any]) -> Wiring:
        kind = raw["kind"]
        if kind == "dense":
            _require_fields(raw, "kind", "codes", "gain", "read", "rows")
            rows = None if raw["rows"] is None else _texts(raw["rows"])
            return Dense(self._array(raw["codes"], np.int8), self._array(raw["gain"], np.int64), _read_map(raw["read"]), rows)
        if kind == "join":
            _require_fields(raw, "kind", "weight", "read")
            return Join(_whole(raw["weight"]), _read_map(raw["read"]))
        if kind != "sparse":
            raise ValueError(f"a wiring of kind {kind!r}, known are dense, join, sparse")
        _require_fields(raw, "kind", "weights", "rows", "columns", "shape")
        rows_, columns = (self._array(raw[name], np.int64) for name in ("rows", "columns"))
        shape = [_whole(size) for size in raw["shape"]]
        if len(shape) != 2 or not rows_.ndim == columns.ndim == 1:
            raise ValueError("a sparse wiring that is no matrix")
        return Sparse(self._array(raw["weights"], np.int32).reshape(-1), rows_, columns, (shape[0], shape[1]))

    def _probe(self, raw: dict[str, Any]) -> Probe:
        _require_fields(raw, "name", "population", "reads")
        return Probe(name=_text(raw["name"]), population=_text(raw["population"]), reads=Reads(raw["reads"]))


def _grid(raw: list[dict[str, Any]]) -> Grid:
    return tuple(_pairs(axis) if "query" in axis else _one_axis(axis) for axis in raw)


def _one_axis(raw: dict[str, Any]) -> Axis:
    _require_fields(raw, "name", "size", "grows")
    return Axis(_text(raw["name"]), _whole(raw["size"]), _truth(raw["grows"]))


def _pairs(raw: dict[str, Any]) -> Pairs:
    _require_fields(raw, "query", "key", "causal")
    return Pairs(_one_axis(raw["query"]), _one_axis(raw["key"]), _truth(raw["causal"]))


def _read_map(raw: dict[str, Any]) -> Map:
    return {_text(name): _rule(rule) for name, rule in raw.items()}


def _rule(raw: Any) -> Rule:
    if raw == "sum":
        return SUM
    if "value" in raw:
        _require_fields(raw, "value")
        return At(_whole(raw["value"]))
    _require_fields(raw, "target", "stride", "offset")
    return Follow(_text(raw["target"]), _whole(raw["stride"]), _whole(raw["offset"]))


def _timing(raw: dict[str, Any]) -> Timing:
    if "period" not in raw:
        _require_fields(raw, "steps")
        return Windows(_whole(raw["steps"]))
    _require_fields(raw, "steps", "period", "slot")
    return Stream(_whole(raw["steps"]), _whole(raw["period"]), _whole(raw["slot"]))


def _require_fields(raw: Any, *names: str) -> tuple[str, ...]:
    """A field that nothing reads means something to whoever wrote it, and nothing here."""
    if not isinstance(raw, dict) or raw.keys() != set(names):
        found = ", ".join(sorted(map(str, raw))) if isinstance(raw, dict) else type(raw).__name__
        raise ValueError(f"{found} in place of {', '.join(names)}")
    return names


def _list(raw: Any) -> list[dict[str, Any]]:
    if not isinstance(raw, list) or len(raw) > _MOST_ITEMS or not all(isinstance(item, dict) for item in raw):
        raise ValueError("no list of objects")
    return raw


def _texts(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list):
        raise ValueError("no list of names")
    return tuple(_text(name) for name in raw)


def _text(raw: Any) -> str:
    if not isinstance(raw, str) or not 0 < len(raw) <= _LONGEST or not raw.isprintable():
        raise ValueError(f"{str(raw)[:40]!r} is no name of at most {_LONGEST} printable characters")
    return raw


def _whole(raw: Any) -> int:
    if type(raw) is not int or abs(raw) > _MOST:
        raise ValueError(f"{str(raw)[:40]} is no whole number up to {_MOST}")
    return raw


def _truth(raw: Any) -> bool:
    if type(raw) is not bool:
        raise ValueError(f"{str(raw)[:40]} is neither true nor false")
    return raw
