"""Changes that leave a program whole: registers within their ranges, weights within theirs, wiring that fits. What is accepted has to be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

import numpy as np
from fuzz.containers import Arrays

from tritspike.runtime import arith
from tritspike.runtime.checkpoint import pack_codes, packed_width

Described = dict[str, Any]
_KEEPS = (0, 1, 2, 511, 2048, 3072, 4095, 4096)
_ARRAYS = ("array", "packed", "gain", "codes", "weights", "rows", "columns")  # keys that may name one


def changed(rng: Random, described: Described, arrays: Arrays) -> str:
    """One to four changes, in place; what they are."""
    said = []
    for _ in range(rng.choice([1, 1, 2, 4])):
        act = rng.choice(_ACTS)
        said.append(f"{act.__name__.strip('_')} {act(rng, described, arrays)}")
    return "; ".join(said)


def _near(rng: Random, value: Any, low: int, high: int) -> int:
    if type(value) is not int:
        return rng.randint(low, high)
    return min(max(rng.choice([value + 1, value - 1, value * 2, value // 2, low, high, rng.randint(low, high)]), low), high)


def _set(rng: Random, record: Described, name: str, value: Any) -> str:
    old, record[name] = record.get(name), value
    return f"{record.get('name', '')}.{name}: {str(old)[:60]} -> {str(value)[:60]}"


def referred(record: Any) -> Iterator[tuple[Described, str, str]]:
    """(object, key, array) wherever a record refers to an array."""
    if isinstance(record, dict):
        for key, value in record.items():
            if key in _ARRAYS and isinstance(value, str) and value[:1] in "ab" and value[1:].isdigit():
                yield record, key, value
            yield from referred(value)


def _forgotten(record: Any, arrays: Arrays) -> None:
    for _, _, name in referred(record):
        arrays.pop(name, None)


def _population(rng: Random, described: Described, arrays: Arrays) -> str:
    p = rng.choice(described["populations"])
    if p["neuron"] is None or rng.random() < 0.15:
        return _set(rng, p, "latency", _near(rng, p["latency"], 0, 40))
    neuron = p["neuron"]
    ways: dict[str, Callable[[], Any]] = {
        "keep": lambda: rng.choice(_KEEPS),
        "keep_u": lambda: rng.choice((0, 0, 1, 2048, 4095, 4096)),
        "vth": lambda: _near(rng, neuron["vth"], 0, arith.VTH_LIMIT),
        "resets": lambda: rng.choice(["window", "sequence", "never"]),
        "bias": lambda: _bias(rng, neuron["bias"], arrays),
    }
    name = rng.choice([*ways, "keep", "vth", "resets"])
    return f"{p['name']}{_set(rng, neuron, name, ways[name]())}"


def _bias(rng: Random, old: Any, arrays: Arrays) -> Any:
    if isinstance(old, dict) and rng.random() < 0.6:
        return old | {"exponent": _near(rng, old["exponent"], 0, 7)}
    _forgotten(old, arrays)
    return rng.choice([None, {"mantissa": rng.choice([0, 1, -1, 640, 4095, -4095]), "exponent": rng.randint(0, 7)}])


def _register(rng: Random, described: Described, arrays: Arrays) -> str:
    """One that differs from neuron to neuron, along an axis that does not grow; or from now on it does."""
    p = rng.choice([p for p in described["populations"] if p["neuron"]] or [{"name": "none", "grid": [], "neuron": {}}])
    axes = [axis for axis in p["grid"] if "query" not in axis and not axis["grows"]]
    if not axes:
        return "none"
    axis, name, some = rng.choice(axes), rng.choice(["keep", "vth", "keep_u"]), np.random.default_rng(rng.getrandbits(32))
    _forgotten(p["neuron"][name], arrays)
    array = f"b{len(arrays)}"
    arrays[array] = some.choice({"keep": _KEEPS, "vth": (0, 1, 60, 100, 131071), "keep_u": (0, 0, 2048)}[name], axis["size"]).astype(np.int64)
    return f"{p['name']}{_set(rng, p['neuron'], name, {'along': [axis['name']], 'array': array})}"


def _grid(rng: Random, described: Described, arrays: Arrays) -> str:
    """Another's, in another order, causal, growing or not; or every growing axis of another size."""
    p = rng.choice(described["populations"])
    kind = rng.random()
    if kind < 0.3:
        size = rng.randint(1, 9)
        for axis in _sides(described):
            axis["size"] = size if axis["grows"] else axis["size"]
        return f"all growing axes to {size}"
    if kind < 0.5:
        rng.shuffle(p["grid"])
        return f"{p['name']} in another order"
    if kind < 0.7:
        return _set(rng, p, "grid", deepcopy(rng.choice(described["populations"])["grid"]))
    axis = rng.choice(p["grid"]) if p["grid"] else {}
    return _set(rng, axis, "causal" if "query" in axis else "grows", rng.random() < 0.5)


