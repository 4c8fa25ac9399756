"""Networks of your own: written by hand, lowered, run, compared spike by spike, kept in files.

    from tritspike import net as tn
    net = tn.Net()
    x = net.input("x", features=64)
    hidden = net.lif("hidden", tn.linear(x, codes, gain), keep=3072, vth=224, bias=bias)
    net.readout("digit", tn.linear(hidden, more))
    program = tn.lower(net, tn.Windows(8))
    outcome = tn.run(program, {"x": spikes})        # (windows, 8, 64) of 0 and 1
    outcome.read["digit"]                           # (windows, 10) membranes, in 1/64 synaptic units

Every executor gives the same spikes: `tn.verify(program, {"x": spikes}, executors=["fast", "lava"])`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT, ORACLE, refusals
from tritspike.runtime.executors.table import executor as executor_named
from tritspike.runtime.network import file
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis, Pairs
from tritspike.runtime.network.inputs import Spikes
from tritspike.runtime.network.network import Inputs, Network, Scheduled, Stream, Timing, Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Resets, Values
from tritspike.runtime.network.outcome import Ask, Outcome
from tritspike.runtime.network.rows import CONTINUES, PADDING
from tritspike.runtime.network.sequences import TIMED
from tritspike.runtime.network.terms import conv2d, linear, onto, pooled, same, sparse, summed
from tritspike.runtime.tasks.evaluation import Verified

if TYPE_CHECKING:
    from tritspike.runtime.host.arrays import Answer

__all__ = [
    "Axis",
    "Bias",
    "Net",
    "Network",
    "Neuron",
    "Outcome",
    "Pairs",
    "Resets",
    "Scheduled",
    "Spikes",
    "Stream",
    "Values",
    "Windows",
    "check",
    "conv2d",
    "convert",
    "explain",
    "linear",
    "load",
    "lower",
    "on_cores",
    "onto",
    "play",
    "pooled",
    "run",
    "same",
    "save",
    "sparse",
    "summed",
    "verify",
]


def lower(net: Net | Network, timing: Timing, passes: str | None = None) -> Scheduled:
    """The network with relays where spikes must wait, a latency for each population, and its ranges proved.

    passes: by name, as "quantize{bits=4},fold-registers,assign-latencies,insert-relays,prove-ranges"; by default all of these but quantize, which
    rounds a network whose weights, biases, thresholds and leaks are floats.

    Raises `CompileError` for a loop without delay, delays where windows are of different texts, or what some input could push out of a register.
    """
    from tritspike.compiler import pipeline
    from tritspike.compiler.lower import lower_network as lowered

    return lowered(net.network() if isinstance(net, Net) else net, timing, pipeline.OWN if passes is None else pipeline.named(passes))


@dataclass(frozen=True, eq=False)
class Converted:
    """What others' file became. program: as `lower` makes it; report: a line a layer, exact or what was lost.

    encode, logits: of a QONNX network what stays with the host: floats to spikes, the head's membranes to the file's output.
    """

    program: Scheduled
    report: tuple[str, ...]
    encode: Callable[[NDArray[Any]], dict[str, NDArray[Any]]] | None = None
    logits: Callable[[NDArray[Any]], NDArray[Any]] | None = None


def convert(path: str | Path, *, dt: float | None = None, convention: str | None = None, steps: int | None = None) -> Converted:
    """A NIR or QONNX file as a program. dt: seconds a step; convention: "euler" or "exp" (default: as the file tells); steps: of a window.

    Raises `FileError`, `CompileError` with everything that is refused.
    """
    from tritspike.compiler.frontend.nir import build as of_nir
    from tritspike.compiler.frontend.qonnx.lowering import build as of_qonnx
    from tritspike.compiler.frontend.table import require_network

    if require_network(_path(path)) == "nir":
        found = of_nir(_path(path), dt, convention, steps)
        return Converted(lower(found.network, found.timing), tuple(found.lines()))
    made = of_qonnx(_path(path))
    return Converted(lower(made.network, made.timing), tuple(made.lines()), made.encode, made.logits)


def play(program: Scheduled, spikes: Mapping[str, ArrayLike], executor: str = DEFAULT, record: bool = False) -> Answer:
    """Samples, each from rest: (samples, steps, ...) of 0 and 1 by port. Of a stream whose token is a step a sample may have any number of them."""
    from tritspike.runtime.host import arrays

    return arrays.run(_scheduled(program), {name: np.asarray(a) for name, a in spikes.items()}, executor, How(), record)


def run(program: Scheduled, spikes: Mapping[str, ArrayLike], executor: str = DEFAULT, record: bool = False) -> Outcome:
    """What the probes read of each window, and with `record` every population's spikes, (windows, steps, neurons).

    spikes: by port, (windows, steps, ...) of 0 and 1. executor: "fast", "reference" or "lava"; the same outcome from each. Raises `InputError`,
    `ExecutorError` where there is too little memory.
    """
    return executor_named(executor).prepare(_scheduled(program), How()).run(_inputs(program, spikes), Ask(record=record))


def verify(
    program: Scheduled,
    spikes: Mapping[str, ArrayLike],
    executors: Sequence[str] | str = (DEFAULT,),
    against: str = ORACLE,
    time_limit: float = How.limit,
) -> Verified:
    """Compare every spike of every population at every step, of two or more executors. Raises `MismatchError` at the first difference.

    spikes: as `run` takes them, or samples as `play` does.
    """
    if not isinstance(time_limit, int | float) or not time_limit > 0:
        raise InputError(f"time_limit is {time_limit!r}", "seconds, more than 0")
    if not isinstance(executors, str | list | tuple):
        raise InputError(f"executors are {executors!r}", 'names, as ["fast", "lava"]')
    from tritspike.runtime.tasks import random_arrays

    found = _windows_or_samples(program, spikes)
    names = (executors,) if isinstance(executors, str) else tuple(executors)
    return random_arrays.compared(program, found, len(np.asarray(next(iter(spikes.values())))), names, against, How(limit=time_limit))


def on_cores(program: Scheduled, profile: str = "auto", spikes: Mapping[str, ArrayLike] | None = None) -> dict[str, Any]:
    """Cut into slices, packed onto cores and placed on a board: cores, slices, what each resource is used of, traffic, energy and time a window.

    profile: a board's name, a .toml file, or "auto": the smallest real board that holds it. spikes: what to count events on; without, a rate is
    assumed. Energy and time are a model (docs/cores.md). Raises `DoesNotFit`, which says what is short and which board would do.
    """
    from tritspike.compiler.mapping.auto import smallest
    from tritspike.compiler.mapping.fit import fit, placed
    from tritspike.compiler.mapping.report import report
    from tritspike.compiler.mapping.workload import assumed_of, counted_on
    from tritspike.hw_profiles import profile as profiles
    from tritspike.runtime.records import to_json

    _scheduled(program)
    work = assumed_of(program) if spikes is None else counted_on(program, _windows_or_samples(program, spikes))
    found = smallest(program)[1] if profile == profiles.AUTO else fit(program, profiles.load(profile))
    return to_json(report(placed(found, work.rates), work))


def check(program: Scheduled) -> str:
    """A line an executor: that it would run the program, or everything that it refuses it for."""
    return "\n".join(refusals(_scheduled(program)))


def explain(program: Scheduled) -> str:
    """A line a population: by which rule `fast` runs it, and why the rules before declined it."""
    from tritspike.runtime.executors.fast.plan import plan

    _, taken = plan(_scheduled(program))
    return "\n".join(f"{t.population}: {t.rule}" + "".join(f"; not {rule}: {why}" for rule, why in t.declined) for t in taken)


def save(program: Scheduled, path: str | Path) -> None:
    """Write it to a file, whole or not at all. Raises `FileError`."""
    file.save(_scheduled(program), _path(path))


def load(path: str | Path) -> Scheduled:
    """Read and check a file. Raises `FileError` with everything that is wrong."""
    return file.load(_path(path))


def _inputs(program: Scheduled, spikes: Mapping[str, ArrayLike]) -> Spikes:
    """Raises `InputError` for spikes that no port plays, whose name is likely a mistake; those that miss, an executor names."""
    found, ports = Spikes.of(spikes), [port.plays for port in program.network.ports]
    unknown = [name for name in found.arrays if name not in (*ports, PADDING, CONTINUES)]  # a host knows these of texts and streams, heard or not
    if unknown and all(name in found.arrays for name in ports if name not in TIMED):
        raise InputError(f"no port plays {unknown[0]!r}", f"there are {', '.join(ports) or 'none'}")
    return found


def _windows_or_samples(program: Scheduled, spikes: Mapping[str, ArrayLike]) -> Inputs:
    """Where a token of a stream is one step, spikes of more are samples of as many tokens."""
    from tritspike.runtime.host import arrays

    if arrays.sample_steps(_scheduled(program)) is not None or not isinstance(spikes, Mapping):
        return _inputs(program, spikes)
    given = {name: np.asarray(a) for name, a in spikes.items()}
    several = any(a.ndim > 1 and a.shape[1] != 1 for a in given.values())
    return arrays.inputs(program, given) if several else _inputs(program, spikes)


def _path(path: str | Path) -> Path:
    if not isinstance(path, str | Path):
        raise InputError(f"a path is needed, not {type(path).__name__}")
    return Path(path)


def _scheduled(program: Scheduled) -> Scheduled:
    if not isinstance(program, Scheduled):
        raise InputError(f"a program is needed, not {type(program).__name__}", "lower(net, Windows(steps)) makes one")
    return program
