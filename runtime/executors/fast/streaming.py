"""`fast` on streams that go on: state is all that is kept between tokens, so that memory and time a token are the same at any length.

Of every population whose state lasts u and v are kept, and the tokens that windows still hear. Everything else is asked once: each number of
tokens a call has buffers of its own, on which the stages are prepared calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith, bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.fast.flow import Flow, flow
from tritspike.runtime.executors.fast.flowing import Stage
from tritspike.runtime.executors.fast.rows import Buffers, Ints, Place
from tritspike.runtime.executors.fast.stages import Counts, Linear
from tritspike.runtime.executors.fast.taken import GENERIC
from tritspike.runtime.executors.fast.traces import Beside, Meet, Running, Tap, Traces, running
from tritspike.runtime.limits import MOST_STREAMS
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.sequences import TIMED, require_words
from tritspike.runtime.simulator import chosen

_TOKENS = 64  # of all streams at once; more are read in parts
_EXPECTED = 1024  # tokens of a session: it is asked once whether kernels are worth their import, and a text may have no end
_SIZES = 4  # numbers of tokens whose buffers are kept

State = dict[str, NDArray]


class Streaming:
    """`streams` streams at once, each from its first token. What it reads of a token is what a whole run reads there.

    length: tokens read of each. Raises `InputError` where the program is no stream that `fast` runs token by token. plainly: as of `run`.
    """

    def __init__(self, program: Scheduled, streams: int = 1, plainly: bool | None = None) -> None:
        if isinstance(streams, bool) or not isinstance(streams, int) or not 1 <= streams <= MOST_STREAMS:
            raise InputError(f"{streams!r} streams", f"1..{MOST_STREAMS}")
        self.program, self.streams, self.flow = program, streams, _flow(program)
        self.using: ModuleType = chosen.module(self.flow.weights() * _EXPECTED * self.flow.timing.steps, plainly)
        self.kept, self.length, self._parts = _rest(self.flow, streams), 0, dict[int, _Part]()

    def restart(self) -> None:
        """Forget everything."""
        self.length = 0
        for name, fresh in _rest(self.flow, self.streams).items():
            self.kept[name][:] = fresh

    def state(self) -> State:
        """All that another session needs to go on as this one: arrays by name, and `tokens` read so far."""
        return {name: some.copy() for name, some in self.kept.items()} | {"tokens": np.array(self.length, np.int64)}

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """Go on from what `state` gave. Raises `InputError` for what is no state of so many streams of this program."""
        if state.keys() != {*self.kept, "tokens"}:
            raise InputError(f"a state of {', '.join(sorted(map(str, state)))}", f"what state() gave: {', '.join(sorted(self.kept))}, tokens")
        _require_alike("tokens", state["tokens"], np.array(0, np.int64), None)
        if state["tokens"] < 0:
            raise InputError(f"{state['tokens']} tokens read", "0 or more")
        for name, own in self.kept.items():
            _require_alike(name, state[name], own, self._width(name))
        for name, own in self.kept.items():
            own[:] = state[name]
        self.length = int(state["tokens"])

    def add(self, words: Mapping[str, bits.Words]) -> dict[str, Ints]:
        """Read the next tokens' spikes, (streams * tokens, steps, words) by what a port plays, stream by stream: what is read of them, by probe.

        Raises `InputError` beyond a slot's end, and for words that are no tokens of this program.
        """
        count = self._require(words)
        if count <= max(1, _TOKENS // self.streams):
            return self._read(words, count)
        size, cut = max(1, _TOKENS // self.streams), {name: some.reshape(self.streams, count, *some.shape[1:]) for name, some in words.items()}
        found = []
        for at in range(0, count, size):
            some = {name: part[:, at : at + size] for name, part in cut.items()}
            each = min(size, count - at)
            read = self._read({name: part.reshape(-1, *part.shape[2:]) for name, part in some.items()}, each)
            found.append({name: values.reshape(self.streams, each, -1) for name, values in read.items()})
        return {name: np.concatenate([part[name] for part in found], 1).reshape(self.streams * count, -1) for name in found[0]}

    def _require(self, words: Mapping[str, bits.Words]) -> int:
        rows = len(next(iter(words.values()), ()))
        count, rest = divmod(rows, self.streams)
        if rest:
            raise InputError(f"{rows} tokens of {self.streams} streams", "as many of each")
        slot = self.flow.timing.slot
        if slot and self.length + count > slot:
            raise InputError(f"{self.length + count} tokens in a slot of {slot}", "restart")
        for port in self.program.network.ports:
            if port.plays not in TIMED:
                width = self.flow.places[port.population].width
                require_words(port, width, words, (rows, self.flow.timing.steps))
        return count

    def _read(self, words: Mapping[str, bits.Words], count: int) -> dict[str, Ints]:
        if count not in self._parts:
            if len(self._parts) == _SIZES:
                del self._parts[max(self._parts)]
            self._parts[count] = _Part(self, count)
        part = self._parts[count]
        for buffer, plays in part.played:
            buffer[:] = words[plays]
        for call in part.calls:
            call()
        self.length += count
        return {name: read() for name, read in part.reads.items()}

    def _width(self, name: str) -> int | None:
        """Neurons of what holds spikes."""
        return next((p.width for p in self.flow.places.values() if name == earlier(p)), None)


class _Part:
    """A session's stages on so many tokens of each stream: buffers that stay, and calls that were asked once."""

    def __init__(self, session: Streaming, count: int) -> None:
        self.session, self.flow, self.count, self.using = session, session.flow, count, session.using
        self.streams, ports = session.streams, [p for p in session.program.network.ports if p.plays not in TIMED]
        self.starts = np.arange(self.streams + 1) * count
        self.buffers: Buffers = {
            port.population: self._buffer(port.population, bits.words(self.flow.places[port.population].width)) for port in ports
        }
        self.played = [(self.buffers[port.population], port.plays) for port in ports]
        self.wide, self.most, self.calls = dict[Place, bits.Words](), _most(self.flow), list[Callable[[], None]]()
        for port in ports:
            self._keep(port.population)
        for stage in self.flow.stages:
            self._add(stage)
        self.reads = {name: self._reader(name, reader) for name, reader in self.flow.readers.items()}

    def _buffer(self, name: str, words: int) -> bits.Words:
        return np.zeros((self.streams * self.count, self.flow.steps(name), words), np.uint64)

    def _add(self, stage: Stage) -> None:
        for name, (words,) in stage.writes(0).items():
            self.buffers[name] = self._buffer(name, words)
        if isinstance(stage, Beside):
            self._lay(stage)
        elif isinstance(stage, Linear):
            self.calls.append(stage.prepared(self.buffers, self.using))
        elif isinstance(stage, Meet):
            self.calls.append(partial(stage.meet, self.buffers))
        else:
            u, v = (self.session.kept[f"{stage.buffer}.{what}"] for what in "uv")
            last = chosen.lasting(self.using).last
            self.calls.append(chosen.bound(last, *stage.arguments(self.buffers, self.starts, u, v)))
        self._keep(stage.buffer)

    def _keep(self, buffer: str) -> None:
        """Of populations that windows hear later: their last tokens, and these behind them."""
        for place, most in self.most.items():
            if place.buffer == buffer:
                new, kept = self._tokens(place), self.session.kept[earlier(place)]
                wide = self.wide[place] = np.zeros((self.streams, most + self.count, *new.shape[2:]), np.uint64)
                before, now, later = wide[:, :most], wide[:, most:], wide[:, self.count :]
                self.calls += [_copy(before, kept), _copy(now, new), _copy(kept, later)]

    def _tokens(self, place: Place) -> bits.Words:
        """(streams, tokens, steps with input, words): a view of its buffer."""
        words = self.buffers[place.buffer]
        words = words.reshape(self.streams, self.count, *words.shape[1:])
        return words[:, :, : self.flow.timing.steps, place.first : place.first + bits.words(place.width)]

    def _lay(self, stage: Beside) -> None:
        at, out = 0, self._tokens(Place(stage.buffer, 0, sum(tap.words for tap in stage.taps) * bits.WORD))
        for tap in stage.taps:
            self.calls.append(_copy(out[..., at : at + tap.words], self._tap(tap)))
            at += tap.words

    def _tap(self, tap: Tap) -> bits.Words:
        if not tap.ago:
            return self._tokens(tap.place)
        first = self.most[tap.place] - tap.ago
        return self.wide[tap.place][:, first : first + self.count]

    def _reader(self, name: str, reader: object) -> Callable[[], Ints]:
        if isinstance(reader, Running):
            return partial(self._summed, name, reader.counts.prepared(self.buffers, self.using))
        assert isinstance(reader, Counts)
        return reader.prepared(self.buffers, self.using)

    def _summed(self, name: str, counted: Callable[[], Ints]) -> Ints:
        """Membranes after each token, on from what they were."""
        kept = self.session.kept[f"{name}.sum"]
        found = running(counted(), self.starts) + np.repeat(kept, self.count, 0)
        if self.count:
            kept[:] = found[self.starts[1:] - 1]
        return found

    @property
    def window(self) -> Ints:
        """(rows,) the stream of each."""
        return np.repeat(np.arange(self.streams), self.count)


