"""The generic engine beside the literal simulator, on the shipped program and on a random sparse network: benchmarks/results/net.json.

    python benchmarks/net.py

Processor time of one run each, the least of three; both give the same reading, which is checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import CHECKPOINT, HERE, busy, timed

from tritspike import net as tn
from tritspike.compiler.lower import lower
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import generic, literal

_NEURONS, _EACH, _LAYERS, _WINDOWS, _STEPS = 10_000, 20, 10, 8, 8


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


def compared(program: Any, inputs: Any) -> dict[str, Any]:
    """Seconds of both, and how many times faster the generic one is."""
    runs: dict[str, Callable[[], Any]] = {"literal": lambda: literal.run(program, inputs), "generic": lambda: generic.run(program, inputs)}
    a, b = (run().read for run in runs.values())
    assert all((a[name] == b[name]).all() for name in a)
    seconds = {name: timed(run, 0, 3).processor for name, run in runs.items()}
    return {**{f"{name}, CPU s": round(s, 3) for name, s in seconds.items()}, "times": round(seconds["literal"] / seconds["generic"], 2)}


def main() -> None:
    """The command."""
    before = busy()
    found = {name: compared(*make()) for name, make in (("shipped", shipped), ("sparse", sparse))}
    print(json.dumps(found, indent=1))
    (HERE / "results" / "net.json").write_text(json.dumps({"load before": before, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
