"""Program files (.tsp): one safetensors file of packed integer arrays whose metadata is the program as JSON, versioned and checksummed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import decoding
from tritspike.runtime import files
from tritspike.runtime.checkpoint import pack_codes, packed_width, unpack_codes
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import Arrays, object_from, read_tensors, write_atomic
from tritspike.runtime.host.program import FrontEnd, Host, Program
from tritspike.runtime.program import Bias, Population, Synapse
from tritspike.runtime.validation import require_sound
from tritspike.runtime.wiring import Along, Dims, Matrix, Pool, Shift, Wiring

FORMAT, VERSION = "tritspike-program", 2
_FRONT_ARRAYS = ("token", "position", "segment", "projection", "bias")
_HOST_SCALARS = ("first_position_only", "task", "labels", "logit_scale", "weights")


def save(program: Program, path: Path) -> None:
    """Write `program` atomically; the same program gives the same bytes."""
    write_atomic(path, to_bytes(program))


def to_bytes(program: Program) -> bytes:
    """What a program file holds."""
    from safetensors.numpy import save as to_safetensors

    arrays = _arrays(program)
    body = json.dumps(_describe(program), sort_keys=True)
    ordered = {k: np.asarray(v, order="C") for k, v in arrays.items()}
    return to_safetensors(ordered, {"tritspike": json.dumps({"sha256": files.digest(body, arrays), "program": body})})


def load(path: Path) -> Program:
    """Read and check a program file. Raises `FileError` with everything that is wrong."""
    arrays, metadata = read_tensors(path)
    if "tritspike" not in metadata:
        raise FileError(f"{path}: a safetensors file, but not a tritspike program")
    outer = object_from(metadata["tritspike"], path, "program")
    with decoding(path, "program", FileError):
        described = object_from(outer["program"], path, "program")
        if (described["format"], described["version"]) != (FORMAT, VERSION):
            hint = "tritspike.net.load reads networks of one's own" if described["format"] == "tritspike-network" else None
            raise FileError(f"{path}: {described['format']} version {described['version']}, this runtime reads {FORMAT} version {VERSION}", hint)
        if outer["sha256"] != files.digest(outer["program"], arrays):
            raise FileError(f"{path}: the checksum does not match: the file is damaged")
        program = _build(described, arrays, path)
        require_sound(program, path, FileError)
    return program


def digest(program: Program) -> str:
    """SHA-256 over everything that is computed with: weights as they are multiplied, however a file packs them."""
    return files.digest(json.dumps(_describe(program), sort_keys=True), _arrays(program, packed=False))


def _arrays(program: Program, packed: bool = True) -> Arrays:
    out: Arrays = {f"front.{name}": getattr(program.host.front, name) for name in _FRONT_ARRAYS} | {"class_bias": program.host.class_bias}
    if program.host.head is not None:
        out["head"] = program.host.head
    for p in program.populations:
        if p.bias is not None:
            out[f"bias.{p.name}"] = p.bias.mantissa.astype(np.int16)
    for s in program.synapses:
        if isinstance(s.wiring, Matrix | Pool):
            out[f"codes.{s.name}"] = _stored(s.wiring.codes, program.host.weights) if packed else s.wiring.codes
        if isinstance(s.wiring, Matrix):
            out[f"gain.{s.name}"] = s.wiring.gain.astype(np.int16)
    return out


def _stored(codes: NDArray[np.int8], weights: str) -> NDArray[np.uint8] | NDArray[np.int8]:
    """Packed where the packing can say every code; as int8 where it cannot: a language model's head, a zero among binary codes."""
    least = 1 if weights == "binary" else 0
    size = np.abs(codes)
    return pack_codes(codes, weights) if least <= size.min(initial=1) and size.max(initial=0) <= 1 else codes


def _describe(program: Program) -> dict[str, Any]:
    front = program.host.front
    return {
        "format": FORMAT,
        "version": VERSION,
        "dims": asdict(program.dims),
        "steps": program.steps,
        "profile": program.profile,
        **{k: getattr(program.host, k) for k in _HOST_SCALARS},
        "front": {"shift": front.shift, "keep": front.keep, "vth": front.vth, "tokenizer": front.tokenizer},
        "populations": [
            {**{k: v for k, v in vars(p).items() if k != "bias"}, "bias": p.bias.exponent if p.bias else None} for p in program.populations
        ],
        "synapses": [{**{k: v for k, v in vars(s).items() if k != "wiring"}, "wiring": _wiring(s.wiring)} for s in program.synapses],
    }


