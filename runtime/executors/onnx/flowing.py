"""Streams in onnxruntime that go on: state is all that is kept between tokens.

What a token makes is read some steps after it, when populations that the host plays hear the next one already. No population ever hears of a token
later than its own (`schedule`), so these steps are tried on a copy of the state, with silence, and taken back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith, bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.onnx.build import STEP
from tritspike.runtime.executors.onnx.run import Runs
from tritspike.runtime.limits import MOST_STREAMS
from tritspike.runtime.network.network import Port, Stream
from tritspike.runtime.network.outcome import Bools, Ints
from tritspike.runtime.network.sequences import TIMED, require_words, timed

_BYTES = 1 << 26  # of what is read, and played, at once


class Flowing:
    """`streams` streams at once, each from its first token. What it reads of a token is what a whole run reads there. length: tokens read of each.

    Raises `InputError` for a program that is no stream.
    """

    def __init__(self, runs: Runs, streams: int = 1) -> None:
        if isinstance(streams, bool) or not isinstance(streams, int) or not 1 <= streams <= MOST_STREAMS:
            raise InputError(f"{streams!r} streams", f"1..{MOST_STREAMS}")
        timing = runs.program.timing
        if not isinstance(timing, Stream):
            raise InputError("a session of a program that is no stream", "a program through which tokens flow")
        self.program, self.loop, self.streams, self.timing = runs.program, runs.loop(), streams, timing
        self.behind = max(self.program.latency[probe.population] for probe in self.program.network.probes)
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self.kept, self.length = self.loop.rest(self.streams), 0

    def state(self) -> dict[str, NDArray]:
        """All that another session needs to go on as this one: arrays by name, and `tokens` read so far."""
        return {name: some.copy() for name, some in self.kept.items()} | {"tokens": np.array(self.length, np.int64)}

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """Go on from what `state` gave. Raises `InputError` for what is no state of so many streams of this program."""
        rest = self.loop.rest(self.streams) | {"tokens": np.array(0, np.int64)}
        if state.keys() != rest.keys():
            raise InputError(f"a state of {', '.join(sorted(map(str, state)))}", f"what state() gave: {', '.join(sorted(rest))}")
        for name, own in rest.items():
            _require_alike(name, state[name], own)
        if (state[STEP] % self.timing.period).any():
            raise InputError(f"{STEP}: within a token", f"multiples of {self.timing.period}")
        self.kept, self.length = {name: state[name].copy() for name in self.kept}, int(state["tokens"])

    def add(self, words: Mapping[str, bits.Words]) -> dict[str, Ints]:
        """Read the next tokens' spikes, (streams * tokens, steps, words) by what a port plays, stream by stream: what is read of them, by probe.

        Raises `InputError` beyond a slot's end, and for words that are no tokens of this program.
        """
        count = self._require(words)
        lines = {port.name: self._line(port, words, count) for port in self.program.network.ports}
        size = max(1, _BYTES // (self.timing.period * self.streams * self._width()))
        found = [self._read({name: line[at : at + size] for name, line in lines.items()}, min(size, count - at)) for at in range(0, count, size)]
        self.length += count
        by_name = self.program.network.by_name
        empty = {probe.name: np.zeros((self.streams, 0, by_name[probe.population].size), np.int64) for probe in self.program.network.probes}
        return {name: np.concatenate([none, *(part[name] for part in found)], 1).reshape(-1, none.shape[2]) for name, none in empty.items()}

    def _require(self, words: Mapping[str, bits.Words]) -> int:
        rows = len(next(iter(words.values()), ()))
        count, rest = divmod(rows, self.streams)
        if rest:
            raise InputError(f"{rows} tokens of {self.streams} streams", "as many of each")
        slot = self.timing.slot
        if slot and self.length + count > slot:
            raise InputError(f"{self.length + count} tokens in a slot of {slot}", "restart")
        for port in self.program.network.ports:
            if port.plays not in TIMED:
                require_words(port, self.program.network.by_name[port.population].size, words, (rows, self.timing.steps))
        return count

    def _width(self) -> int:
        """Bytes of a step of one stream."""
        by_name, network = self.program.network.by_name, self.program.network
        return sum(by_name[port.population].size for port in network.ports) + 4 * sum(by_name[p.population].size for p in network.probes)

    def _line(self, port: Port, words: Mapping[str, bits.Words], count: int) -> Bools:
        """(tokens, period, streams, neurons)."""
        size, slot = self.program.network.by_name[port.population].size, self.timing.slot
        line = np.zeros((count, self.timing.period, self.streams, size), np.bool_)
        if port.plays in TIMED:
            each = timed(port.plays, self.timing, slot or 1)
            line |= each[(self.length + np.arange(count)) % (slot or 1)][:, :, None, None]
        else:
            spikes = bits.unpack(words[port.plays], size).reshape(self.streams, count, self.timing.steps, size)
            line[:, : self.timing.steps] = spikes.transpose(1, 2, 0, 3)
        return line

    def _read(self, lines: Mapping[str, Bools], count: int) -> dict[str, Ints]:
        """(streams, tokens, neurons) by probe."""
        period = self.timing.period
        self.kept, found = self.loop.go(self.kept, {name: line.reshape(count * period, *line.shape[2:]) for name, line in lines.items()})
        _, later = self.loop.go(self.kept, {name: np.zeros((self.behind, *line.shape[2:]), np.bool_) for name, line in lines.items()})
        read = {}
        for probe in self.program.network.probes:
            at = self.program.latency[probe.population] + period * (1 + np.arange(count)) - 1
            whole = np.concatenate([found.read[probe.name], later.read[probe.name]])
            read[probe.name] = whole[at].swapaxes(0, 1).astype(np.int64)
        return read


def _require_alike(name: str, found: NDArray, own: NDArray) -> None:
    """Raises `InputError` for another shape or type, and for numbers beyond their register."""
    if not isinstance(found, np.ndarray) or (found.dtype, found.shape) != (own.dtype, own.shape):
        said = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise InputError(f"{name}: {said}", f"{own.dtype} of shape {own.shape}")
    low, high = (0, np.iinfo(np.int64).max >> 1) if own.dtype == np.int64 else (-arith.V_LIMIT, arith.V_LIMIT)
    if found.dtype != np.bool_ and found.size and not low <= found.min() <= found.max() <= high:
        raise InputError(f"{name}: {found.min()}..{found.max()}", f"{low}..{high}")
