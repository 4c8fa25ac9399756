"""The same as `registers.py` of program files of version 2, which nobody writes any more."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from fuzz.containers import Arrays

from tritspike.runtime import arith
from tritspike.runtime.checkpoint import pack_codes, packed_width

Described = dict[str, Any]
_KEEPS = (1, 2, 511, 2048, 3072, 4095, 4096)
_GRIDS = ("ie", "ihd", "jhd", "i", "j", "hp", "hpd", "if", "ic", "c", "ihp", "e")


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
    return f"{record.get('name', '')}.{name}: {old} -> {value}"


def _population(rng: Random, described: Described, arrays: Arrays) -> str:
    p = rng.choice(described["populations"])
    ways: dict[str, Callable[[], Any]] = {
        "keep": lambda: rng.choice(_KEEPS),
        "vth": lambda: _near(rng, p["vth"], 0, arith.VTH_LIMIT),
        "latency": lambda: _near(rng, p["latency"], 0, 40),
        "stages": lambda: _near(rng, p["stages"], 1, 12),
        "resets": lambda: not p["resets"],
        "bias": lambda: _near(rng, p["bias"], 0, 7) if p["bias"] is not None or rng.random() < 0.2 else None,
        "role": lambda: rng.choice(["source", "lif", "coincidence", "relay", "readout"]),
        "axes": lambda: rng.choice(_GRIDS),
    }
    name = rng.choice([*ways, "keep", "vth", "resets", "latency"])
    return _set(rng, p, name, ways[name]())


def _synapse(rng: Random, described: Described, arrays: Arrays) -> str:
    s = rng.choice(described["synapses"])
    if rng.random() < 0.4:
        name = rng.choice(["exponent", "source_stage"])
        return _set(rng, s, name, _near(rng, s[name], 0, 7 if name == "exponent" else 12))
    wiring = s["wiring"]
    name = rng.choice([k for k in wiring if k not in ("kind", "columns")] or ["kind"])
    ways: dict[str, Any] = {
        "mantissa": rng.choice([0, 1, -1, 127, -127, _near(rng, wiring.get("mantissa"), -127, 127)]),
        "offset": rng.randint(-3, 3),
        "stages": rng.randint(2, 12),
        "first": not wiring.get("first"),
        "source": rng.choice(_GRIDS),
    }
    return f"{s['name']}: {_set(rng, wiring, name, ways[name])}"


def _rewired(rng: Random, described: Described, arrays: Arrays) -> str:
    """To another population with the same axes."""
    s, end = rng.choice(described["synapses"]), rng.choice(["source", "target"])
    axes = {p["name"]: p["axes"] for p in described["populations"]}
    alike = [name for name, found in axes.items() if found == axes.get(s[end])]
    return _set(rng, s, end, rng.choice(alike or [s[end]]))


def _doubled(rng: Random, described: Described, arrays: Arrays) -> str:
    """A synapse twice, or a population and all that feeds it."""
    s = rng.choice(described["synapses"])
    twin = {**s, "name": s["name"] + "'", "wiring": dict(s["wiring"])}
    for kind in ("codes", "gain"):
        if f"{kind}.{s['name']}" in arrays:
            arrays[f"{kind}.{twin['name']}"] = arrays[f"{kind}.{s['name']}"]
    described["synapses"].insert(rng.randrange(len(described["synapses"]) + 1), twin)
    return s["name"]


def _removed(rng: Random, described: Described, arrays: Arrays) -> str:
    """A synapse; or a population with every synapse at it."""
    if rng.random() < 0.6:
        gone = [described["synapses"].pop(rng.randrange(len(described["synapses"])))]
        name = gone[0]["name"]
    else:
        name = described["populations"].pop(rng.randrange(len(described["populations"])))["name"]
        gone = [s for s in described["synapses"] if name in (s["source"], s["target"])]
        described["synapses"] = [s for s in described["synapses"] if s not in gone]
        arrays.pop(f"bias.{name}", None)
    for s in gone:
        for kind in ("codes", "gain"):
            arrays.pop(f"{kind}.{s['name']}", None)
    return name


def _moved(rng: Random, described: Described, arrays: Arrays) -> str:
    """Everything from some step on later by one, or records in another order."""
    records = rng.choice([described["populations"], described["synapses"]])
    if rng.random() < 0.5:
        n = rng.randrange(len(records))
        records.insert(rng.randrange(len(records)), records.pop(n))
        return f"record {n}"
    at, by = rng.randint(0, 20), rng.choice([1, 2, -1])
    for p in described["populations"]:
        p["latency"] += by if p["latency"] >= at else 0
    return f"latencies from {at} by {by}"


def _host(rng: Random, described: Described, arrays: Arrays) -> str:
    front = described["front"]
    ways: dict[str, Callable[[], tuple[Described, Any]]] = {
        "first_position_only": lambda: (described, not described["first_position_only"]),
        "logit_scale": lambda: (described, rng.choice([0, 0.0, -1.5, 1e308, 1e-320, 3, 1.7e308])),
        "labels": lambda: (described, rng.choice([[], ["a"], ["[red]", "\n"], ["x", "x"], ["\x1b[31m", "é"], ["", ""], ["a", "b", "c"]])),
        "task": lambda: (described, rng.choice(["sst2", "mrpc", "stsb", "lm", "mnli", "", "a\nb", "[b]"])),
        "profile": lambda: (described, rng.choice(["loihi1", "", "a\nb", "[b]", "../x"])),
        "weights": lambda: (described, rng.choice(["ternary", "binary"])),
        "steps": lambda: (described, _near(rng, described["steps"], 1, 9)),
        "positions": lambda: (described["dims"], _near(rng, described["dims"]["positions"], 1, 9)),
        "causal": lambda: (described["dims"], not described["dims"]["causal"]),
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
    kind, a = name.split(".", 1)[0], arrays[name]
    seed = np.random.default_rng(rng.getrandbits(32))
    limit = {"gain": 127, "bias": 4095, "class_bias": (1 << 31) - 1, "head": 127, "front": 127}.get(kind, 127)
    if kind == "codes" and a.dtype == np.uint8:
        columns = next((s["wiring"].get("columns") for s in described["synapses"] if s["name"] == name.split(".", 1)[1]), 0)
        arrays[name] = _codes(rng, seed, len(a), columns, described["weights"], a)
    else:
        limit = rng.choice([limit, limit, max(1, limit // 64), 1])
        arrays[name] = rng.choice([seed.integers(-limit, limit + 1, a.shape), np.full(a.shape, limit), np.full(a.shape, -limit)]).astype(a.dtype)
    return name


def _codes(rng: Random, seed: np.random.Generator, rows: int, columns: Any, weights: str, old: np.ndarray) -> np.ndarray:
    if not isinstance(columns, int) or weights not in ("ternary", "binary") or packed_width(columns, weights) != old.shape[1]:
        return old
    values = [-1, 1] if weights == "binary" else rng.choice([[-1, 0, 1], [0], [1], [-1], [0, 1]])
    return pack_codes(seed.choice(values, (rows, columns)).astype(np.int8), weights)


_ACTS: tuple[Callable[[Random, Described, Arrays], str], ...] = (
    *(_population,) * 4,
    *(_synapse,) * 3,
    *(_weights,) * 3,
    *(_host,) * 2,
    _rewired,
    _doubled,
    _removed,
    _moved,
)
