"""First round: what single fields hold. After it, everything may be computed with."""

from __future__ import annotations

from collections.abc import Iterator

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import BITS, SIZES
from tritspike.runtime.program import ROLES, Bias, Host, Program, Synapse
from tritspike.runtime.validation.kinds import FLAG, LINE, NAME, TEXT, Exactly, Finite, Kind, OneOf, Whole, held
from tritspike.runtime.wiring import GRIDS, Along, Dims, Matrix, Pool, Shift, Wiring

# Steps of a program's depth: 256 layers of eight steps are 2,048; an order beyond it, so that no sum of them overflows anything.
_DEPTH = Whole(0, 1 << 15)
_WEIGHT = Whole(-arith.WEIGHT_LIMIT, arith.WEIGHT_LIMIT)
_OFFSET = Whole(-SIZES["window"][1], SIZES["window"][1])


def _size(name: str) -> Whole:
    return Whole(*SIZES[name])


_DIMS: dict[str, Kind] = {name: _size(name) for name in ("heads", "head_dim", "hidden", "ffn", "classes")}
_DIMS |= {"positions": _size("max_length"), "causal": FLAG}
_POPULATION: dict[str, Kind] = {
    "name": NAME,
    "role": OneOf(ROLES),
    "axes": OneOf(GRIDS),
    "latency": _DEPTH,
    "keep": Whole(1, arith.KEEP_ALL),
    "vth": Whole(0, arith.VTH_LIMIT),
    "resets": FLAG,
    "stages": Whole(1, _DEPTH.high),
}
_SYNAPSE: dict[str, Kind] = {
    "name": NAME,
    "source": NAME,
    "target": NAME,
    "exponent": Whole(0, arith.EXPONENT_LIMIT),
    "source_stage": _DEPTH,
}
_WIRINGS: dict[type, dict[str, Kind]] = {
    Matrix: {"offset": _OFFSET},
    Pool: {"first": FLAG},
    Along: {"source": TEXT, "mantissa": _WEIGHT},
    Shift: {"stages": Whole(2, _DEPTH.high), "mantissa": _WEIGHT},
}
_FRONT: dict[str, Kind] = {
    "shift": _size("embedding_shift"),
    "keep": Whole(1, arith.KEEP_ALL),
    "vth": Whole(0, arith.VTH_LIMIT),
    "tokenizer": TEXT,
}
_HOST: dict[str, Kind] = {
    "first_position_only": FLAG,
    "task": LINE,
    "labels": Exactly(tuple, "a list of texts"),
    "logit_scale": Finite(),
    "weights": OneOf(tuple(BITS)),
}


def fields(program: Program) -> Iterator[Finding]:
    """Types and ranges of everything that is no array."""
    if isinstance(program.dims, Dims):
        yield from held("dims", program.dims, _DIMS)
    yield from held("program", program, {"steps": _size("steps"), "profile": LINE, "dims": Exactly(Dims, "the sizes of the axes")})
    yield from _host(program.host)
    for number, p in enumerate(program.populations):
        yield from held(_named(p.name, f"population {number}"), p, _POPULATION)
        if p.bias is not None:
            yield from _bias(_named(p.name, f"population {number}"), p.bias)
    for number, s in enumerate(program.synapses):
        yield from _synapse(_named(s.name, f"synapse {number}"), s)


def _named(name: object, otherwise: str) -> str:
    return name if isinstance(name, str) and NAME.holds(name) else otherwise


def _host(host: Host) -> Iterator[Finding]:
    yield from held("front end", host.front, _FRONT)
    yield from held("host", host, _HOST)
    for label in host.labels if isinstance(host.labels, tuple) else ():
        if not LINE.holds(label):
            yield Finding("host", "a label", label, LINE)


def _bias(where: str, bias: Bias) -> Iterator[Finding]:
    yield from held(where, bias, {"exponent": Whole(0, arith.BIAS_EXPONENT_LIMIT)})


def _synapse(where: str, s: Synapse) -> Iterator[Finding]:
    yield from held(where, s, _SYNAPSE)
    yield from _wiring(where, s.wiring)


def _wiring(where: str, wiring: Wiring) -> Iterator[Finding]:
    if type(wiring) not in _WIRINGS:
        yield Finding(where, "wiring", type(wiring).__name__, ", ".join(k.__name__.lower() for k in _WIRINGS))
        return
    yield from held(where, wiring, _WIRINGS[type(wiring)])
