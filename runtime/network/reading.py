"""Scheduled networks of JSON and arrays, as `writing.py` makes them: each value judged by its type here, all of it by `soundness.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.checkpoint import BITS, packed_width, unpack_codes
from tritspike.runtime.errors import CheckpointError
from tritspike.runtime.files import Arrays
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Network, Population, Port, Probe, Reads, Scheduled, Stream, Synapse, Timing, Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Register, Resets, Values
from tritspike.runtime.network.wiring import Dense, Join, Sparse, Wiring
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Map, Rule

_MOST = 1 << 40  # of any number in the JSON: what each may really be is `soundness.py`'s to say
_LONGEST = 200  # characters of a name
_AXES = 8  # of a grid
_MOST_ITEMS = 1 << 20  # of a list
FIELDS = ("timing", "populations", "synapses", "ports", "probes")  # of a network


class Reader:
    """Records of JSON. Every method raises `ValueError`, `KeyError` or `TypeError` for what is not as `Writer` writes it."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays, self.used = arrays, set[str]()

    def program(self, raw: dict[str, Any]) -> Scheduled:
        """Of an object with `FIELDS`, and others that are not looked at."""
        populations = [(self._population(p), whole(p["latency"])) for p in _list(raw["populations"])]
        network = Network(
            populations=tuple(p for p, _ in populations),
            synapses=tuple(self._synapse(s) for s in _list(raw["synapses"])),
            ports=tuple(
                Port(**{name: text(port[name]) for name in require_fields(port, "name", "population", "plays")}) for port in _list(raw["ports"])
            ),
            probes=tuple(self._probe(probe) for probe in _list(raw["probes"])),
        )
        return Scheduled(network=network, timing=_timing(raw["timing"]), latency={p.name: at for p, at in populations})

    def require_all_used(self) -> None:
        """An array that nothing refers to means something to whoever wrote it, and nothing here."""
        if unused := self.arrays.keys() - self.used:
            raise ValueError(f"array {min(unused)} belongs to nothing")

    def array(self, name: Any, *kinds: type) -> NDArray[Any]:
        """The array of that name, which only one thing may name, and of one of these dtypes."""
        found = self.arrays[text(name)]
        if name in self.used or found.dtype not in [np.dtype(k) for k in kinds]:
            raise ValueError(f"array {name} is {found.dtype}, or stands for two things")
        self.used.add(name)
        return found

    def _codes(self, raw: Any) -> NDArray[Any]:
        if not isinstance(raw, dict):
            return self.array(raw, np.int8)
        require_fields(raw, "packed", "weights", "columns")
        packed, kind, columns = self.array(raw["packed"], np.uint8), raw["weights"], whole(raw["columns"])
        if kind not in BITS or packed.ndim != 2 or packed.shape[1] != packed_width(columns, kind):
            raise ValueError(f"array {raw['packed']} is {packed.shape}, of {columns} columns of {str(kind)[:40]} codes")
        try:
            return unpack_codes(packed, columns, kind, raw["packed"])
        except CheckpointError as error:
            raise ValueError(str(error)) from None

    def _population(self, raw: dict[str, Any]) -> Population:
        require_fields(raw, "name", "grid", "latency", "neuron")
        grid = _list(raw["grid"])
        if len(grid) > _AXES:
            raise ValueError(f"{len(grid)} axes, at most {_AXES}")
        neuron = None if raw["neuron"] is None else self._neuron(raw["neuron"])
        return Population(name=text(raw["name"]), grid=_grid(grid), neuron=neuron)

    def _neuron(self, raw: dict[str, Any]) -> Neuron:
        require_fields(raw, "keep", "vth", "keep_u", "bias", "resets")
        registers = {name: self._register(raw[name]) for name in ("keep", "vth", "keep_u")}
        return Neuron(**registers, bias=None if raw["bias"] is None else self._bias(raw["bias"]), resets=Resets(raw["resets"]))

    def _bias(self, raw: dict[str, Any]) -> Bias:
        require_fields(raw, "mantissa", "exponent")
        return Bias(self._register(raw["mantissa"]), whole(raw["exponent"]))

    def _register(self, raw: Any) -> Register:
        if not isinstance(raw, dict):
            return whole(raw)
        require_fields(raw, "along", "array")
        return Values(_texts(raw["along"]), self.array(raw["array"], np.int64))

    def _synapse(self, raw: dict[str, Any]) -> Synapse:
        require_fields(raw, "name", "source", "target", "exponent", "wiring")
        ends = {name: text(raw[name]) for name in ("name", "source", "target")}
        exponent, wiring = whole(raw["exponent"]), self._wiring(raw["wiring"])
        return Synapse(name=ends["name"], source=ends["source"], target=ends["target"], exponent=exponent, wiring=wiring)

    def _wiring(self, raw: dict[str, Any]) -> Wiring:
        kind = raw["kind"]
        if kind == "dense":
            require_fields(raw, "kind", "codes", "gain", "read", "rows")
            rows = None if raw["rows"] is None else _texts(raw["rows"])
            return Dense(self._codes(raw["codes"]), self.array(raw["gain"], np.int64), _read_map(raw["read"]), rows)
        if kind == "join":
            require_fields(raw, "kind", "weight", "read")
            return Join(whole(raw["weight"]), _read_map(raw["read"]))
        if kind != "sparse":
            raise ValueError(f"a wiring of kind {kind!r}, known are dense, join, sparse")
        require_fields(raw, "kind", "weights", "rows", "columns", "shape")
        rows_, columns = (self.array(raw[name], np.int64) for name in ("rows", "columns"))
        shape = [whole(size) for size in raw["shape"]]
        if len(shape) != 2 or not rows_.ndim == columns.ndim == 1:
            raise ValueError("a sparse wiring that is no matrix")
        return Sparse(self.array(raw["weights"], np.int32).reshape(-1), rows_, columns, (shape[0], shape[1]))

    def _probe(self, raw: dict[str, Any]) -> Probe:
        require_fields(raw, "name", "population", "reads")
        return Probe(name=text(raw["name"]), population=text(raw["population"]), reads=Reads(raw["reads"]))


