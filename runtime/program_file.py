"""Program files (.tsp): one safetensors file of packed integer arrays whose metadata is the program as JSON, versioned and checksummed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.checkpoint import pack_codes, unpack_codes
from runtime.errors import CheckpointError, FileError
from runtime.files import Arrays, read_tensors, write_atomic
from runtime.program import Bias, FrontEnd, Host, Population, Program, Synapse
from runtime.wiring import Along, Dims, Matrix, Pool, Shift, Wiring

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
    return to_safetensors(ordered, {"tritspike": json.dumps({"sha256": _digest(body, arrays), "program": body})})


def load(path: Path) -> Program:
    """Read and check a program file. Raises `FileError` with what is wrong."""
    arrays, metadata = read_tensors(path)
    if "tritspike" not in metadata:
        raise FileError(f"{path}: a safetensors file, but not a tritspike program")
    try:
        outer = json.loads(metadata["tritspike"])
        described = json.loads(outer["program"])
        if described["format"] != FORMAT or described["version"] != VERSION:
            raise FileError(f"{path}: {described['format']} version {described['version']}, this runtime reads {FORMAT} version {VERSION}")
        if outer["sha256"] != _digest(outer["program"], arrays):
            raise FileError(f"{path}: the checksum does not match: the file is damaged")
        return _build(described, arrays)
    except KeyError as error:
        raise FileError(f"{path}: not a whole program: it has no {error}") from None
    except (ValueError, TypeError, CheckpointError) as error:
        raise FileError(f"{path}: not a whole program: {error}") from None


def digest(program: Program) -> str:
    """SHA-256 over everything that a program file holds."""
    return _digest(json.dumps(_describe(program), sort_keys=True), _arrays(program))


def _digest(body: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(body.encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _arrays(program: Program) -> Arrays:
    out: Arrays = {f"front.{name}": getattr(program.host.front, name) for name in _FRONT_ARRAYS} | {"class_bias": program.host.class_bias}
    if program.host.head is not None:
        out["head"] = program.host.head
    for p in program.populations:
        if p.bias is not None:
            out[f"bias.{p.name}"] = p.bias.mantissa.astype(np.int16)
    for s in program.synapses:
        if isinstance(s.wiring, Matrix | Pool):
            out[f"codes.{s.name}"] = _stored(s.wiring.codes, program.host.weights)
        if isinstance(s.wiring, Matrix):
            out[f"gain.{s.name}"] = s.wiring.gain.astype(np.int16)
    return out


def _stored(codes: NDArray[np.int8], weights: str) -> NDArray[np.uint8] | NDArray[np.int8]:
    """Packed; as int8 where there are weights (a language model's head) that no code stands for."""
    return pack_codes(codes, weights) if np.abs(codes).max(initial=0) <= 1 else codes


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


def _build(d: dict[str, Any], arrays: Arrays) -> Program:
    tables: dict[str, Any] = {name: arrays[f"front.{name}"] for name in _FRONT_ARRAYS}
    host = {k: d[k] for k in _HOST_SCALARS} | {"labels": tuple(d["labels"]), "class_bias": arrays["class_bias"].astype(np.int64)}
    host["head"] = arrays.get("head")
    return Program(
        dims=Dims(**d["dims"]),
        steps=d["steps"],
        profile=d["profile"],
        host=Host(front=FrontEnd(**d["front"], **tables), **host),
        populations=tuple(_population(p, arrays) for p in d["populations"]),
        synapses=tuple(Synapse(**{**s, "wiring": _read_wiring(s, arrays, d["weights"])}) for s in d["synapses"]),
    )


def _population(raw: dict[str, Any], arrays: Arrays) -> Population:
    name, exponent = raw["name"], raw["bias"]
    bias = None if exponent is None else Bias(arrays[f"bias.{name}"].astype(np.int64), exponent)
    return Population(**{**raw, "bias": bias})


def _read_wiring(s: dict[str, Any], arrays: Arrays, weights: str) -> Wiring:
    raw, name = dict(s["wiring"]), s["name"]
    kind = raw.pop("kind")
    if kind in ("along", "shift"):
        return {"along": Along, "shift": Shift}[kind](**raw)
    found = arrays[f"codes.{name}"]
    codes = found if found.dtype == np.int8 else unpack_codes(found, raw["columns"], weights, name)
    return Pool(codes, raw["first"]) if kind == "pool" else Matrix(codes, arrays[f"gain.{name}"].astype(np.int64), raw["offset"])