def _sides(described: Described) -> Iterator[Described]:
    for p in described["populations"]:
        for axis in p["grid"]:
            yield from (axis["query"], axis["key"]) if "query" in axis else (axis,)


def _synapse(rng: Random, described: Described, arrays: Arrays) -> str:
    s = rng.choice(described["synapses"])
    wiring, kind = s["wiring"], rng.random()
    if kind < 0.3:
        return _set(rng, s, "exponent", _near(rng, s["exponent"], 0, 7))
    if kind < 0.55 and "weight" in wiring:
        return f"{s['name']}: {_set(rng, wiring, 'weight', rng.choice([0, 1, -1, 2, 127, -127, _near(rng, wiring['weight'], -127, 127)]))}"
    read = wiring.get("read")
    if not read:
        return "none"
    name = rng.choice(sorted(read))
    return f"{s['name']}: {_set(rng, read, name, _rule(rng, described, s, read[name]))}"


def _rule(rng: Random, described: Described, s: Described, old: Any) -> Any:
    grid = next((p["grid"] for p in described["populations"] if p["name"] == s["target"]), [])
    names = [side["name"] for axis in grid for side in ((axis["query"], axis["key"]) if "query" in axis else (axis,))] or ["none"]
    kind = rng.random()
    if kind < 0.4 and isinstance(old, dict) and "offset" in old:
        return old | rng.choice([{"offset": rng.randint(-3, 3)}, {"stride": rng.randint(1, 3)}])
    return rng.choice(["sum", {"value": rng.randint(0, 3)}, {"target": rng.choice(names), "stride": 1, "offset": rng.randint(-1, 1)}])


def _rewired(rng: Random, described: Described, arrays: Arrays) -> str:
    """To another population over the same grid."""
    s, end = rng.choice(described["synapses"]), rng.choice(["source", "target"])
    grids = {p["name"]: p["grid"] for p in described["populations"]}
    alike = [name for name, found in grids.items() if found == grids.get(s[end])]
    return _set(rng, s, end, rng.choice(alike or [s[end]]))


def _doubled(rng: Random, described: Described, arrays: Arrays) -> str:
    """A synapse twice, its arrays too."""
    s = rng.choice(described["synapses"])
    twin = deepcopy(s) | {"name": s["name"] + "'"}
    for record, key, name in list(referred(twin)):
        if name in arrays:
            record[key] = f"b{len(arrays)}"
            arrays[record[key]] = arrays[name]
    described["synapses"].insert(rng.randrange(len(described["synapses"]) + 1), twin)
    return str(s["name"])


def _removed(rng: Random, described: Described, arrays: Arrays) -> str:
    """A synapse; or a population with every synapse, port and probe at it."""
    if rng.random() < 0.6:
        gone = [described["synapses"].pop(rng.randrange(len(described["synapses"])))]
        name = gone[0]["name"]
    else:
        p = described["populations"].pop(rng.randrange(len(described["populations"])))
        name = p["name"]
        gone = [p, *(s for s in described["synapses"] if name in (s["source"], s["target"]))]
        described["synapses"] = [s for s in described["synapses"] if s not in gone]
        described["ports"] = [port for port in described["ports"] if port["population"] != name]
    for record in gone:
        _forgotten(record, arrays)
    return str(name)


