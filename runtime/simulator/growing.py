"""`fast` on one causal text that grows: spikes of earlier positions are kept, so that a new token costs itself and a look back.

Kept are the keys and values of every layer and what FFN windows hear; simply, every population's words up to the compiled length.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.program import Program, Result, Samples
from tritspike.runtime.simulator import chosen, fast, layout, recorded
from tritspike.runtime.simulator.layout import Linear


class Growing:
    """State between tokens of one text. What it answers at a position is what a whole run answers there."""

    def __init__(self, program: Program, plainly: bool | None = None) -> None:
        self.program, self.plan = program, layout.plan(program)
        later = any(isinstance(stage, Linear) and max(stage.offsets) > 0 for stage in self.plan.stages)
        if later or not (program.dims.causal and program.each):
            raise InputError("a text cannot grow: the program hears later tokens too", "a language model's program")
        self.using: ModuleType = chosen.module(self.plan.weights() * program.dims.positions * program.steps, plainly)
        self.length = 0
        positions, steps = program.dims.positions, program.steps
        sizes = {"x": bits.words(program.dims.hidden)}
        sizes |= {name: size for stage in self.plan.stages for name, size in layout.buffer_words(program, stage, positions)}
        self.kept = {name: np.zeros((positions, steps, size), np.uint64) for name, size in sizes.items()}

    def restart(self) -> None:
        """Forget the text."""
        for words in self.kept.values():
            words[:] = 0
        self.length = 0

    def add(self, words: bits.Words) -> np.ndarray:
        """Read the next tokens' spikes (tokens, steps, words); `Result.read` of these positions. Raises `InputError` beyond the length."""
        first, last = self.length, self.length + len(words)
        if last > self.program.dims.positions:
            raise InputError(f"{last} tokens in a window of {self.program.dims.positions}", "restart")
        self.kept["x"][first:last] = words
        for stage in self.plan.stages:
            if isinstance(stage, Linear):
                self._linear(stage, first, last)
            else:
                fast.attend(self.program, stage, np.array([0, last]), self._rows(0, last), self.using, first)
        self.length = last
        return fast.read_out(self.plan.readout, _one_text(words, self.program), self._rows(first, last), self.using)

    def _linear(self, stage: Linear, first: int, last: int) -> None:
        back = max(first + min(stage.offsets), 0)
        fast.linear(stage, np.zeros(last - back, np.int64), self._rows(back, last), self.using, first - back)

    def _rows(self, first: int, last: int) -> fast.Buffers:
        return {name: words[first:last] for name, words in self.kept.items()}

    def result(self) -> Result:
        """Everything so far as if it had been run at once, with every population's spikes."""
        rows = self._rows(0, self.length)
        samples = _one_text(rows["x"], self.program)
        heads = self.program.dims.heads
        buffers = {n: w.reshape(*w.shape[:2], heads, -1) if self._is_score(n) else w for n, w in rows.items()}
        read = fast.read_out(self.plan.readout, samples, rows, self.using)
        return Result(self.program, samples.lengths, read, recorded.windows(self.program, self.plan, samples, buffers))

    def _is_score(self, name: str) -> bool:
        return name != "x" and self.program.by_name[name].axes == "hp"


def _one_text(words: bits.Words, program: Program) -> Samples:
    return Samples(words, np.array([len(words)]), program.dims.positions, program.dims.hidden)
