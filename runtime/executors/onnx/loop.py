"""The graph of a program in onnxruntime: steps are played, state comes back, and is played on from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from numpy.typing import NDArray

from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.onnx import build, model
from tritspike.runtime.memory import available
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.outcome import Bools, Ints

_NEURON = 96  # bytes that a neuron of one stream takes while a step is computed, and those that say what it hears

State = dict[str, NDArray]


@dataclass(frozen=True, eq=False)
class Found:
    """What some steps gave. read, by probe, and spikes, by population recorded: (steps, streams, neurons)."""

    read: dict[str, Ints]
    spikes: dict[str, Bools]


def require_room(program: Scheduled, streams: int) -> None:
    """Raises `ExecutorError` where so many streams at once need more memory than there is."""
    need, there = sum(p.size for p in program.network.populations) * (streams + 1) * _NEURON, available()
    if need > there:
        what = f"a graph of {program.network.neurons():,} neurons needs {need >> 20:,} MiB, {there >> 20:,} MiB are free"
        raise ExecutorError(what, "a shorter length, or fast")


class Loop:
    """A session of onnxruntime. record: populations whose spikes come out too. Raises `ExecutorError` for a graph that one file cannot hold."""

    def __init__(self, program: Scheduled, how: How, record: Collection[str] = ()) -> None:
        import onnxruntime

        require_room(program, 1)
        self.program, self.record = program, sorted(record)
        made = model.graph(program, model.Options(record=self.record))
        if not made.fits:
            raise ExecutorError(f"a graph of {made.size >> 20:,} MiB, onnxruntime takes one file of 2 GiB", "a shorter length, or fast")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = how.threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(made.whole().SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.kept = build.state(program)

    def rest(self, streams: int) -> State:
        """Before the first step, by the names of `build.state`."""
        return {kept.name: kept.rest(streams) for kept in self.kept}

    def go(self, state: State, lines: Mapping[str, Bools]) -> tuple[State, Found]:
        """Play `lines`, (steps, streams, neurons) by port, on from a state: the one after them, and what they gave."""
        names = [output.name for output in self.session.get_outputs()]
        given = {kept.comes: state[kept.name] for kept in self.kept} | {build.played(name): line for name, line in lines.items()}
        found = dict(zip(names, self.session.run(names, given)))
        return {kept.name: found[kept.goes] for kept in self.kept}, self._found(found)

    def _found(self, outputs: Mapping[str, NDArray]) -> Found:
        read = {probe.name: outputs[build.read(probe.name)] for probe in self.program.network.probes}
        return Found(read, {name: outputs[build.recorded(name)] for name in self.record})
