"""Networks of JSON and arrays, as `writing.py` makes them: each value judged by its type here, all of it by `soundness.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.checkpoint import BITS, packed_width, unpack_codes
from tritspike.runtime.errors import CheckpointError
from tritspike.runtime.files import Arrays
from tritspike.runtime.network.forms import LONGEST_NAME, is_name
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Network, Population, Port, Probe, Reads, Scheduled, Stream, Synapse, Timing, Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Register, Resets, Values
from tritspike.runtime.network.wiring import Dense, Join, Sparse, Wiring
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Map, Rule

_MOST = 1 << 40  # of any number in the JSON: what each may really be is `soundness.py`'s to say
_AXES = 8  # of a grid
_MOST_ITEMS = 1 << 20  # of a list
_SHOWN = 40  # characters of what is wrong
FIELDS = ("timing", "populations", "synapses", "ports", "probes")  # of a network
Read = TypeVar("Read")
Some = TypeVar("Some", bound=Enum)


class Reader:
    """Records of JSON. Every method raises `ValueError`, `KeyError` or `TypeError` for what is not as `Writer` writes it."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays, self.used = arrays, set[str]()

    def program(self, raw: dict[str, Any]) -> Scheduled:
        """Of an object with `FIELDS`, and others that are not looked at."""
        latency: dict[str, int] = {}

        def population(said: dict[str, Any]) -> Population:
            require_fields(said, "name", "grid", "latency", "neuron")
            found = self._population(said)
            latency[found.name] = whole(said["latency"], "latency")
            return found

        network = self._network(raw, population, self._synapse)
        return Scheduled(network=network, timing=_timing(raw["timing"]), latency=latency)

    def network(self, raw: dict[str, Any]) -> tuple[Network, Timing]:
        """The same before it is scheduled."""

        def population(said: dict[str, Any]) -> Population:
            require_fields(said, "name", "grid", "neuron")
            return self._population(said)

        def synapse(said: dict[str, Any]) -> Synapse:
            delay = whole(said["delay"], "delay")
            return replace(self._synapse({name: value for name, value in said.items() if name != "delay"}), delay=delay)

        return self._network(raw, population, synapse), _timing(raw["timing"])

    def _network(
        self, raw: dict[str, Any], population: Callable[[dict[str, Any]], Population], synapse: Callable[[dict[str, Any]], Synapse]
    ) -> Network:
        return Network(
            populations=tuple(of_record(p, population) for p in _list(raw["populations"], "populations")),
            synapses=tuple(of_record(s, synapse) for s in _list(raw["synapses"], "synapses")),
            ports=tuple(of_record(port, _port) for port in _list(raw["ports"], "ports")),
            probes=tuple(of_record(probe, _probe) for probe in _list(raw["probes"], "probes")),
        )

    def require_all_used(self) -> None:
        """An array that nothing refers to means something to whoever wrote it, and nothing here."""
        if unused := self.arrays.keys() - self.used:
            raise ValueError(f"array {min(unused)} belongs to nothing")

    def array(self, name: Any, kind: type) -> NDArray[Any]:
        """The array of that name, which only one thing may name, and of that dtype."""
        found = self.arrays[text(name, "array")]
        if found.dtype != np.dtype(kind):
            raise ValueError(f"array {name} is {found.dtype}, allowed {np.dtype(kind)}")
        if name in self.used:
            raise ValueError(f"array {name} stands for two things")
        self.used.add(name)
        return found

    def _codes(self, raw: Any) -> NDArray[Any]:
        if not isinstance(raw, dict):
            return self.array(raw, np.int8)
        require_fields(raw, "packed", "weights", "columns")
        packed, kind, columns = self.array(raw["packed"], np.uint8), raw["weights"], whole(raw["columns"], "columns")
        if kind not in BITS or packed.ndim != 2 or packed.shape[1] != packed_width(columns, kind):
            raise ValueError(f"array {raw['packed']} is {packed.shape}, of {columns} columns of {str(kind)[:40]} codes")
        try:
            return unpack_codes(packed, columns, kind, raw["packed"])
        except CheckpointError as error:
            raise ValueError(str(error)) from None

    def _population(self, raw: dict[str, Any]) -> Population:
        grid = _list(raw["grid"], "grid")
        if len(grid) > _AXES:
            raise ValueError(f"{len(grid)} axes, at most {_AXES}")
        neuron = None if raw["neuron"] is None else self._neuron(raw["neuron"])
        return Population(name=text(raw["name"], "name"), grid=_grid(grid), neuron=neuron)

    def _neuron(self, raw: dict[str, Any]) -> Neuron:
        require_fields(raw, "keep", "vth", "keep_u", "bias", "resets")
        registers = {name: self._register(raw[name], name) for name in ("keep", "vth", "keep_u")}
        return Neuron(**registers, bias=None if raw["bias"] is None else self._bias(raw["bias"]), resets=_one_of(Resets, raw["resets"], "resets"))

    def _bias(self, raw: dict[str, Any]) -> Bias:
        require_fields(raw, "mantissa", "exponent")
        return Bias(self._register(raw["mantissa"], "bias"), whole(raw["exponent"], "exponent"))

    def _register(self, raw: Any, what: str) -> Register:
        if not isinstance(raw, dict):
            return whole(raw, what)
        require_fields(raw, "along", "array")
        return Values(_texts(raw["along"], "along"), self.array(raw["array"], np.int64))

    def _synapse(self, raw: dict[str, Any]) -> Synapse:
        require_fields(raw, "name", "source", "target", "exponent", "wiring")
        ends = {name: text(raw[name], name) for name in ("name", "source", "target")}
        exponent, wiring = whole(raw["exponent"], "exponent"), self._wiring(raw["wiring"])
        return Synapse(name=ends["name"], source=ends["source"], target=ends["target"], exponent=exponent, wiring=wiring)

    def _wiring(self, raw: dict[str, Any]) -> Wiring:
        kind = _object(raw, "wiring")["kind"]
        if kind == "dense":
            require_fields(raw, "kind", "codes", "gain", "read", "rows")
            rows = None if raw["rows"] is None else _texts(raw["rows"], "rows")
            return Dense(self._codes(raw["codes"]), self.array(raw["gain"], np.int64), _read_map(raw["read"]), rows)
        if kind == "join":
            require_fields(raw, "kind", "weight", "read")
            return Join(whole(raw["weight"], "weight"), _read_map(raw["read"]))
        if kind != "sparse":
            raise ValueError(f"a wiring of kind {str(kind)[:40]!r}, known are dense, join, sparse")
        require_fields(raw, "kind", "weights", "rows", "columns", "shape")
        rows_, columns = (self.array(raw[name], np.int64) for name in ("rows", "columns"))
        shape = [whole(size, "shape") for size in raw["shape"]] if isinstance(raw["shape"], list) else []
        if len(shape) != 2 or not rows_.ndim == columns.ndim == 1:
            raise ValueError("a sparse wiring that is no matrix")
        return Sparse(self.array(raw["weights"], np.int32).reshape(-1), rows_, columns, (shape[0], shape[1]))