def _copy(into: bits.Words, of: bits.Words) -> Callable[[], None]:
    return partial(np.copyto, into, of)


def earlier(place: Place) -> str:
    """By what name the tokens of a population are kept that windows hear later."""
    return f"{place.buffer}.earlier"


def _taps(found: Flow) -> list[Tap]:
    return [tap for stage in found.stages if isinstance(stage, Beside) for tap in stage.taps if tap.ago]


def _most(found: Flow) -> dict[Place, int]:
    """By population, how many tokens ago it is heard at most."""
    most: dict[Place, int] = {}
    for tap in _taps(found):
        most[tap.place] = max(most.get(tap.place, 0), tap.ago)
    return most


def _rest(found: Flow, streams: int) -> State:
    """Before the first token."""
    state: State = {}
    for stage in found.stages:
        if isinstance(stage, Traces):
            state[f"{stage.buffer}.u"], state[f"{stage.buffer}.v"] = stage.rest(streams)
    for place, most in _most(found).items():
        state[earlier(place)] = np.zeros((streams, most, found.timing.steps, bits.words(place.width)), np.uint64)
    for tap in _taps(found):
        if tap.before is not None:
            state[earlier(tap.place)][:, -tap.ago :] = tap.before
    sums = {name: reader.counts for name, reader in found.readers.items() if isinstance(reader, Running)}
    return state | {f"{name}.sum": np.zeros((streams, _outputs(counts)), np.int64) for name, counts in sums.items()}