def _wiring(wiring: Wiring) -> dict[str, Any]:
    kind = {"kind": type(wiring).__name__.lower()}
    if isinstance(wiring, Along | Shift):
        return kind | asdict(wiring)
    return kind | ({"first": wiring.first} if isinstance(wiring, Pool) else {"offset": wiring.offset}) | {"columns": wiring.codes.shape[1]}


def _build(d: dict[str, Any], arrays: Arrays, path: Path) -> Program:
    """Records from what a file says, as it says it: `require_sound` judges them."""
    _require_all_used(d, arrays, path)
    tables: dict[str, Any] = {name: arrays[f"front.{name}"] for name in _FRONT_ARRAYS}
    host = {k: d[k] for k in _HOST_SCALARS} | {"class_bias": arrays["class_bias"], "head": arrays.get("head")}
    if isinstance(d["labels"], list):
        host["labels"] = tuple(d["labels"])
    return Program(
        dims=Dims(**d["dims"]),
        steps=d["steps"],
        profile=d["profile"],
        host=Host(front=FrontEnd(**d["front"], **tables), **host),
        populations=tuple(_population(p, arrays) for p in _listed(d, "populations")),
        synapses=tuple(Synapse(**{**s, "wiring": _read_wiring(s, arrays, d["weights"])}) for s in _listed(d, "synapses")),
    )


def _listed(d: dict[str, Any], name: str) -> list[dict[str, Any]]:
    if not isinstance(d[name], list) or not all(isinstance(item, dict) for item in d[name]):
        raise ValueError(f"{name} is not a list of objects")
    return d[name]


def _require_all_used(d: dict[str, Any], arrays: Arrays, path: Path) -> None:
    """An array that nothing refers to, or a field that nothing reads, means something to whoever wrote it, and nothing here."""
    known = {f"front.{name}" for name in _FRONT_ARRAYS} | {"class_bias", "head"}
    known |= {f"bias.{p.get('name')}" for p in _listed(d, "populations")}
    known |= {f"{what}.{s.get('name')}" for s in _listed(d, "synapses") for what in ("codes", "gain")}
    for name in sorted(arrays.keys() - known):
        raise FileError(f"{path}: not a sound program: array {name} belongs to no population or synapse")
    for name in sorted(d.keys() - {"format", "version", "dims", "steps", "profile", "front", "populations", "synapses", *_HOST_SCALARS}):
        raise FileError(f"{path}: not a sound program: unknown field {name}")


def _population(raw: dict[str, Any], arrays: Arrays) -> Population:
    name, exponent = raw["name"], raw["bias"]
    bias = None if exponent is None else Bias(_stored_integers(arrays, f"bias.{name}"), exponent)
    return Population(**{**raw, "bias": bias})


def _stored_integers(arrays: Arrays, name: str) -> NDArray[np.int64]:
    found = arrays[name]
    if found.dtype != np.int16:
        raise ValueError(f"array {name} is {found.dtype}, stored are int16")
    return found.astype(np.int64)


def _read_wiring(s: dict[str, Any], arrays: Arrays, weights: str) -> Wiring:
    raw, name = dict(s["wiring"]), s["name"]
    kind = raw.pop("kind")
    if kind in ("along", "shift"):
        return {"along": Along, "shift": Shift}[kind](**raw)
    if kind not in ("pool", "matrix"):
        raise ValueError(f"{name}: a wiring of kind {kind!r}, known are along, shift, pool, matrix")
    columns = raw.pop("columns")
    codes = _codes(arrays[f"codes.{name}"], columns, weights, name)
    return Pool(codes, **raw) if kind == "pool" else Matrix(codes, _stored_integers(arrays, f"gain.{name}"), **raw)


def _codes(found: NDArray[Any], columns: Any, weights: str, name: str) -> NDArray[np.int8]:
    """Weights as they are multiplied; packed rows are as wide as `columns` asks for."""
    if type(columns) is not int or found.ndim != 2:
        raise ValueError(f"{name}: {columns!r} columns of an array with {found.ndim} dimensions")
    if found.dtype == np.int8 and found.shape[1] == columns:
        return found
    if found.dtype != np.uint8 or found.shape[1] != packed_width(columns, weights):
        raise ValueError(f"{name}: codes are {found.dtype}{list(found.shape)} for {columns} {weights} columns")
    return unpack_codes(found, columns, weights, name)
