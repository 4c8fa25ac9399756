"""A program as the stages that `fast` runs: which kernels, on which words, with tables built once.

What provably repeats its source is its source; what provably fires where two inputs meet is a product inside a kernel; what resets with each
window is computed window by window. Padded positions are left out: `plan` checks, by running each population there, that they are silent.
Whatever is not proved (`facts.py`) is refused: labels such as a population's role prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith, bits
from tritspike.runtime.bits import BLOCK, PLANES
from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.program import READOUT, SOURCE, Population, Program, Synapse
from tritspike.runtime.ranges import bounded, require_ranges
from tritspike.runtime.simulator import facts, weights
from tritspike.runtime.validation import require_sound
from tritspike.runtime.wiring import Along, Matrix, Pool

Lanes = NDArray[np.int32]
OWN = (0,)  # offsets of a stage that hears each neuron's own position alone, whose words it reads where they lie
_INPUTS = (1 << PLANES) - 1  # a neuron may count a row an input, and the counter has so many planes


@dataclass(frozen=True)
class Place:
    """Where a population's spikes are: the buffer (named for its first population), the first word in it, neurons a position."""

    buffer: str
    first: int
    width: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Linear:
    """Populations that hear the same source through matrices, their columns end to end in whole words. Arrays as `kernels.linear` takes them.

    offsets: the positions, from its own, at which each neuron hears the source; other than `OWN`, the kernel is given their words side by side.
    """

    source: Place
    offsets: tuple[int, ...]
    table: bits.Words
    signs: bits.Words
    gain: Lanes
    bias: Lanes
    keep: Lanes
    vth: Lanes
    skip: Place
    skip_gain: int
    bounded: bool
    buffer: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Attention:
    """Scores and contexts of one layer; `score` and `context` are (gain, keep, threshold, bounded)."""

    sides: tuple[Place, Place, Place]
    score: Lanes
    context: Lanes
    scores: str
    buffer: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Readout:
    """A matrix summed over positions: (classes, words) of its signs."""

    source: Place
    positive: bits.Words
    negative: bits.Words
    only_first: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Counts:
    """Spikes over all steps of every position. weights: (in, classes) in synaptic units, where a readout on the chip hears them; no sum
    reaches 2^17, so float32 holds all exactly."""

    source: Place
    weights: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class Plan:
    """Stages in order, where each population's spikes are, the population that each repeater repeats, and those that are products.

    products: by name, the score or context that sums it.
    """

    stages: tuple[Linear | Attention, ...]
    readout: Readout | Counts
    places: dict[str, Place]
    repeats: dict[str, str]
    products: dict[str, str]

    def weights(self) -> int:
        """Of all linear stages; unused bits of their words count too."""
        return sum(stage.table.size * bits.WORD for stage in self.stages if isinstance(stage, Linear))

    def last_use(self) -> dict[str, int]:
        """The number of the last stage that reads each buffer; the readout comes after all."""
        used = {self.readout.source.buffer: len(self.stages)}
        for n, stage in reversed(list(enumerate(self.stages))):
            for place in reads(stage):
                used.setdefault(place.buffer, n)
        return used


def reads(stage: Linear | Attention) -> tuple[Place, ...]:
    """The populations that a stage hears."""
    return stage.sides if isinstance(stage, Attention) else (stage.source, stage.skip)


_PLANS: WeakKeyDictionary[Program, Plan] = WeakKeyDictionary()


def plan(program: Program) -> Plan:
    """The stages of a program, made once.

    Raises `InputError` for a program that is not sound, `ExecutorError` for structures that no kernel knows, `RangeError` for sums beyond int32.
    """
    if program not in _PLANS:
        require_sound(program)
        require_ranges(program)
        builder = _Builder(program)
        for p in program.populations:
            builder.visit(p)
        _PLANS[program] = builder.plan()
    return _PLANS[program]


