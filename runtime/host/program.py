"""A program: a scheduled network, what the host plays into it and makes of what it reads, and the profile it was compiled for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.host.head import Head
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.network import Network, Population, Probe, Scheduled, Stream
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.outcome import Activity, Bools, Ints, Outcome
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.sequences import Sequences

TOKENS = "x"  # what the port plays that hears the encoder LIF's spikes


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
    """The front end, class biases (1/64 units a position) and what the numbers mean.

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
    """A network with one port that plays `TOKENS`, and one probe, whose reading is the answer.

    It reads a text at once, in a window of positions the rest of which is padding, or token by token, where its timing is a stream: its neurons
    then have no positions, and of what a port may play it has those that follow from the timing.
    """

    scheduled: Scheduled
    host: Host
    profile: str

    def __repr__(self) -> str:
        read = "a stream" if self.flows else f"{self.positions} tokens"
        return f"<Program: {self.host.task}, {self.neurons():,} neurons, {read}, {self.profile}>"

    def __str__(self) -> str:
        from tritspike.runtime.tables import few_lines

        return few_lines(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from tritspike.runtime.tables import html

        return html(self)

    @property
    def network(self) -> Network:
        """Populations, synapses, ports and the probe."""
        return self.scheduled.network

    @property
    def steps(self) -> int:
        """Of a sample."""
        return self.scheduled.timing.steps

    @property
    def probe(self) -> Probe:
        """What is read."""
        return self.network.probes[0]

    @property
    def answering(self) -> Population:
        """Where the answer is read as a sample's window ends: a readout or, where the host has the head, the last layer."""
        return self.network.by_name[self.probe.population]

    @property
    def last(self) -> Population:
        """The last layer, whose spikes alone make the answer."""
        return self.network.heard_for(self.probe)

    @property
    def tokens(self) -> Population:
        """What the host plays."""
        return self.network.by_name[next(port.population for port in self.network.ports if port.plays == TOKENS)]

    @property
    def flows(self) -> bool:
        """Whether tokens flow through it one by one."""
        return isinstance(self.scheduled.timing, Stream)

    @cached_property
    def positions(self) -> int:
        """Tokens that its neurons have places for: 1 where tokens flow."""
        return 1 if self.flows else grids.shape(self.tokens.grid)[0]

    @property
    def takes(self) -> str:
        """Of a text, in words."""
        timing = self.scheduled.timing
        if not isinstance(timing, Stream):
            return f"{self.positions} tokens, {self.steps} steps a sample"
        slot = f"texts of up to {timing.slot} tokens, " if timing.slot else ""
        return f"{slot}a token every {timing.period} steps, {timing.steps} with input"

    @property
    def longest(self) -> int | None:
        """Most tokens of a text; None where there is no limit."""
        timing = self.scheduled.timing
        return (timing.slot or None) if isinstance(timing, Stream) else self.positions

    @property
    def hidden(self) -> int:
        """Neurons a token that the host plays."""
        return self.tokens.size // self.positions

    @cached_property
    def each(self) -> bool:
        """Whether every token has an answer, as in a language model, instead of one for all of them."""
        neuron = self.answering.neuron
        begins_again = neuron is not None and neuron.resets is Resets.WINDOW  # with each token; what sums a sequence up does not
        return begins_again if self.flows else grids.grows(self.answering.grid)

    @property
    def classes(self) -> int:
        """Logits of an answer."""
        if self.host.head is not None:
            return len(self.host.head)
        return self.answering.size // (self.positions if self.each else 1)

    def neurons(self) -> int:
        """All neurons on the chip; what the host plays does not count."""
        return self.network.neurons()

    def at_length(self, positions: int) -> Program:
        """The same program for shorter texts. Every bound proved for the compiled length holds for fewer positions."""
        if not 1 <= positions <= self.positions:
            raise InputError(f"length {positions} is outside 1..{self.positions}, the length this program was compiled for")
        return replace(self, scheduled=replace(self.scheduled, network=self.network.at_length(positions)))

    def logits(self, read: Ints, lengths: Ints) -> Ints:
        """Integer logits in 1/64 units from what was read (`Result.read`) and each sample's number of tokens.

        (samples, classes); where every position has an answer (tokens, classes), and `lengths` is not looked at.
        """
        if self.host.head is None:
            return read + self._positions_read(read, lengths) * self.host.class_bias
        return self._head.logits(read)

    def result(self, rows: Rows | Sequences, found: Outcome) -> Result:
        """What an executor found of encoded texts."""
        read = found.read[self.probe.name]
        if isinstance(rows, Sequences):
            read = rows.each_row(read)
            by_row = read if self.each else read[rows.starts[1:] - 1]
        else:
            by_row = rows.each_row(read, self.answering.size) if self.each else read
        return Result(self, rows.lengths, by_row, found.spikes, found.activity)

    def scores(self, logits: Ints, lengths: Ints) -> NDArray[np.float64]:
        """Float logits as the student was trained to give; for softmax and regression, never for equality."""
        with np.errstate(over="ignore"):  # a scale may be any finite number; what it overflows to is infinite, and is shown as that
            scores = logits * (self.host.logit_scale / (arith.ONE * self.steps))
            return scores / self._positions_read(logits, lengths) if self._pools else scores

    def guesses(self, logits: Ints, lengths: Ints) -> NDArray[np.float64]:
        """(texts,) the class of the largest logit, of equals the first; for regression the score."""
        return logits.argmax(1).astype(np.float64) if self.host.labels else self.scores(logits, lengths)[:, 0]

    def _positions_read(self, rows: Ints, lengths: Ints) -> Ints:
        """(rows, 1): how many positions each row sums."""
        return lengths[:, None] if self._pools else np.ones((len(rows), 1), np.int64)

    @property
    def _pools(self) -> bool:
        """Whether an answer sums positions."""
        return not (self.each or self.host.first_position_only)

    @cached_property
    def _head(self) -> Head:
        """The host's."""
        assert self.host.head is not None
        return Head(self.host.head, self.host.class_bias, self.steps)


@dataclass(frozen=True, eq=False)
class Result:
    """What an executor found of texts.

    read, int64: (samples, classes) membranes of the readout in 1/64 units; where every position has an answer, one row for each real token,
    text after text: (tokens, classes) membranes or, for a head on the host, (tokens, hidden) spikes of the last layer over all steps.
    spikes: by population, (samples, steps, neurons), or None. activity: counts, where they were asked for.
    """

    program: Program
    lengths: Ints
    read: Ints
    spikes: dict[str, Bools] | None = None
    activity: Activity | None = None

    @cached_property
    def logits(self) -> Ints:
        """(samples or tokens, classes), made when first asked for: of a language model they are a thousand times as many as what was read."""
        return self.program.logits(self.read, self.lengths)
