"""Second round: every array against the sizes and the registers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import INT32, SIZES
from tritspike.runtime.program import Population, Program, Synapse
from tritspike.runtime.validation.kinds import Whole, array
from tritspike.runtime.wiring import Matrix, Pool

_WEIGHT = Whole(-arith.WEIGHT_LIMIT, arith.WEIGHT_LIMIT)
_MANTISSA = Whole(-arith.BIAS_MANTISSA_LIMIT, arith.BIAS_MANTISSA_LIMIT)
_INT32 = Whole(*INT32)  # what a checkpoint can hold; sums over 4,096 positions stay far from int64's end


def arrays(program: Program) -> Iterator[Finding]:
    """Shapes, dtypes and ranges of everything that is an array."""
    yield from _front(program)
    yield from _host(program)
    for p in program.populations:
        if p.bias is not None:
            yield from _bias(program, p)
    for s in program.synapses:
        yield from _weights(s)


def _front(program: Program) -> Iterator[Finding]:
    front, hidden = program.host.front, program.dims.hidden
    rank = front.token.shape[1] if isinstance(front.token, np.ndarray) and front.token.ndim == 2 else None
    for name, rows in (("token", None), ("position", None), ("segment", 2), ("projection", hidden)):
        yield from array("front end", name, getattr(front, name), "int8", (rows, rank))
    yield from array("front end", "bias", front.bias, "int32", (hidden,))
    yield from _rows("token", front.token, 1, SIZES["vocabulary"][1])
    yield from _rows("position", front.position, program.dims.positions, SIZES["max_length"][1])
    if rank is not None and not 1 <= rank <= SIZES["embedding_rank"][1]:
        yield Finding("front end", "rank", rank, Whole(*SIZES["embedding_rank"]))


def _rows(name: str, table: object, low: int, high: int) -> Iterator[Finding]:
    if isinstance(table, np.ndarray) and table.ndim == 2 and not low <= len(table) <= high:
        yield Finding("front end", f"rows of {name}", len(table), Whole(low, high))


def _host(program: Program) -> Iterator[Finding]:
    host, d = program.host, program.dims
    yield from array("host", "class_bias", host.class_bias, "int64", (d.classes,), _INT32)
    if host.head is not None:
        yield from array("host", "head", host.head, "int8", (d.classes, d.hidden), _WEIGHT)
    if host.labels and len(host.labels) != d.classes:
        yield Finding("host", "number of labels", len(host.labels), f"{d.classes}, one a class")


def _bias(program: Program, p: Population) -> Iterator[Finding]:
    """One mantissa a channel; only grids whose neurons are the same channels at every position have any."""
    assert p.bias is not None
    if p.axes[0] not in "ic" or p.axes == "i":
        yield Finding(p.name, "bias", f"on a grid [{p.axes}]", "on a grid of channels")
        return
    channels = program.dims.size(p.axes.removeprefix("i"))
    yield from array(p.name, "bias mantissa", p.bias.mantissa, "int64", (channels,), _MANTISSA)


def _weights(s: Synapse) -> Iterator[Finding]:
    if not isinstance(s.wiring, Matrix | Pool):
        return
    found = list(array(s.name, "codes", s.wiring.codes, "int8", (None, None), _WEIGHT))
    if isinstance(s.wiring, Matrix) and not found:
        found += array(s.name, "gain", s.wiring.gain, "int64", (len(s.wiring.codes),), _WEIGHT)
    yield from found
    if isinstance(s.wiring, Matrix) and not found:
        yield from _products(s.name, s.wiring)


def _products(where: str, wiring: Matrix) -> Iterator[Finding]:
    """A weight is code times gain, and a register holds it."""
    most = np.maximum(wiring.codes.max(1, initial=0).astype(np.int64), -wiring.codes.min(1, initial=0).astype(np.int64))
    worst = int((most * np.abs(wiring.gain)).max(initial=0))
    if worst > arith.WEIGHT_LIMIT:
        yield Finding(where, "weight", worst, _WEIGHT)
