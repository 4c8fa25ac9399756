"""A picture of a stream's memory: what the traces of a language model fire while it reads a sentence; results/traces.svg.

    python benchmarks/traces.py PROGRAM.tsp [--layer N] [--text TEXT] [--out FILE.svg]

A row is a neuron, in groups of one time constant; a column is a token, and the darker the more often the neuron fires in its steps.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.batches import run
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.network.outcome import Ask

RESULTS = Path(__file__).resolve().parent / "results"
TEXT = (
    " = Valkyria = \n \n The game was released in Japan in 2011 . It was the third title of the series , and the first one that the studio made"
    " for a handheld console ."
)


def seen(program: Program, layer: int, text: str) -> tuple[list[str], dict[float, np.ndarray]]:
    """(tokens, by time constant in tokens: (neurons, tokens) spikes)."""
    encoder, name = Encoder(program), f"layer.{layer}.traces.trace"
    tokens = encoder.tokens([text])
    found = run(program, encoder.rows(tokens), DEFAULT, ask=Ask(record=[name])).spikes
    assert found is not None
    population = program.network.by_name[name]
    assert population.neuron is not None
    groups, counts = numbers(population.neuron.keep_u), found[name].sum(1).T
    period = program.scheduled.timing.period
    constants = [round(-1 / np.log(keep / 4096) / period, 1) for keep in groups]
    words = [encoder.tokenizer.decode([n]) for n in tokens[0][0]]
    return words, dict(zip(constants, np.split(counts, len(groups))))


def drawn(words: list[str], traces: dict[float, np.ndarray], out: Path) -> None:
    """The picture. Neurons of a group are sorted by when they fire."""
    figure, axes = plt.subplots(len(traces), 1, figsize=(9, 6.5), sharex=True, gridspec_kw={"hspace": 0.08})
    most = max(int(some.max()) for some in traces.values())
    for axis, (constant, counts) in zip(axes, traces.items()):
        order = np.argsort((counts * np.arange(counts.shape[1])).sum(1) / np.maximum(counts.sum(1), 1))
        image = axis.imshow(counts[order], aspect="auto", cmap="Greys", vmin=0, vmax=most, interpolation="nearest")
        axis.set_yticks([])
        axis.set_ylabel(f"{constant:g}", rotation=0, ha="right", va="center", fontsize=9)
    axes[-1].set_xticks(range(len(words)), [repr(w)[1:-1].strip() for w in words], rotation=90, fontsize=7)
    figure.text(0.03, 0.5, "traces, by time constant in tokens", rotation=90, va="center", fontsize=9)
    bar: Any = figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01)
    bar.set_label("spikes a token", fontsize=9)
    figure.savefig(out, bbox_inches="tight", metadata={"Date": None})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--layer", type=int, default=0)
    parser.add_argument("--text", default=TEXT)
    parser.add_argument("--out", type=Path, default=RESULTS / "traces.svg")
    o = parser.parse_args()
    drawn(*seen(program_file.load(o.program), o.layer, o.text), o.out)


if __name__ == "__main__":
    main()