def _grid(raw: list[dict[str, Any]]) -> Grid:
    return tuple(_pairs(axis) if "query" in axis else _one_axis(axis) for axis in raw)


def _one_axis(raw: dict[str, Any]) -> Axis:
    require_fields(raw, "name", "size", "grows")
    return Axis(text(raw["name"]), whole(raw["size"]), truth(raw["grows"]))


def _pairs(raw: dict[str, Any]) -> Pairs:
    require_fields(raw, "query", "key", "causal")
    return Pairs(_one_axis(raw["query"]), _one_axis(raw["key"]), truth(raw["causal"]))


def _read_map(raw: dict[str, Any]) -> Map:
    return {text(name): _rule(rule) for name, rule in raw.items()}


def _rule(raw: Any) -> Rule:
    if raw == "sum":
        return SUM
    if "value" in raw:
        require_fields(raw, "value")
        return At(whole(raw["value"]))
    require_fields(raw, "target", "stride", "offset")
    return Follow(text(raw["target"]), whole(raw["stride"]), whole(raw["offset"]))


def _timing(raw: dict[str, Any]) -> Timing:
    if "period" not in raw:
        require_fields(raw, "steps")
        return Windows(whole(raw["steps"]))
    require_fields(raw, "steps", "period", "slot")
    return Stream(whole(raw["steps"]), whole(raw["period"]), whole(raw["slot"]))


def require_fields(raw: Any, *names: str) -> tuple[str, ...]:
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
    return tuple(text(name) for name in raw)


def text(raw: Any) -> str:
    """A name. Raises `ValueError`."""
    if not isinstance(raw, str) or not 0 < len(raw) <= _LONGEST or not raw.isprintable():
        raise ValueError(f"{str(raw)[:40]!r} is no name of at most {_LONGEST} printable characters")
    return raw


def whole(raw: Any) -> int:
    """A whole number, and no truth value. Raises `ValueError`."""
    if type(raw) is not int or abs(raw) > _MOST:
        raise ValueError(f"{str(raw)[:40]} is no whole number up to {_MOST}")
    return raw


def truth(raw: Any) -> bool:
    """Raises `ValueError`."""
    if type(raw) is not bool:
        raise ValueError(f"{str(raw)[:40]} is neither true nor false")
    return raw
