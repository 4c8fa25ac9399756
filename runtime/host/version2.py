"""Program files of version 2 as networks: the same neurons and synapses; a relay of n stages becomes n populations, `NAME.0` and on.

They knew one family. A grid was a word of axes, flattened in that order:

    i, j  position (of a query, of a key)      p  pair (i, j) of positions, only j <= i where causal
    h, d  head and channel in it        e  hidden channel        f  FFN channel        c  class
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.checkpoint import SIZES, packed_width, unpack_codes
from tritspike.runtime.errors import CheckpointError
from tritspike.runtime.files import Arrays
from tritspike.runtime.host import stored
from tritspike.runtime.host.program import TOKENS, Program
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Network, Population, Port, Probe, Reads, Scheduled, Synapse, Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Resets, Values
from tritspike.runtime.network.reading import of_record, require_fields, text, truth, whole
from tritspike.runtime.network.rows import PADDING
from tritspike.runtime.network.wiring import Dense, Join, Wiring
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Map, Rule

VERSION = 2
_NAMES = {"i": "position", "j": "key", "h": "head", "d": "channel", "e": "hidden", "f": "ffn", "c": "class"}
_ROLES = ("source", "lif", "coincidence", "relay", "readout")
_GRIDS = ("i", "ie", "ihd", "if", "hp", "hpd", "c", "ic")
_CHANNELS = "hdefc"  # what a bias differs along
_SIZES = ("positions", "heads", "head_dim", "hidden", "ffn", "classes")
_STAGES = 1 << 15  # of a relay: 256 layers of eight steps are 2,048
_WIRINGS = {"along": ("mantissa", "source"), "shift": ("mantissa", "stages"), "pool": ("columns", "first"), "matrix": ("columns", "offset")}
_POPULATION = ("name", "role", "axes", "latency", "keep", "vth", "resets", "stages", "bias")
_PROGRAM = ("format", "version", "dims", "steps", "profile", "front", "populations", "synapses", *stored.HOST_SCALARS)


def read(body: dict[str, Any], arrays: Arrays) -> Program:
    """Raises `KeyError`, `TypeError`, `ValueError` for what is not as version 2 wrote it; the program's soundness is asked of it later."""
    require_fields(body, *_PROGRAM)
    tables, others = stored.parted(arrays)
    scheduled = _Reader(body, others).scheduled()
    require_fields(body["front"], *stored.FRONT_SCALARS)
    return Program(scheduled=scheduled, host=stored.built(body, body["front"], tables), profile=body["profile"])