def _moved(rng: Random, described: Described, arrays: Arrays) -> str:
    """Everything from some step on later by one, or records in another order."""
    records = rng.choice([described["populations"], described["synapses"], described["ports"]])
    if rng.random() < 0.5 and records:
        n = rng.randrange(len(records))
        records.insert(rng.randrange(len(records)), records.pop(n))
        return f"record {n}"
    at, by = rng.randint(0, 20), rng.choice([1, 2, -1])
    for p in described["populations"]:
        p["latency"] += by if p["latency"] >= at else 0
    return f"latencies from {at} by {by}"


def _played(rng: Random, described: Described, arrays: Arrays) -> str:
    """Ports and probes."""
    populations = [p["name"] for p in described["populations"]]
    record = rng.choice(described["ports"] + described["probes"])
    if "reads" in record and rng.random() < 0.5:
        return _set(rng, record, "reads", rng.choice(["membrane", "count"]))
    return _set(rng, record, "population", rng.choice(populations)) if rng.random() < 0.7 else _set(rng, record, "name", rng.choice(populations))


def _host(rng: Random, described: Described, arrays: Arrays) -> str:
    host, front = described["host"], described["host"]["front"]
    ways: dict[str, Callable[[], tuple[Described, Any]]] = {
        "first_position_only": lambda: (host, not host["first_position_only"]),
        "logit_scale": lambda: (host, rng.choice([0, 0.0, -1.5, 1e308, 1e-320, 3, 1.7e308])),
        "labels": lambda: (host, rng.choice([[], ["a"], ["[red]", "\n"], ["x", "x"], ["\x1b[31m", "é"], ["", ""], ["a", "b", "c"]])),
        "task": lambda: (host, rng.choice(["sst2", "mrpc", "stsb", "lm", "mnli", "", "a\nb", "[b]"])),
        "profile": lambda: (described, rng.choice(["loihi1", "", "a\nb", "[b]", "../x"])),
        "weights": lambda: (host, rng.choice(["ternary", "binary"])),
        "steps": lambda: (described["timing"], _near(rng, described["timing"]["steps"], 1, 9)),
        "shift": lambda: (front, _near(rng, front["shift"], 0, 30)),
        "keep": lambda: (front, rng.choice(_KEEPS)),
        "vth": lambda: (front, _near(rng, front["vth"], 0, arith.VTH_LIMIT)),
    }
    name = rng.choice(list(ways))
    record, value = ways[name]()
    return _set(rng, record, name, value)


def _weights(rng: Random, described: Described, arrays: Arrays) -> str:
    """An array with other legal values, among them the ends of their ranges."""
    name = rng.choice(sorted(arrays))
    found = [(record, key) for part in ("populations", "synapses") for r in described[part] for record, key, array in referred(r) if array == name]
    record, key = found[0] if found else ({}, name)
    a, some = arrays[name], np.random.default_rng(rng.getrandbits(32))
    if key == "packed":
        arrays[name] = _codes(rng, some, len(a), record.get("columns"), record.get("weights"), a)
        return name
    limit = {"gain": 127, "codes": 1, "array": 4095, "class_bias": (1 << 31) - 1}.get(key, 127)
    limit = rng.choice([limit, limit, max(1, limit // 64), 1])
    arrays[name] = rng.choice([some.integers(-limit, limit + 1, a.shape), np.full(a.shape, limit), np.full(a.shape, -limit)]).astype(a.dtype)
    return name


def _codes(rng: Random, some: np.random.Generator, rows: int, columns: Any, weights: Any, old: np.ndarray) -> np.ndarray:
    if not isinstance(columns, int) or weights not in ("ternary", "binary") or packed_width(columns, weights) != old.shape[1]:
        return old
    values = [-1, 1] if weights == "binary" else rng.choice([[-1, 0, 1], [0], [1], [-1], [0, 1]])
    return pack_codes(some.choice(values, (rows, columns)).astype(np.int8), weights)


_ACTS: tuple[Callable[[Random, Described, Arrays], str], ...] = (
    *(_population,) * 4,
    *(_synapse,) * 3,
    *(_weights,) * 3,
    *(_host,) * 2,
    _register,
    _grid,
    _rewired,
    _doubled,
    _removed,
    _moved,
    _played,
)
