"""A layer over all steps and tokens at once, on packed spikes: no delays, no coincidence neurons, no padding, and the same spikes as `reference`.

Texts of any lengths lie end to end in one batch; see `layout.py` for what is run and `kernels.py` for how.
"""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith, bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.limits import MOST_THREADS, cores
from tritspike.runtime.program import Program, Result, Samples
from tritspike.runtime.simulator import activity, chosen, layout, recorded
from tritspike.runtime.simulator.layout import Attention, Counts, Linear, Readout
from tritspike.runtime.validation import require_samples

_TOKENS = 1024  # of a batch: enough to amortise Python, few enough to stay in a core's cache and to share out evenly
_UNPACKED = 64  # tokens whose spikes are unpacked at once

Buffers = dict[str, bits.Words]
Ints = NDArray[np.int64]


def run(program: Program, samples: Samples, record: bool | Collection[str] = False, count: bool = False, plainly: bool | None = None) -> Result:
    """Logits of `samples`; with `record` the spikes of every population that the reference would have, or of those named; with `count` how many.

    `plainly`: in numpy instead of compiled kernels, or not; by default for a little work (`chosen.py`). Runs in the calling thread.
    """
    plan = layout.plan(program)
    require_samples(program, samples)
    using = chosen.module(plan.weights() * samples.words.shape[0] * program.steps, plainly)
    buffers, used = {"x": samples.words}, plan.last_use()
    counter = activity.Counter(program, plan, samples, chosen.counting(using)) if count else None
    for n, stage in enumerate(plan.stages):
        run_stage(program, stage, samples, buffers, using)
        if counter:
            counter.take(stage, buffers)
        if not record:
            buffers = {name: words for name, words in buffers.items() if used.get(name, -1) > n}
    return Result(
        program,
        samples.lengths,
        read_out(plan.readout, samples, buffers, using),
        recorded.windows(program, plan, samples, buffers, None if record is True else record) if record else None,
        counter.activity() if counter else None,
    )


def read_out(stage: Readout | Counts, samples: Samples, buffers: Buffers, using: ModuleType) -> Ints:
    """`Result.read` from the last layer's spikes."""
    source = stage.source
    if isinstance(stage, Counts):
        counts = _counted(buffers[source.buffer][..., source.first :], source.width)
        return counts if stage.weights is None else (counts.astype(np.float32) @ stage.weights).astype(np.int64) << arith.INPUT_SHIFT
    membranes = np.zeros((len(samples), len(stage.positive)), np.int64)
    using.pool(buffers[source.buffer], source.first, samples.starts, stage.positive, stage.negative, stage.only_first, membranes)
    return membranes << arith.INPUT_SHIFT


def _counted(words: bits.Words, width: int) -> Ints:
    """(tokens, width) spikes over all steps, a block of tokens at a time: unpacked, spikes take eight times their room."""
    out = np.empty((len(words), width), np.int64)
    for at in range(0, len(words), _UNPACKED):
        out[at : at + _UNPACKED] = bits.unpack(words[at : at + _UNPACKED], width).sum(1, dtype=np.int64)
    return out


def run_stage(program: Program, stage: Linear | Attention, samples: Samples, buffers: Buffers, using: ModuleType) -> None:
    """Add what one stage computes to `buffers`."""
    longest = int(samples.lengths.max(initial=0))
    shape = samples.words.shape[:2]
    for name, words in layout.buffer_words(program, stage, longest):
        buffers[name] = np.zeros((*shape, words), np.uint64)
    if isinstance(stage, Linear):
        linear(stage, np.repeat(np.arange(len(samples)), samples.lengths), buffers, using)
    else:
        attend(program, stage, samples.starts, buffers, using)


def linear(stage: Linear, text: Ints, buffers: Buffers, using: ModuleType, begin: int = 0) -> None:
    """Rows from `begin` on of the stage's buffer, from all rows of its sources. text: (rows,) the text that each belongs to."""
    source, skip = stage.source, stage.skip
    heard, first, inputs = buffers[source.buffer], source.first, source.width
    if stage.offsets != layout.OWN:
        heard = side_by_side(heard[..., first : first + bits.words(inputs)], stage.offsets, text)
        first, inputs = 0, heard.shape[2] * bits.WORD
    heard = heard[begin:]
    using.linear(
        heard,
        first,
        inputs,
        stage.table,
        stage.signs,
        stage.gain,
        stage.bias,
        stage.keep,
        stage.vth,
        buffers[skip.buffer][begin:],
        skip.first,
        stage.skip_gain,
        stage.bounded,
        buffers[stage.buffer][begin:],
    )


def side_by_side(words: bits.Words, offsets: tuple[int, ...], text: Ints) -> bits.Words:
    """(tokens, steps, words) -> (tokens, steps, offsets * words): what each token hears at each offset, silence beyond its text."""
    tokens, steps, each = words.shape
    out = np.zeros((tokens, steps, len(offsets) * each), np.uint64)
    for n, offset in enumerate(offsets):
        first = min(max(-offset, 0), tokens)
        last = max(min(tokens - offset, tokens), first)
        part = out[first:last, :, n * each : (n + 1) * each]
        part[:] = words[first + offset : last + offset]
        part[text[first:last] != text[first + offset : last + offset]] = 0
    return out


def attend(program: Program, stage: Attention, starts: Ints, buffers: Buffers, using: ModuleType, begin: int = 0) -> None:
    """Positions from `begin` on of every text, which hear all of its positions (where causal, those up to their own)."""
    dims, how = program.dims, (stage.score, stage.context)
    scores = buffers[stage.scores]
    buffers[stage.scores] = scores = scores.reshape(*scores.shape[:2], dims.heads, -1)
    query, key, value = (buffers[side.buffer] for side in stage.sides)
    firsts = np.array([side.first for side in stage.sides], np.int64)
    using.attend(query, key, value, firsts, starts, dims.head_dim, dims.causal, begin, *how, scores, buffers[stage.buffer])


def batch_tokens(program: Program, threads: int, memory: int) -> int:
    """Tokens a batch, so that `threads` batches at once stay within `memory` bytes. Raises `InputError` where one text may not fit."""
    if not 1 <= threads <= MOST_THREADS:
        raise InputError(f"{threads} threads, allowed 1..{MOST_THREADS}", f"this machine has {cores()} cores")
    longest = program.dims.positions
    token = layout.bytes_per_token(program, longest)
    need = token * longest * threads
    if memory < need:
        raise InputError(
            f"a memory budget of {memory >> 20} MiB is too small: {threads} texts of {longest} tokens at once need {-(-need >> 20)} MiB",
            f"--memory {-(-need >> 20)}" + (", or --threads 1" if threads > 1 else ""),
        )
    return max(longest, min(_TOKENS, memory // (token * threads)))