def _outputs(counts: Counts) -> int:
    return counts.source.width if counts.weights is None else counts.weights.shape[1]


def _require_alike(name: str, found: NDArray, own: NDArray, width: int | None) -> None:
    """Raises `InputError` for another shape or type, membranes beyond their register, and spikes of neurons that are not there."""
    if not isinstance(found, np.ndarray) or (found.dtype, found.shape) != (own.dtype, own.shape):
        said = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise InputError(f"{name}: {said}", f"{own.dtype} of shape {own.shape}")
    if own.dtype == np.int32 and found.size and not -arith.V_LIMIT <= found.min() <= found.max() <= arith.V_LIMIT:
        raise InputError(f"{name}: {found.min()}..{found.max()}", f"{-arith.V_LIMIT}..{arith.V_LIMIT}")
    if width is not None and width % bits.WORD and (found[..., -1] >> np.uint64(width % bits.WORD)).any():
        raise InputError(f"{name}: spikes beyond the last of {width} neurons")


def _flow(program: Scheduled) -> Flow:
    found, taken = flow(program)
    if found is None:
        said = next(f"{t.population}: {t.declined[-1][1]}" for t in taken if t.rule == GENERIC)
        raise InputError(f"no session token by token: {said}", "a stream that fast takes by its rules; inspect --plan shows them")
    return found
