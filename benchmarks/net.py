"""The generic engine beside the literal simulator, on the shipped program and on a random sparse network: benchmarks/results/net.json.

    python benchmarks/net.py

Processor time of whole calls, kernels compiled and loaded before; both give the same reading, which is checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import CHECKPOINT, HERE, busy

from tritspike import net as tn
from tritspike.compiler.lower import lower
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.generic import run as generic
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.simulator import cache

_NEURONS, _EACH, _LAYERS, _WINDOWS, _STEPS = 10_000, 20, 10, 8, 8
_RUNS = 7  # of each that are timed, after the first


def shipped() -> tuple[Any, Any]:
    """The one-chip model cut to 24 tokens, and eight texts."""
    program = lower(CHECKPOINT, "loihi2", length=24)
    encoder = Encoder(program)
    return program.scheduled, encoder.rows(encoder.tokens(["a warm and funny film that stays with you for a very long time"] * 8))


def sparse() -> tuple[Any, Any]:
    """100,000 neurons in ten populations, each of which hears 20 random neurons of the one before."""
    rng, net = np.random.default_rng(0), tn.Net()
    at = net.input("x", neuron=_NEURONS)
    rows = np.repeat(np.arange(_NEURONS), _EACH)
    for n in range(_LAYERS):
        heard = tn.sparse(at, rows, rng.integers(0, _NEURONS, len(rows)), rng.integers(-20, 40, len(rows)), (tn.Axis("neuron", _NEURONS),))
        at = net.lif(f"p{n}", heard, keep=3072, vth=60)
    net.count(at)
    spikes = {"x": rng.random((_WINDOWS, _STEPS, _NEURONS)) < 0.2}
    return tn.lower(net, tn.Windows(_STEPS)), tn.Spikes.of(spikes)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Of processors, and what was found."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def compared(program: Any, inputs: Any) -> dict[str, Any]:
    """Seconds of both, and how many times faster the generic one is: in the first call, and by medians of those after it, one after the other."""
    runs: dict[str, Callable[[], Any]] = {"literal": lambda: literal.run(program, inputs), "generic": lambda: generic.run(program, inputs)}
    both = [[seconds(run) for run in runs.values()] for _ in range(1 + _RUNS)]
    assert all((a.read[name] == b.read[name]).all() for (_, a), (_, b) in both for name in a.read)
    taken = np.array([[used for used, _ in pair] for pair in both])
    later = np.median(taken[1:], 0)
    found = {f"{name}, CPU s": round(float(s), 4) for name, s in zip(runs, later)}
    return {**found, "times": round(later[0] / later[1], 2), "times, first call": round(taken[0, 0] / taken[0, 1], 2)}


def main() -> None:
    """The command."""
    before = busy()
    cache.prepare()
    found = {name: compared(*make()) for name, make in (("shipped", shipped), ("sparse", sparse))}
    print(json.dumps(found, indent=1))
    (HERE / "results" / "net.json").write_text(json.dumps({"load before": before, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
