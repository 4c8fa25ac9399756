"""What every executor relies on, asked of a program before anything is allocated for it.

Rules are small functions that yield findings, all of which are shown. They come in three rounds, since each relies on the ones before: what
single fields hold, what arrays are beside the sizes, and how everything refers to everything else. Registers are held to what the chip has; what
they make a neuron do is for executors to compute, and for `fast` to prove (`runtime/simulator/facts.py`). Ranges of sums are `runtime/ranges.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakSet

import numpy as np

from tritspike.hw_profiles.errors import Finding, TritspikeError, listed
from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.program import Program, Samples
from tritspike.runtime.validation.arrays import arrays
from tritspike.runtime.validation.fields import fields
from tritspike.runtime.validation.structure import structure

_SOUND: WeakSet[Program] = WeakSet()


def findings(program: Program) -> Iterator[Finding]:
    """Everything that is wrong in the first round that finds anything; nothing where the program is sound."""
    for rules in (fields, arrays, structure):
        found = list(rules(program))
        if found:
            yield from found
            return


def require_sound(program: Program, where: object = "program", kind: type[TritspikeError] = InputError) -> None:
    """Raise `kind` with all findings. A program object is asked once: it does not change."""
    if program in _SOUND:
        return
    found = list(findings(program))
    if found:
        raise kind(f"{where}: not a sound program: {listed(found)}")
    _SOUND.add(program)


def require_samples(program: Program, samples: Samples) -> None:
    """Raise `InputError` where `samples` were not encoded for `program`: kernels read as many words as it says."""
    lengths = samples.lengths
    if not isinstance(lengths, np.ndarray) or lengths.dtype != np.int64 or lengths.ndim != 1 or not len(lengths):
        raise InputError(f"samples: lengths are {lengths!r:.80}, not int64, one a sample, of one sample or more")
    if type(samples.words) is not np.ndarray or not samples.words.flags.c_contiguous:
        raise InputError(f"samples: words are {type(samples.words).__name__}, not one contiguous array")
    d, rows = program.dims, int(lengths.sum())
    wanted = (rows, program.steps, bits.words(d.hidden))
    if samples.words.dtype != np.uint64 or samples.words.shape != wanted or (samples.positions, samples.hidden) != (d.positions, d.hidden):
        found = f"{samples.words.dtype}{list(samples.words.shape)} for {samples.positions} positions of {samples.hidden}"
        raise InputError(f"samples: {found}, the program takes uint64{list(wanted)} for {d.positions} positions of {d.hidden}")
    if not 1 <= lengths.min() <= lengths.max() <= d.positions:
        raise InputError(f"samples: lengths {lengths.min()}..{lengths.max()}, allowed 1..{d.positions}")
    if d.hidden % bits.WORD and (samples.words[..., -1] >> np.uint64(d.hidden % bits.WORD)).any():
        raise InputError(f"samples: spikes beyond the last of {d.hidden} neurons")