def of_record(raw: dict[str, Any], read: Callable[[dict[str, Any]], Read]) -> Read:
    """What `read` makes of a record. Raises `ValueError` that says of which, whatever was wrong in it."""
    name = str(raw.get("name"))[:_SHOWN]
    try:
        return read(raw)
    except KeyError as error:
        raise ValueError(f"{name}: it has no {error}") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from None


def _port(raw: dict[str, Any]) -> Port:
    return Port(**{name: text(raw[name], name) for name in require_fields(raw, "name", "population", "plays")})


def _probe(raw: dict[str, Any]) -> Probe:
    require_fields(raw, "name", "population", "reads")
    return Probe(name=text(raw["name"], "name"), population=text(raw["population"], "population"), reads=_one_of(Reads, raw["reads"], "reads"))


def _grid(raw: list[dict[str, Any]]) -> Grid:
    return tuple(_pairs(axis) if "query" in axis else _one_axis(axis) for axis in raw)


def _one_axis(raw: dict[str, Any]) -> Axis:
    require_fields(raw, "name", "size", "grows")
    return Axis(text(raw["name"], "name"), whole(raw["size"], "size"), truth(raw["grows"], "grows"))


def _pairs(raw: dict[str, Any]) -> Pairs:
    require_fields(raw, "query", "key", "causal")
    return Pairs(_one_axis(raw["query"]), _one_axis(raw["key"]), truth(raw["causal"], "causal"))


