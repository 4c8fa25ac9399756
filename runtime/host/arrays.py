"""Programs that are given arrays instead of texts: what is played into them, and what comes out by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.reading import open_regular
from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import executor as executor_named
from tritspike.runtime.network import file as network_file
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


def inputs(program: Scheduled, arrays: Arrays) -> Inputs:
    """Of (samples, steps, ...) 0 and 1 by what a port plays, or of one array where one is played. Raises `InputError`.

    Where a token of a stream is one step, each sample is a stream of its own.
    """
    known = played(program)
    if unknown := [name for name in arrays if name not in known]:
        raise InputError(f"no port plays {unknown[0]!r}", f"there are {', '.join(known) or 'none'}")
    if missing := [name for name in known if name not in arrays]:
        raise InputError(f"no spikes for {missing[0]!r}", f"the program plays {', '.join(known)}")
    found = Spikes.of(arrays)
    shapes = {name: array.shape[:2] for name, array in found.arrays.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(f"inputs of {', '.join(f'{s[0]} samples of {s[1]} steps ({n})' for n, s in shapes.items())}", "as many of each")
    if sample_steps(program) is not None:
        return found
    for port in program.network.ports:
        _require_width(program, found, port.plays, port.population)
    samples, steps = next(iter(shapes.values()))
    if not steps:
        raise InputError("samples of no steps", "at least one")
    words = {name: bits.pack(array.reshape(samples * steps, 1, -1)) for name, array in found.arrays.items()}
    return Sequences(words, np.full(samples, steps, np.int64))


def _require_width(program: Scheduled, found: Spikes, plays: str, population: str) -> None:
    """Before they are packed, which hides what they were."""
    width = grids.size(program.network.by_name[population].grid)
    if plays in found.arrays and found.arrays[plays].shape[2] != width:
        raise InputError(f"{plays}: {found.arrays[plays].shape[2]} neurons", f"{width}")


@dataclass(frozen=True, eq=False)
class Answer:
    """read: by probe, (samples, steps, neurons) where a token of a stream is one step, else (samples, neurons): counts, or membranes in 1/64 units.

    spikes: by population, (samples, steps, neurons), where they were asked for.
    """

    read: dict[str, NDArray[np.int64]]
    spikes: dict[str, NDArray[np.bool_]]

    def named(self, program: Scheduled) -> dict[str, NDArray]:
        """As a file of arrays has them: `counts.NAME`, `membranes.NAME`, `spikes.NAME`; a step's count is a spike."""
        whole = sample_steps(program) is not None
        kinds = {p.name: "membranes" if p.reads is Reads.MEMBRANE else "counts" if whole else "spikes" for p in program.network.probes}
        read = {f"{kinds[name]}.{name}": a.astype(np.bool_) if kinds[name] == "spikes" else a for name, a in self.read.items()}
        return {f"spikes.{name}": a for name, a in self.spikes.items()} | read


def run(program: Scheduled, arrays: Arrays, executor: str, how: How, record: bool = False) -> Answer:
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
