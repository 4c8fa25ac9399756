"""Programs that are given arrays instead of texts: what is played into them, and what comes out by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tritspike.hw_profiles.reading import open_regular
from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import executor as executor_named
from tritspike.runtime.network import file as network_file
from tritspike.runtime.network import given
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.inputs import Spikes
from tritspike.runtime.network.network import Inputs, Network, Reads, Scheduled, Stream
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.network.sequences import TIMED, Sequences

_HEADER = 4096  # bytes, in which a file says what it is
Arrays = Mapping[str, NDArray]


@dataclass(frozen=True, eq=False, kw_only=True)
class ArrayProgram:
    """A network that knows no texts. profile: that it was compiled for, of which its file keeps nothing."""

    scheduled: Scheduled
    profile: str = ""

    @property
    def network(self) -> Network:
        """Populations, synapses, ports and probes."""
        return self.scheduled.network

    @property
    def takes(self) -> str:
        """In words."""
        if sample_steps(self.scheduled) is None:
            return "samples of any number of steps, each from rest"
        if endless(self.scheduled):
            return f"samples of any number of tokens, {self.scheduled.timing.steps} steps each, from rest"
        return f"{self.scheduled.timing.steps} steps a window"

    def neurons(self) -> int:
        """All on the chip."""
        return self.network.neurons()


def claims(path: Path, kind: str = network_file.FORMAT) -> bool:
    """Whether a file is such a program's, or one of texts (`host.file.FORMAT`), as far as its first bytes say it."""
    try:
        with open_regular(path) as file:
            return kind.encode() in file.read(_HEADER)
    except OSError:
        return False


def load(path: Path) -> ArrayProgram:
    """Raises `FileError`."""
    return ArrayProgram(scheduled=network_file.load(path))


def sample_steps(program: Scheduled) -> int | None:
    """Steps of a sample; None where a token of the stream is one step, and a sample has as many as it likes."""
    timing = program.timing
    return None if isinstance(timing, Stream) and not timing.slot and timing.period == 1 else timing.steps


def played(program: Scheduled) -> list[str]:
    """What a host has to give."""
    return [port.plays for port in program.network.ports if not (isinstance(program.timing, Stream) and port.plays in TIMED)]


def inputs(program: Scheduled, arrays: Mapping[str, ArrayLike]) -> Inputs:
    """Of 0 and 1 by what a port plays, of a shape that `shapes` names; of a stream without end each sample is one by itself. Raises `InputError`."""
    known = played(program)
    if unknown := [name for name in arrays if name not in known]:
        raise InputError(f"no port plays {unknown[0]!r}", f"there are {', '.join(known) or 'none'}")
    if missing := [name for name in known if name not in arrays]:
        raise InputError(f"no spikes for {missing[0]!r}", f"the program plays {', '.join(known)}")
    found = {name: given.array(array, name) for name, array in arrays.items()}
    if sample_steps(program) is None or in_samples(program, found):
        return _sequences(program, found)
    spikes = Spikes.of(found)
    require_shapes(program, found, shapes)
    return spikes


def in_samples(program: Scheduled, arrays: Arrays) -> bool:
    """Whether they are samples of a stream without end, and cannot be one stream."""
    own = [(program, name, array) for name, array in arrays.items() if name in played(program)]
    return endless(program) and all(_in_samples(*each) for each in own) and not all(_in_windows(*each) for each in own)


def endless(program: Scheduled) -> bool:
    """Whether tokens flow through it without end, and a sample has any number of them."""
    return isinstance(program.timing, Stream) and not program.timing.slot


def _in_windows(program: Scheduled, plays: str, array: NDArray) -> bool:
    return array.ndim > 1 and array.shape[1] == program.timing.steps and math.prod(array.shape[2:]) == math.prod(_cells(program, plays))


def _in_samples(program: Scheduled, plays: str, array: NDArray) -> bool:
    at = _behind(program)
    stepped = at < 3 or array.shape[2:3] == (program.timing.steps,)
    return array.ndim >= at and stepped and math.prod(array.shape[at:]) == math.prod(_cells(program, plays))


def _behind(program: Scheduled) -> int:
    """Axes of samples in front of the neurons': samples, tokens, and the steps of a token where it has several."""
    return 2 if sample_steps(program) is None else 3