def _read_map(raw: dict[str, Any]) -> Map:
    return {text(name, "read"): _rule(rule) for name, rule in _object(raw, "read").items()}


def _rule(raw: Any) -> Rule:
    if raw == "sum":
        return SUM
    if "value" in _object(raw, "a rule of read"):
        require_fields(raw, "value")
        return At(whole(raw["value"], "value"))
    require_fields(raw, "target", "stride", "offset")
    return Follow(text(raw["target"], "target"), whole(raw["stride"], "stride"), whole(raw["offset"], "offset"))


def _timing(raw: dict[str, Any]) -> Timing:
    if "period" not in _object(raw, "timing"):
        require_fields(raw, "steps")
        return Windows(whole(raw["steps"], "timing.steps"))
    require_fields(raw, "steps", "period", "slot")
    return Stream(whole(raw["steps"], "timing.steps"), whole(raw["period"], "timing.period"), whole(raw["slot"], "timing.slot"))


def require_fields(raw: Any, *names: str) -> tuple[str, ...]:
    """A field that nothing reads means something to whoever wrote it, and nothing here. Raises `KeyError` where one is missing."""
    unknown = sorted(_object(raw, f"an object of {', '.join(names)}").keys() - set(names))
    if unknown:
        raise ValueError(f"unknown field {unknown[0][:_SHOWN]}, known are {', '.join(names)}")
    for name in names:
        if name not in raw:
            raise KeyError(name)
    return names


def _object(raw: Any, what: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError(f"{what} is {_short(raw)}, no object")
    return raw


def _list(raw: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(raw, list) or len(raw) > _MOST_ITEMS or not all(isinstance(item, dict) for item in raw):
        raise ValueError(f"{what} is not a list of objects")
    return raw


def _texts(raw: Any, what: str) -> tuple[str, ...]:
    if not isinstance(raw, list):
        raise ValueError(f"{what} is {_short(raw)}, no list of names")
    return tuple(text(name, what) for name in raw)


def _one_of(kind: type[Some], raw: Any, what: str) -> Some:
    known = [member.value for member in kind]
    if raw not in known:
        raise ValueError(f"{what} is {_short(raw)}, allowed {', '.join(known)}")
    return kind(raw)


def text(raw: Any, what: str) -> str:
    """A name. Raises `ValueError`."""
    if not is_name(raw):
        raise ValueError(f"{what} is {_short(raw)}, allowed 1 to {LONGEST_NAME} printable characters")
    return raw


def whole(raw: Any, what: str) -> int:
    """A whole number, and no truth value. Raises `ValueError`."""
    if type(raw) is not int or abs(raw) > _MOST:
        raise ValueError(f"{what} is {_short(raw)}, allowed whole numbers up to {_MOST}")
    return raw


def truth(raw: Any, what: str) -> bool:
    """Raises `ValueError`."""
    if type(raw) is not bool:
        raise ValueError(f"{what} is {_short(raw)}, allowed true or false")
    return raw


def _short(raw: Any) -> str:
    shown = raw if isinstance(raw, str) else repr(raw)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + " ..."