class _Reader:
    """One file's records."""

    def __init__(self, body: dict[str, Any], arrays: Arrays) -> None:
        self.body, self.arrays, self.used = body, arrays, set[str]()
        require_fields(body["dims"], *_SIZES, "causal")
        self.dims = {name: _size(name, body["dims"][name]) for name in _SIZES}
        self.causal = truth(body["dims"]["causal"], "causal")
        self.axes: dict[str, str] = {}
        self.stages: dict[str, int] = {}

    def scheduled(self) -> Scheduled:
        """All of it."""
        raws, wires = (_objects(self.body, name) for name in ("populations", "synapses"))
        populations = [p for raw in raws for p in of_record(raw, self._populations)]
        synapses = [s for raw in wires for s in of_record(raw, self._synapses)]
        network = Network(populations=tuple(populations), synapses=tuple(synapses), ports=self._ports(raws), probes=(self._probe(raws),))
        if unused := self.arrays.keys() - self.used:
            raise ValueError(f"array {min(unused)} belongs to no population or synapse")
        latency = {self._stage(raw["name"], k): whole(raw["latency"], "latency") + k for raw in raws for k in range(self.stages[raw["name"]])}
        return Scheduled(network=network, timing=Windows(whole(self.body["steps"], "steps")), latency=latency)

    def _ports(self, raws: list[dict[str, Any]]) -> tuple[Port, ...]:
        plays = {"x": TOKENS, "pad": PADDING}
        played = [raw["name"] for raw in raws if raw["role"] == "source"]
        return tuple(Port(name=name, population=name, plays=plays.get(name, name)) for name in played)

    def _probe(self, raws: list[dict[str, Any]]) -> Probe:
        readouts = [raw["name"] for raw in raws if raw["role"] == "readout"]
        if len(readouts) > 1:
            raise ValueError(f"{len(readouts)} readouts, allowed 1")
        name = readouts[0] if readouts else raws[-1]["name"]
        return Probe(name="answer", population=name, reads=Reads.MEMBRANE if readouts else Reads.COUNT)

    def _populations(self, raw: dict[str, Any]) -> list[Population]:
        require_fields(raw, *_POPULATION)
        name, axes, stages = text(raw["name"], "name"), raw["axes"], whole(raw["stages"], "stages")
        if raw["role"] not in _ROLES or axes not in _GRIDS:
            raise ValueError(f"{str(raw['role'])[:40]} over axes {str(axes)[:40]}, known are {', '.join(_ROLES)} over {', '.join(_GRIDS)}")
        if not 1 <= stages <= _STAGES or name in self.stages:
            raise ValueError(f"{stages} stages, allowed 1..{_STAGES} of one population of that name")
        self.axes[name], self.stages[name] = axes, stages
        over = self._grid(axes)
        if raw["role"] == "source":
            return [Population(name=name, grid=over)]
        resets = Resets.WINDOW if truth(raw["resets"], "resets") else Resets.NEVER
        neuron = Neuron(keep=whole(raw["keep"], "keep"), vth=whole(raw["vth"], "vth"), bias=self._bias(raw, over), resets=resets)
        return [Population(name=self._stage(name, k), grid=over, neuron=neuron) for k in range(stages)]

    def _stage(self, name: str, number: int) -> str:
        return name if self.stages[name] == 1 else f"{name}.{number}"

    def _grid(self, axes: str) -> Grid:
        return tuple(Pairs(self._axis("i"), self._axis("j"), self.causal) if letter == "p" else self._axis(letter) for letter in axes)

    def _axis(self, letter: str) -> Axis:
        sizes = dict(zip("ihdefc", _SIZES)) | {"h": "heads", "d": "head_dim", "e": "hidden", "j": "positions"}
        return Axis(_NAMES[letter], self.dims[sizes[letter]], grows=letter in "ij")

    def _bias(self, raw: dict[str, Any], over: Grid) -> Bias | None:
        if raw["bias"] is None:
            return None
        along = tuple(_NAMES[letter] for letter in raw["axes"] if letter in _CHANNELS)
        sizes = grids.extents(over)
        numbers = self._integers(f"bias.{raw['name']}").reshape([sizes[name] for name in along])
        return Bias(Values(along, numbers), whole(raw["bias"], "bias"))

    def _synapses(self, raw: dict[str, Any]) -> list[Synapse]:
        require_fields(raw, "name", "source", "target", "exponent", "source_stage", "wiring")
        name, source, target = (text(raw[key], key) for key in ("name", "source", "target"))
        exponent, tap, wiring = whole(raw["exponent"], "exponent"), whole(raw["source_stage"], "source_stage"), raw["wiring"]
        for end in (source, target):
            if end not in self.axes:
                raise ValueError(f"it ends at {end}, which is no population")
        if not 0 <= tap < self.stages[source]:
            raise ValueError(f"it taps stage {tap} of {self.stages[source]}")
        kind = wiring["kind"] if isinstance(wiring, dict) else wiring
        if not isinstance(kind, str) or kind not in _WIRINGS:
            raise ValueError(f"a wiring of kind {str(kind)[:40]!r}, known are {', '.join(_WIRINGS)}")
        require_fields(wiring, "kind", *_WIRINGS[kind])
        if kind == "shift":
            self._require_shift(source, target, whole(wiring["stages"], "stages"), tap)
            return self._shift(name, source, whole(wiring["mantissa"], "mantissa"), exponent)
        made = self._wiring(kind, wiring, name, source, target)
        return [Synapse(name=name, source=self._stage(source, tap), target=self._stage(target, 0), wiring=made, exponent=exponent)]

    def _require_shift(self, source: str, target: str, stages: int, tap: int) -> None:
        if source != target or stages != self.stages[source] or tap:
            raise ValueError(f"it shifts {stages} stages from {source} to {target}, allowed are the {self.stages[source]} of one population")

    def _shift(self, name: str, relay: str, weight: int, exponent: int) -> list[Synapse]:
        same = Join(weight, {n: Follow(n) for n in grids.names(self._grid(self.axes[relay]))})
        chain = [(self._stage(relay, k), self._stage(relay, k + 1)) for k in range(self.stages[relay] - 1)]
        return [Synapse(name=f"{name}.{k}", source=a, target=b, wiring=same, exponent=exponent) for k, (a, b) in enumerate(chain)]

    def _wiring(self, kind: str, raw: dict[str, Any], name: str, source: str, target: str) -> Wiring:
        if kind == "along":
            return self._join(raw, name, source, target)
        codes = self._codes(f"codes.{name}", whole(raw["columns"], "columns"))
        if kind == "pool":
            return Dense(codes, np.ones(len(codes), np.int64), {_NAMES["i"]: At(0) if truth(raw["first"], "first") else SUM})
        return Dense(codes, self._integers(f"gain.{name}"), {_NAMES["i"]: Follow(_NAMES["i"], 1, whole(raw["offset"], "offset"))})

    def _join(self, raw: dict[str, Any], name: str, source: str, target: str) -> Join:
        own, read, there = (axes.replace("p", "ij") for axes in (self.axes[source], text(raw["source"], "source"), self.axes[target]))
        if len(own) != len(read) or not set(read) <= _NAMES.keys():
            raise ValueError(f"it reads axes {read} of {own}")
        rules: Map = {_NAMES[a]: self._rule(b, there) for a, b in zip(own, read)}
        return Join(whole(raw["mantissa"], "mantissa"), rules)

    def _rule(self, letter: str, there: str) -> Rule:
        return Follow(_NAMES[letter]) if letter in there else SUM

    def _codes(self, name: str, columns: int) -> NDArray[np.int8]:
        stored_, kind = self._array(name), self.body["weights"]
        if stored_.dtype == np.int8 and stored_.ndim == 2 and stored_.shape[1] == columns:
            return stored_
        if stored_.dtype != np.uint8 or stored_.ndim != 2 or stored_.shape[1] != packed_width(columns, kind):
            raise ValueError(f"{name} is {stored_.dtype}{list(stored_.shape)} for {columns} {kind} columns")
        try:
            return unpack_codes(stored_, columns, kind, name)
        except CheckpointError as error:
            raise ValueError(str(error)) from None

    def _integers(self, name: str) -> NDArray[np.int64]:
        found = self._array(name)
        if found.dtype != np.int16:
            raise ValueError(f"array {name} is {found.dtype}, stored are int16")
        return found.astype(np.int64)

    def _array(self, name: str) -> NDArray[Any]:
        self.used.add(name)
        return self.arrays[name]


def _size(name: str, value: Any) -> int:
    low, high = SIZES["max_length" if name == "positions" else name]
    if not low <= whole(value, name) <= high:
        raise ValueError(f"{name} is {value}, allowed {low}..{high}")
    return int(value)


def _objects(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    if not isinstance(body[name], list) or not body[name] or not all(isinstance(item, dict) for item in body[name]):
        raise ValueError(f"{name} is not a list of objects")
    return list(body[name])