class _Builder:
    """Stages from the populations seen so far."""

    def __init__(self, program: Program) -> None:
        self.program, self.dims = program, program.dims
        self.places = {"x": Place("x", 0, program.dims.hidden)}
        self.repeats: dict[str, str] = {}
        self.products: dict[str, dict[str, str]] = {}
        self.summed: dict[str, str] = {}
        self.pending: dict[str, tuple[str, str, Lanes]] = {}
        self.stages: list[Linear | Attention] = []

    def visit(self, p: Population) -> None:
        """Add what one population needs."""
        inputs = self.program.inputs(p.name)
        if p.role in (SOURCE, READOUT):
            return
        if facts.repeats(self.program, p):
            feed = next(s for s in inputs if s.source != p.name)
            self.repeats[p.name] = self._origin(feed.source)
        elif facts.coincides(self.program, p):
            self.products[p.name] = {s.wiring.source: self._origin(s.source) for s in inputs if isinstance(s.wiring, Along)}
        else:
            self._membranes(p, inputs)

    def _membranes(self, p: Population, inputs: list[Synapse]) -> None:
        """A population whose membranes last: within a window alone, or its past would have to be known."""
        if not facts.window_local(p):
            raise _unknown(p, "populations that are reset with each sample, repeat a source or fire where two meet", "neither is proved of it")
        masks = [s for s in inputs if self._origin(s.source) == "pad"]
        if not all(facts.is_mask(self.program, s) for s in masks):
            raise _unknown(p, "masks of a neuron's own position", "another wiring from pad")
        heard = [s for s in inputs if s not in masks]
        self._check_padding(p, masks, heard)
        self._fire(p, heard)

    def _origin(self, name: str) -> str:
        return self.repeats.get(name, name)

    def _fire(self, p: Population, inputs: list[Synapse]) -> None:
        kinds = [type(s.wiring) for s in inputs]
        if kinds == [Along] and inputs[0].source in self.products and facts.unbiased(p):
            self._attend(p, inputs[0], self.products[inputs[0].source])
        elif self._is_linear(inputs) and all(self._origin(s.source) in self.places for s in inputs):
            self._join(p, inputs)
        else:
            what = ", ".join(f"{k.__name__} from {s.source}" for k, s in zip(kinds, inputs))
            raise _unknown(p, "one source's matrices of -1, 0 and 1 with at most one identity, or one product without bias", what or "nothing")

    def _is_linear(self, inputs: list[Synapse]) -> bool:
        """Matrices of -1, 0 and 1 from one source, alike but for position and codes, then at most one identity."""
        matrices = [s for s in inputs if isinstance(s.wiring, Matrix)]
        gains = [s.wiring.gain << s.exponent for s in matrices if isinstance(s.wiring, Matrix)]
        alike = bool(matrices) and all(s.source == matrices[0].source and np.array_equal(g, gains[0]) for s, g in zip(matrices, gains))
        alike = alike and all(np.abs(s.wiring.codes).max(initial=0) <= 1 for s in matrices if isinstance(s.wiring, Matrix))
        rest = inputs[len(matrices) :]
        return alike and inputs[: len(matrices)] == matrices and len(rest) <= 1 and all(facts.is_identity(self.program, s) for s in rest)

    def _attend(self, p: Population, s: Synapse, sides: dict[str, str]) -> None:
        """A score waits for the context that hears it."""
        how = np.array([facts.weight(s), p.keep, p.vth << arith.INPUT_SHIFT, bounded(self.program, p)], np.int32)
        score_like, context_like = sides.keys() == {"ihd", "jhd"} and p.axes == "hp", sides.keys() == {"hp", "jhd"} and p.axes == "ihd"
        summed = isinstance(s.wiring, Along) and s.wiring.source == "hpd"
        if score_like and summed and all(name in self.places for name in sides.values()):
            self.summed[s.source] = p.name
            self.pending[p.name] = (sides["ihd"], sides["jhd"], how)
        elif context_like and summed and sides["hp"] in self.pending and sides["jhd"] in self.places:
            self.summed[s.source] = p.name
            query, key, score = self.pending[sides["hp"]]
            at = (self.places[query], self.places[key], self.places[sides["jhd"]])
            self.stages.append(Attention(sides=at, score=score, context=how, scores=sides["hp"], buffer=p.name))
            self.places[sides["hp"]], self.places[p.name] = Place(sides["hp"], 0, self.dims.heads), Place(p.name, 0, at[0].width)
        else:
            raise _unknown(p, "products for scores and for contexts", " and ".join(sides))

    def _join(self, p: Population, inputs: list[Synapse]) -> None:
        """One more linear stage, or more columns for the last one where both hear the same and have no identity."""
        stage, last = self._linear(p, inputs), self.stages[-1] if self.stages else None
        first = 0
        if isinstance(last, Linear) and _alike(last, stage):
            first, self.stages[-1] = len(last.keep), _beside(last, stage)
        else:
            self.stages.append(stage)
        self.places[p.name] = Place(self.stages[-1].buffer, first, self.dims.size(p.axes) // self.dims.positions)

    def _linear(self, p: Population, inputs: list[Synapse]) -> Linear:
        matrices = [s.wiring for s in inputs if isinstance(s.wiring, Matrix)]
        source, matrix = self.places[self._origin(inputs[0].source)], matrices[0]
        offsets = tuple(m.offset for m in matrices)
        codes = matrix.codes if offsets == OWN else np.concatenate([weights.whole_words(m.codes) for m in matrices], 1)
        each = 1 if all(m.codes.all() for m in matrices) else 2
        if codes.shape[1] > _INPUTS:
            raise ExecutorError(f"{p.name}: fan-in {codes.shape[1]}, fast knows up to {_INPUTS}", "--executor reference")
        neurons, full = len(codes), bits.words(len(codes)) * bits.WORD
        skips = inputs[len(matrices) :]
        gain, bias = np.zeros(full, np.int32), np.zeros(full, np.int32)
        gain[:neurons] = matrix.gain << (inputs[0].exponent + arith.INPUT_SHIFT)
        if p.bias is not None:
            bias[:neurons] = p.bias.values()
        return Linear(
            source=source,
            offsets=offsets,
            table=weights.table(codes, each),
            signs=weights.signs(codes, each),
            gain=gain,
            bias=bias,
            keep=np.full(full // bits.WORD, p.keep, np.int32),
            vth=np.full(full // bits.WORD, p.vth << arith.INPUT_SHIFT, np.int32),
            skip=self.places[self._origin(skips[0].source)] if skips else source,
            skip_gain=facts.weight(skips[0]) if skips else 0,
            bounded=bounded(self.program, p),
            buffer=p.name,
        )

    def _check_padding(self, p: Population, masks: list[Synapse], inputs: list[Synapse]) -> None:
        """At a padded position only bias, mask and matrices from real positions before it act: run one there, for every channel, at the worst."""
        bias = p.bias.values() if p.bias is not None else np.zeros(1, np.int64)
        drive = sum(facts.weight(s) for s in masks) >> arith.INPUT_SHIFT
        drive += sum(spill(self.program, s) for s in inputs)
        if arith.lif_scan(np.full((self.program.steps, len(bias)), drive, np.int64), bias, p.keep, p.vth).any():
            raise ExecutorError(f"{p.name}: fires at padded positions, which fast leaves out", "lower with silence-padding, or --executor reference")

    def plan(self) -> Plan:
        """Everything that was seen. Scores and products that no kernel was given would have no spikes to show."""
        unused = [name for name in (*self.pending, *self.products) if name not in self.places and name not in self.summed]
        if unused:
            raise _unknown(self.program.by_name[unused[0]], "scores and products inside attention", "one that no context sums")
        return Plan(tuple(self.stages), self._read_out(), self.places, self.repeats, self.summed)

    def _read_out(self) -> Readout | Counts:
        """The last stage."""
        source, p = self.places[self._origin(self.program.last.name)], self.program.readout
        if p is None:
            return Counts(source=source, weights=None)
        (synapse,) = self.program.inputs(p.name)
        assert isinstance(synapse.wiring, Pool | Matrix)
        codes = synapse.wiring.weights().astype(np.int64) << synapse.exponent
        each = isinstance(synapse.wiring, Matrix)
        sums = p.keep == arith.KEEP_ALL and facts.window_local(p) and facts.unbiased(p)
        if not sums or (each and synapse.wiring.offset) or (not each and np.abs(codes).max(initial=0) > 1):  # type: ignore[union-attr]
            known = "readouts that are reset with each sample, keep all of their membrane and hear their own position, pools of weights -1, 0 and 1"
            raise _unknown(p, known, "another")
        if isinstance(synapse.wiring, Matrix):
            return Counts(source=source, weights=np.ascontiguousarray(codes.T, np.float32))
        return Readout(source=source, positive=bits.pack(codes > 0), negative=bits.pack(codes < 0), only_first=synapse.wiring.first)


def _unknown(p: Population, known: str, here: str) -> ExecutorError:
    return ExecutorError(f"{p.name}: fast knows {known}; here: {here}", "--executor reference")


def _alike(a: Linear, b: Linear) -> bool:
    """Whether both hear the same alone, through the same kind of weights."""
    return (a.source, a.offsets) == (b.source, b.offsets) and len(a.signs) == len(b.signs) and not a.skip_gain and not b.skip_gain


def _beside(a: Linear, b: Linear) -> Linear:
    """Both stages' columns, a's first."""
    words, rows = len(a.keep) + len(b.keep), a.table.shape[1]
    table = weights.aligned((-(-words // BLOCK), rows, BLOCK))
    columns = [s.table.swapaxes(0, 1).reshape(rows, -1)[:, : len(s.keep)] for s in (a, b)]
    full = np.zeros((rows, table.shape[0] * BLOCK), np.uint64)
    full[:, :words] = np.concatenate(columns, 1)
    table[:] = full.reshape(rows, -1, BLOCK).swapaxes(0, 1)
    joined = {name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in ("gain", "bias", "keep", "vth")}
    both = weights.aligned((len(a.signs), words, *a.signs.shape[2:]))
    both[:, : len(a.keep)], both[:, len(a.keep) :] = a.signs, b.signs
    bounded = a.bounded and b.bounded
    return replace(a, table=table, signs=both, bounded=bounded, **joined)


def spill(program: Program, s: Synapse) -> int:
    """The most that real positions can add, in synaptic units, to a neuron at a padded one: padding follows a text, so they lie before it."""
    if not isinstance(s.wiring, Matrix) or s.wiring.offset >= 0:
        return 0
    return s.wiring.bounds(program.by_name[s.source].axes, program.by_name[s.target].axes, program.dims)[0] << s.exponent


def buffer_words(program: Program, stage: Linear | Attention, longest: int) -> Iterator[tuple[str, int]]:
    """(buffer, words a token and step) that a stage writes."""
    if isinstance(stage, Attention):
        yield stage.scores, program.dims.heads * bits.words(longest)
        yield stage.buffer, bits.words(program.dims.heads * program.dims.head_dim)
    else:
        yield stage.buffer, len(stage.keep)


def _side_by_side(stage: Linear | Attention) -> int:
    """Words a token and step that a stage makes of its source's for itself."""
    return bits.words(stage.source.width) * len(stage.offsets) if isinstance(stage, Linear) and stage.offsets != OWN else 0


def bytes_per_token(program: Program, longest: int) -> int:
    """The most that spikes of one token of a text of `longest` tokens hold at any stage; each buffer is dropped after its last use.

    But for x: its spikes are the caller's, who has them until the end.
    """
    stages, given = plan(program), bits.words(program.dims.hidden)
    live, most, used = dict[str, int](), given, stages.last_use()
    for n, stage in enumerate(stages.stages):
        live |= dict(buffer_words(program, stage, longest))
        most = max(most, given + sum(live.values()) + _side_by_side(stage))
        live = {name: size for name, size in live.items() if used.get(name, -1) > n}
    return most * program.steps * bits.WORD // 8
