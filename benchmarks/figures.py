"""The manual's figures that are drawn from programs and runs: results/block.svg and results/flow.svg.

    python benchmarks/figures.py [--out FOLDER]

block: the populations of a layer, from the synapses of lowered programs. flow: spikes of a streaming model while it reads, step by step.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "tritspike"  # the same file again
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import tritspike as ts
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host.batches import run
from tritspike.runtime.host.program import Program
from tritspike.runtime.network.network import Network
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tables import COINCIDENCE, RELAY, kind

RESULTS = Path(__file__).resolve().parent / "results"
ATTENTION, STREAM = ("sst2-one-chip", 24), ("lm-stream-ternary", None)
TEXT = "The game was released in"
# rows of the drawing, by population without its layer; what is left out here is not drawn
PLACES = {
    "x": 0, "query": 2, "key": 1, "value": -1, "score.and": 1.5, "score": 1.5, "context.and": 0, "context": 0, "attended": 0, "hidden": 1,
    "output": 0, "traces.event": -1.5, "traces.trace": -1.5, "ago.0": 1, "ago.1": 2, "ffn": 0.5,
}  # fmt: skip
COLOURS = {COINCIDENCE: "#f3c98b", "lif": "#a9c9e8", "host": "#d9d9d9"}
SHOWN = ("x", "layer.0.traces.event", "layer.0.traces.trace", "layer.0.ffn", "layer.0.output", "layer.1.ffn", "layer.1.output")
NEURONS = 18  # of each population, in the raster


def heard(network: Network, name: str) -> tuple[str, int]:
    """(the population whose spikes these are, relays that they came through)."""
    count = 0
    while (source := facts.repeats(network, network.by_name[name])) is not None:
        name, count = source, count + 1
    return name, count


def block(axis: Axes, program: Program, title: str) -> None:
    """The populations of the first layer by latency, and who hears whom."""
    network, latency = program.network, program.scheduled.latency
    at: dict[str, tuple[float, float]] = {}
    for p in network.populations:
        short, what = p.name.removeprefix("layer.0."), kind(program.scheduled, p)
        if what == RELAY or short not in PLACES:
            continue
        at[p.name] = (latency[p.name], PLACES[short])
        word = f"{short}\n{p.size:,}" + (" pairs" if what == COINCIDENCE and "and" in short else "")
        box = {"boxstyle": "round,pad=0.35", "facecolor": COLOURS[what], "edgecolor": "#444444"}
        axis.text(*at[p.name], word, ha="center", va="center", fontsize=7.5, bbox=box, zorder=3)
    for s in network.synapses:
        source, relays = heard(network, s.source)
        if s.target in at and source in at and source != s.target:
            style: dict[str, Any] = {"arrowstyle": "-|>", "color": "#777777" if relays else "#222222", "linestyle": ":" if relays else "-"}
            bend = f"arc3,rad={0.25 if at[source][1] == at[s.target][1] and relays else 0}"
            axis.annotate("", at[s.target], at[source], arrowprops=style | {"shrinkA": 16, "shrinkB": 16, "connectionstyle": bend}, zorder=1)
    xs, ys = zip(*at.values())
    axis.set(xlim=(min(xs) - 0.5, max(xs) + 0.5), ylim=(min(ys) - 0.7, max(ys) + 0.8), yticks=[], xticks=range(max(xs) + 1))
    axis.set_title(title, fontsize=9, loc="left")
    axis.spines[["top", "left", "right"]].set_visible(False)


def blocks(out: Path) -> None:
    """An attention layer above a streaming one."""
    figure, axes = plt.subplots(2, 1, figsize=(9, 6), gridspec_kw={"height_ratios": [1, 1.15]})
    for axis, (name, length) in zip(axes, (ATTENTION, STREAM)):
        program = ts.lower(name, length=length)
        words = f"{name}, {length} tokens: attention" if length else f"{name}, a token at a time: traces"
        block(axis, program, f"the first layer of {words}")
    axes[-1].set_xlabel(
        "latency: steps after the input's spikes. Boxes: populations and their neurons. Dotted: through relays, which wait", fontsize=8
    )
    figure.tight_layout()
    figure.savefig(out / "block.svg", metadata={"Date": None})


def flow(out: Path) -> None:
    """Some neurons of each population, a mark where one spikes, on the chip's own clock."""
    model = ts.load(STREAM[0])
    program, encoder = model.program, model.encoder
    tokens = encoder.tokens([TEXT])
    spikes = run(program, encoder.rows(tokens), DEFAULT, ask=Ask(record=list(SHOWN[1:]))).spikes
    assert spikes is not None
    played = np.unpackbits(encoder.flowing(np.array(tokens[0][0])).view(np.uint8), axis=-1, bitorder="little").astype(bool)
    timing, latency = program.scheduled.timing, program.scheduled.latency
    figure, axis = plt.subplots(figsize=(9, 5))
    for n, name in enumerate(SHOWN):
        found = spikes.get(name, played)  # (tokens, steps, neurons)
        busiest = np.sort(np.argsort(-found.sum((0, 1)), kind="stable")[: 3 * NEURONS : 3])
        token, step, neuron = np.nonzero(found[..., busiest])
        at, row = token * timing.period + 1 + latency[name] + step, -n * (NEURONS + 6) - neuron
        ends = (np.stack([row - 0.4, row + 0.4, np.full(len(row), np.nan)], 1)).ravel()
        axis.plot(np.repeat(at, 3), ends, linewidth=1, color=f"C{n}")  # one line with gaps: a mark each would be a large file
    words = [encoder.tokenizer.decode([i]).strip() or "(start)" for i in tokens[0][0]]
    for n, word in enumerate(words):
        axis.axvline(n * timing.period + 0.5, color="#bbbbbb", linewidth=0.8, zorder=0)
        axis.text(n * timing.period + 1, 6, word, fontsize=9)
    axis.set_yticks([-n * (NEURONS + 6) - NEURONS / 2 for n in range(len(SHOWN))], [name.removeprefix("layer.") for name in SHOWN], fontsize=8)
    axis.set_xlabel(f"steps of the chip; a token enters every {timing.period}, in the first {timing.steps} of them", fontsize=9)
    axis.spines[["top", "left", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(out / "flow.svg", metadata={"Date": None})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    o = parser.parse_args()
    blocks(o.out)
    flow(o.out)


if __name__ == "__main__":
    main()