def _cells(program: Scheduled, plays: str) -> tuple[int, ...]:
    population = next(port.population for port in program.network.ports if port.plays == plays)
    return grids.shape(program.network.by_name[population].grid)


def require_shapes(program: Scheduled, arrays: Arrays, allowed: Callable[[Scheduled, str], str]) -> None:
    """Raises `InputError` for windows, or tokens of one stream, of another shape: told as it was given, with what each axis is."""
    for name in (n for n in played(program) if n in arrays):
        if not _in_windows(program, name, arrays[name]):
            raise InputError(f"{name}: {given.told(arrays[name])}", allowed(program, name))


def shapes(program: Scheduled, plays: str) -> str:
    """What `inputs` takes for a port."""
    if sample_steps(program) is None:
        return samples(program, plays)
    return windows(program, plays) + (f"; or {samples(program, plays)}" if endless(program) else "")


def windows(program: Scheduled, plays: str) -> str:
    """The shape of what an executor is given, each axis by what it is."""
    steps, cells = program.timing.steps, ", ".join(map(str, _cells(program, plays)))
    counted = f"{steps} step{'' if steps == 1 else 's'}"
    if isinstance(program.timing, Stream):
        return f"(tokens, {steps}, {cells}): the tokens of one stream, {counted} each"
    return f"(windows, {steps}, {cells}): {counted} a window"


def samples(program: Scheduled, plays: str) -> str:
    """The shape of several streams."""
    cells = ", ".join(map(str, _cells(program, plays)))
    tokens = "steps" if sample_steps(program) is None else f"tokens, {program.timing.steps}"
    return f"(samples, {tokens}, {cells}): samples, each a stream from rest"


def _sequences(program: Scheduled, arrays: Arrays) -> Sequences:
    for name, array in arrays.items():
        if not _in_samples(program, name, array):
            raise InputError(f"{name}: {given.told(array)}", shapes(program, name))
    found = Spikes.of(arrays).arrays
    counts = {name: array.shape[:2] for name, array in found.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"inputs of {', '.join(f'{s[0]} samples of {s[1]} tokens ({n})' for n, s in counts.items())}", "as many of each")
    count, tokens = next(iter(counts.values()))
    if not tokens:
        raise InputError("samples of no steps", "at least one")
    words = {name: bits.pack(array.reshape(count * tokens, program.timing.steps, -1)) for name, array in found.items()}
    return Sequences(words, np.full(count, tokens, np.int64))


@dataclass(frozen=True, eq=False)
class Answer:
    """read: by probe, (samples, neurons), of samples of a stream (samples, tokens, neurons): counts, or membranes in 1/64 units.

    spikes: by population, (samples, steps, neurons), where they were asked for; of a stream the steps of a sample's tokens, one behind another.
    """

    read: dict[str, NDArray[np.int64]]
    spikes: dict[str, NDArray[np.bool_]]

    def named(self, program: Scheduled) -> dict[str, NDArray]:
        """As a file of arrays has them: `counts.NAME`, `membranes.NAME`, `spikes.NAME`; a step's count is a spike."""
        whole = sample_steps(program) is not None
        kinds = {p.name: "membranes" if p.reads is Reads.MEMBRANE else "counts" if whole else "spikes" for p in program.network.probes}
        read = {f"{kinds[name]}.{name}": a.astype(np.bool_) if kinds[name] == "spikes" else a for name, a in self.read.items()}
        return {f"spikes.{name}": a for name, a in self.spikes.items()} | read


def run(program: Scheduled, arrays: Mapping[str, ArrayLike], executor: str, how: How, record: bool = False) -> Answer:
    """Play them. Raises what the executor raises, and `InputError`."""
    found = inputs(program, arrays)
    outcome = executor_named(executor).prepare(program, how).run(found, Ask(record=record))
    spikes = outcome.spikes or {}
    if not isinstance(found, Sequences):
        return Answer(outcome.read, spikes)
    samples = len(found.lengths)
    return Answer(
        {name: a.reshape(samples, -1, a.shape[-1]) for name, a in outcome.read.items()},
        {name: a.reshape(samples, -1, a.shape[-1]) for name, a in spikes.items()},
    )
