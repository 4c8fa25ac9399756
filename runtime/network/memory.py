"""Whether a run fits into the memory there is, asked before it begins: the system would end the process later."""

from __future__ import annotations

from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.memory import available
from tritspike.runtime.network.network import Scheduled

_SYNAPSE, _NEURON = 16, 96  # bytes: a weight, its column and what scipy makes of them on the way; registers, u, v and what a step makes of them
_WORK = 40  # bytes of a cell that numpy computes
_CELL, _READ = 1, 8  # bytes of a (neuron, step) cell that is kept, and of a number that is read; twice while blocks are joined


def require_stepped(program: Scheduled, windows: int, record: bool) -> None:
    """Of `literal`: every synapse and neuron, and every cell where they are recorded. Raises `ExecutorError`."""
    cells = windows * program.timing.period * sum(p.size for p in program.network.populations)
    _require(program, (_CELL * cells if record else 0), "record less, or play fewer windows")


def require_at_once(program: Scheduled, windows: int, steps: int, record: bool, bits: int, work: int) -> None:
    """Of `generic`: every cell of `steps` steps at once, `bits` of memory each, and of the largest population `work` bytes a cell; of all windows
    what is played, recorded and read. Raises `ExecutorError`.
    """
    network, each = program.network, program.timing.period * _CELL
    sizes = [p.size for p in network.populations]
    played = sum(sizes) if record else sum(network.by_name[port.population].size for port in network.ports)
    read = sum(network.by_name[probe.population].size for probe in network.probes)
    cells = (steps + 64) * (sum(sizes) * bits // 8 + work * (max(sizes) + 128))
    _require(program, cells + 2 * windows * (each * played + _READ * read), "play fewer windows at once, or the reference executor")


def at_once(program: Scheduled, steps: int) -> int:
    """Bytes of the cells of so many steps, of which `generic` has a share of its own."""
    sizes = [p.size for p in program.network.populations]
    return steps * (_CELL * sum(sizes) + _WORK * max(sizes))


def _require(program: Scheduled, cells: int, way_out: str) -> None:
    network = program.network
    synapses = sum(s.wiring.count(*network.grids(s)) for s in network.synapses)
    need, there = synapses * _SYNAPSE + sum(p.size for p in network.populations) * _NEURON + cells, available()
    if need > there:
        what = f"{network.neurons():,} neurons and {synapses:,} synapses one by one need {need >> 20:,} MiB, {there >> 20:,} MiB are free"
        raise ExecutorError(what, way_out)
