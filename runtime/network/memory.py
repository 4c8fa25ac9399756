"""Whether a run fits into the memory there is, asked before it begins: the system would end the process later."""

from __future__ import annotations

from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.memory import available
from tritspike.runtime.network.network import Scheduled

_SYNAPSE, _NEURON = 16, 96  # bytes: a weight, its column and what scipy makes of them on the way; registers, u, v and what a step makes of them
_CELL, _WORK = 1, 40  # bytes of a (neuron, step) cell that is kept, and of one of the population that is being computed


def require_stepped(program: Scheduled, windows: int, record: bool) -> None:
    """Of `literal`: every synapse and neuron, and every cell where they are recorded. Raises `ExecutorError`."""
    cells = windows * program.timing.period * sum(p.size for p in program.network.populations)
    _require(program, (_CELL * cells if record else 0), "record less, or play fewer windows")


def require_at_once(program: Scheduled, windows: int) -> None:
    """Of `generic`: all cells, and of the largest population what computing takes. Raises `ExecutorError`."""
    cells = at_once(program, windows * program.timing.period + program.depth)
    _require(program, cells, "play fewer windows at once, or the reference executor")


def at_once(program: Scheduled, steps: int) -> int:
    """Bytes of the cells of so many steps."""
    sizes = [p.size for p in program.network.populations]
    return steps * (_CELL * sum(sizes) + _WORK * max(sizes))


def _require(program: Scheduled, cells: int, way_out: str) -> None:
    network = program.network
    synapses = sum(s.wiring.count(*network.grids(s)) for s in network.synapses)
    need, there = synapses * _SYNAPSE + sum(p.size for p in network.populations) * _NEURON + cells, available()
    if need > there:
        what = f"{network.neurons():,} neurons and {synapses:,} synapses one by one need {need >> 20:,} MiB, {there >> 20:,} MiB are free"
        raise ExecutorError(what, way_out)
