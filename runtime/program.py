"""The program: every population and synapse that would sit on the chip, in structured form, with the host's front end.

Time. Every synapse takes one step. A population of latency l sees sample n at steps n*T + 1 + l .. n*T + T + l, its *window*; where
`resets` is set it is reset to zero as each window begins. Executors are equal when all spikes are equal inside all windows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith, bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.wiring import Dims, Wiring

if TYPE_CHECKING:
    import scipy.sparse as sp

ROLES = SOURCE, LIF, COINCIDENCE, RELAY, READOUT = "source", "lif", "coincidence", "relay", "readout"


@dataclass(frozen=True, eq=False)
class Bias:
    """Constant input a step in 1/64 synaptic units, one mantissa a channel (the same at every position), one exponent."""

    mantissa: NDArray[np.int64]
    exponent: int

    def values(self) -> NDArray[np.int64]:
        """mantissa << exponent."""
        return self.mantissa << self.exponent


@dataclass(frozen=True, eq=False, kw_only=True)
class Population:
    """Neurons of one parameter set: v[t] = saturate(decay(v[t-1], keep) + 64*a[t] + bias); s = v > 64*vth; v = 0 where s.

    A relay has `stages` copies of its grid wired as a shift register; stage s has latency + s.
    """

    name: str
    role: str
    axes: str
    latency: int
    keep: int = 1
    vth: int = 0
    bias: Bias | None = None
    resets: bool = False
    stages: int = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Synapse:
    """A projection: (W s of the last step) << exponent. `source_stage` taps a relay; a relay is fed at its first stage."""

    name: str
    source: str
    target: str
    wiring: Wiring
    exponent: int = 0
    source_stage: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class FrontEnd:
    """What the host computes: current[d] = (projection @ (token + position + segment) + bias)[d] >> shift, then an encoder LIF.

    token: (vocabulary, r), position: (max length, r), segment: (2, r), projection: (hidden, r) int8; bias: (hidden,) int32.
    """

    token: NDArray[np.int8]
    position: NDArray[np.int8]
    segment: NDArray[np.int8]
    projection: NDArray[np.int8]
    bias: NDArray[np.int32]
    shift: int
    keep: int
    vth: int
    tokenizer: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Host:
    """What stays on the host: the front end, class biases (1/64 units a position) and what the numbers mean.

    head: (vocabulary, hidden) int8 of a language model whose last product the host makes, from counts of the last layer's spikes.
    """

    front: FrontEnd
    class_bias: NDArray[np.int64]
    first_position_only: bool
    task: str
    labels: tuple[str, ...]
    logit_scale: float
    weights: str
    head: NDArray[np.int8] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Program:
    """Populations in execution order, their synapses, what stays on the host, and the profile it was compiled for."""

    dims: Dims
    steps: int
    populations: tuple[Population, ...]
    synapses: tuple[Synapse, ...]
    host: Host
    profile: str

    def __repr__(self) -> str:
        return f"<Program: {self.host.task}, {self.neurons():,} neurons, {self.dims.positions} tokens, {self.profile}>"

    def __str__(self) -> str:
        from tritspike.runtime.tables import few_lines

        return few_lines(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from tritspike.runtime.tables import html

        return html(self)

    @cached_property
    def by_name(self) -> dict[str, Population]:
        """Populations by name."""
        return {p.name: p for p in self.populations}

    @cached_property
    def by_synapse(self) -> dict[str, Synapse]:
        """Synapses by name."""
        return {s.name: s for s in self.synapses}

    @cached_property
    def depth(self) -> int:
        """Steps from a sample's first input to the first step of its readout's window."""
        return max(p.latency + p.stages - 1 for p in self.populations)

    @property
    def readout(self) -> Population | None:
        """The population whose membrane is the answer; None where the host has a head and counts spikes instead."""
        return next((p for p in self.populations if p.role == READOUT), None)

    @property
    def last(self) -> Population:
        """The last layer, whose spikes alone make the answer."""
        read = self.readout
        return self.populations[-1] if read is None else self.by_name[self.inputs(read.name)[0].source]

    @property
    def answering(self) -> Population:
        """Where the answer is read as a sample's window ends: the readout or, where there is none, the last layer."""
        return self.readout or self.last

    @property
    def each(self) -> bool:
        """Whether every position has an answer, as in a language model, instead of one for all of them."""
        return "i" in self.answering.axes

    @cached_property
    def _inputs(self) -> dict[str, list[Synapse]]:
        found: dict[str, list[Synapse]] = {}
        for s in self.synapses:
            found.setdefault(s.target, []).append(s)
        return found

    def inputs(self, target: str) -> list[Synapse]:
        """Synapses into a population."""
        return self._inputs.get(target, [])

    def size(self, population: Population) -> int:
        """Neurons of a population, all stages."""
        return self.dims.size(population.axes) * population.stages

    def neurons(self) -> int:
        """All neurons on the chip; the host's sources do not count."""
        return sum(self.size(p) for p in self.populations if p.role != SOURCE)

    def at_length(self, positions: int) -> Program:
        """The same program for shorter texts. Every bound proved for the compiled length holds for fewer positions."""
        if not 1 <= positions <= self.dims.positions:
            raise InputError(f"length {positions} is outside 1..{self.dims.positions}, the length this program was compiled for")
        return replace(self, dims=self.dims.at_length(positions))

    def csr(self, synapse: Synapse) -> sp.csr_matrix:
        """(all target neurons, all source neurons) weight mantissas; effective weight = mantissa << exponent."""
        import scipy.sparse as sp

        source, target = self.by_name[synapse.source], self.by_name[synapse.target]
        block = synapse.wiring.csr(source.axes, target.axes, self.dims)
        shape = (self.size(target), self.size(source))
        if block.shape == shape:
            return block
        at = block.tocoo()
        columns = at.col + synapse.source_stage * self.dims.size(source.axes)
        return sp.csr_matrix((at.data, (at.row, columns)), shape=shape)

    def input_bounds(self, target: str) -> tuple[int, int]:
        """(largest, smallest) synaptic input that any spikes can cause in one neuron."""
        to = self.by_name[target].axes
        found = [(s, s.wiring.bounds(self.by_name[s.source].axes, to, self.dims)) for s in self.inputs(target)]
        return sum(high << s.exponent for s, (high, _) in found), sum(low << s.exponent for s, (_, low) in found)

    def synapse_count(self, synapse: Synapse) -> int:
        """Synapses of one projection whose weight is not zero."""
        return synapse.wiring.count(self.by_name[synapse.source].axes, self.by_name[synapse.target].axes, self.dims)

    def bias(self, population: Population) -> NDArray[np.int64] | int:
        """(neurons,) bias in 1/64 units, or 0."""
        if population.bias is None:
            return 0
        channels = population.bias.values()
        return np.tile(channels, self.size(population) // len(channels))

    def logits(self, read: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Integer logits in 1/64 units from what was read (`Result.read`) and each sample's number of tokens.

        (samples, classes); where every position has an answer (tokens, classes), and `lengths` is not looked at.
        """
        if self.host.head is None:
            return read + self._positions_read(read, lengths) * self.host.class_bias
        codes = self._head_columns
        return ((read.astype(codes.dtype) @ codes).astype(np.int64) << arith.INPUT_SHIFT) + self.host.class_bias

    def scores(self, logits: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Float logits as the student was trained to give; for softmax and regression, never for equality."""
        with np.errstate(over="ignore"):  # a scale may be any finite number; what it overflows to is infinite, and is shown as that
            return logits * (self.host.logit_scale / (arith.ONE * self.steps)) / self._positions_read(logits, lengths)

    def _positions_read(self, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """(rows, 1): how many positions each row sums."""
        one = self.each or self.host.first_position_only
        return np.ones((len(rows), 1), np.int64) if one else lengths[:, None]

    @cached_property
    def _head_columns(self) -> NDArray[np.floating]:
        """(hidden, vocabulary) of the host's head, in floats that hold every sum of spike counts exactly: numpy multiplies integers slowly."""
        assert self.host.head is not None
        worst = int(np.abs(self.host.head.astype(np.int64)).sum(1).max()) * self.steps
        return np.ascontiguousarray(self.host.head.T, np.float32 if worst < 1 << 24 else np.float64)


@dataclass(frozen=True, eq=False)
class Samples:
    """Encoded inputs for one program length: the spikes of real tokens only, text after text; padded positions are silent.

    words: (tokens, steps, words) packed spikes (`runtime/bits.py`); lengths: (samples,) real tokens; positions, hidden: the program's.
    """

    words: bits.Words
    lengths: NDArray[np.int64]
    positions: int
    hidden: int

    @classmethod
    def of(cls, x: NDArray[np.bool_], lengths: NDArray[np.int64]) -> Samples:
        """From spikes (samples, steps, positions, hidden), of which each sample's first `lengths` positions are read."""
        real = np.arange(x.shape[2]) < lengths[:, None]
        return cls(bits.pack(x.swapaxes(1, 2)[real]), lengths, *x.shape[2:])

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(samples + 1,): the first token of each sample, and where the last one ends."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @cached_property
    def real(self) -> NDArray[np.bool_]:
        """(samples, positions): where there is a token."""
        return np.arange(self.positions) < self.lengths[:, None]

    def grid(self, rows: NDArray) -> NDArray:
        """(tokens, steps, ...) -> (samples, steps, positions, ...), zero at padded positions."""
        out = np.zeros((len(self), self.positions, *rows.shape[1:]), rows.dtype)
        out[self.real] = rows
        return out.swapaxes(1, 2)

    def real_rows(self, grid: NDArray) -> NDArray:
        """(samples, positions * n) -> (tokens, n), without padded positions."""
        return grid.reshape(len(self), self.positions, -1)[self.real]

    def source(self, name: str) -> NDArray[np.bool_]:
        """Spikes of a host population, (samples, steps, neurons): x, or the mask, which is on at padded positions."""
        steps = self.words.shape[1]
        if name == "x":
            return self.grid(bits.unpack(self.words, self.hidden)).reshape(len(self), steps, -1)
        return np.repeat(~self.real[:, None], steps, 1)


@dataclass(frozen=True)
class Activity:
    """What a chip would have had to do for some samples, inside their windows: spikes by population, synaptic events by synapse.

    An event is a spike at a synapse whose weight is not zero; relays, coincidence neurons and masks count.
    """

    samples: int
    spikes: dict[str, int]
    events: dict[str, int]

    def __add__(self, other: Activity) -> Activity:
        """Both samples' activity."""
        return Activity(self.samples + other.samples, _sum(self.spikes, other.spikes), _sum(self.events, other.events))


def _sum(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {name: a.get(name, 0) + b.get(name, 0) for name in a | b}


@dataclass(frozen=True, eq=False)
class Result:
    """What an executor found.

    read, int64: (samples, classes) membranes of the readout in 1/64 units; where every position has an answer, one row for each real token,
    text after text: (tokens, classes) membranes or, for a head on the host, (tokens, hidden) spikes of the last layer over all steps.
    spikes: by population, (samples, steps, bytes) bit-packed windows (`np.packbits`), or None. activity: counts, where they were asked for.
    """

    program: Program
    lengths: NDArray[np.int64]
    read: NDArray[np.int64]
    spikes: dict[str, NDArray[np.uint8]] | None = None
    activity: Activity | None = None

    @cached_property
    def logits(self) -> NDArray[np.int64]:
        """(samples or tokens, classes), made when first asked for: of a language model they are a thousand times as many as what was read."""
        return self.program.logits(self.read, self.lengths)


def packed(spikes: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(..., neurons) -> (..., bytes), bit-packed."""
    return np.packbits(spikes, axis=-1)
