"""A mapped program in a simulator that no one here wrote.

    SANAFE_PYTHON=.../bin/python python benchmarks/sanafe_check.py PROGRAM.tsp $GLUE_DIR [--length L]

SANAFE_PYTHON is a Python that has sanafe and numpy. One text that fits `--length` tokens runs on SANA-FE's Loihi (128 cores, the architecture
file in its wheel): every spike of every population must be the reference's, in each population's window; energy and time are compared with
our model for the same text.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tritspike.compiler.mapping.cost import events, timing
from tritspike.compiler.mapping.fit import Mapped, map_network
from tritspike.hw_profiles.profile import load
from tritspike.runtime.board_costs import energy
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.activity import counted
from tritspike.runtime.network.boxes import neurons
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.outcome import Bools
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.rates import measured_rates
from tritspike.runtime.tasks import dataset, labelled

PROFILE = "loihi1"  # what SANA-FE's file describes: 8 by 4 tiles of 4 cores with 1,024 neurons
RUNNER = Path(__file__).with_name("sanafe_run.py")


def export(mapped: Mapped, rows: Rows, path: Path) -> None:
    """What sanafe_run.py reads: populations with registers and cores, synapses in synaptic units, biases with their windows."""
    program = mapped.partition.stacked.original
    network, timing = program.network, program.timing
    out: dict[str, np.ndarray] = {"populations": np.array([p.name for p in network.populations])}
    for p in network.populations:
        out[f"{p.name}/registers"] = np.array([0, 0] if p.neuron is None else [p.neuron.vth, p.neuron.keep / 4096])
        out[f"{p.name}/latency"] = np.array(program.latency[p.name])
        if p.neuron is not None and p.neuron.bias is not None:
            out[f"{p.name}/bias"] = np.broadcast_to(p.neuron.bias.each(p.grid), p.size) / 64
    out |= {f"{port.population}/spikes": played(program, rows, port)[0] for port in network.ports}
    out |= {f"{name}/core": theirs(core) for name, core in _cores(mapped).items()}
    for n, s in enumerate(network.synapses):
        at = s.wiring.csr(*network.grids(s)).tocoo()
        parts = {"rows": at.row, "columns": at.col, "weights": at.data.astype(np.int64) << s.exponent}
        out |= {f"connection {n}/{name}": values for name, values in parts.items()}
    out["connections"] = np.array([(s.source, s.target) for s in network.synapses])
    out["biased"] = np.array([p.name for p in network.populations if f"{p.name}/bias" in out])
    out["steps"], out["window"] = np.array(timing.period + program.depth), np.array(timing.period)
    np.savez(path, **out)


def _cores(mapped: Mapped) -> dict[str, np.ndarray]:
    """Core of every neuron; what the host plays on cores that are not in use, 1,024 to each."""
    made = mapped.mapping()
    by_name, found = made.program.network.by_name, dict[str, np.ndarray]()
    for one in made.slices():
        p = by_name[one.population]
        found.setdefault(p.name, np.empty(p.size, np.int64))[neurons(one.box, p.grid)] = one.core
    spare = [c for c in range(mapped.partition.profile.cores) if c not in made.used]
    for port in made.program.network.ports:
        size = by_name[port.population].size
        found[port.population] = np.repeat([spare.pop(0) for _ in range(-(-size // 1024))], 1024)[:size]
    return found


def theirs(core: np.ndarray) -> np.ndarray:
    """SANA-FE numbers tiles down columns, we along rows."""
    tile, slot = np.divmod(core, 4)
    y, x = np.divmod(tile, 8)
    return (x * 4 + y) * 4 + slot


def compare(program: Scheduled, expected: dict[str, Bools], fired: list[list[str]]) -> tuple[int, int]:
    """(spikes of ours, spikes of theirs) over all windows; stops at the first (population, step, neuron) that differs."""
    period = program.timing.period
    got = {p.name: np.zeros((period + program.depth, p.size), np.bool_) for p in program.network.populations}
    for step, addresses in enumerate(fired):
        for address in addresses:
            name, neuron = address.rsplit(".", 1)
            got[name][step, int(neuron)] = True
    ours, windowed = 0, 0
    for name, (mine, *_) in expected.items():
        other = got[name][program.latency[name] :][:period]
        if not np.array_equal(mine, other):
            step, neuron = np.argwhere(mine != other)[0]
            sys.exit(f"differs: {name}[{neuron}], step {step}: reference {mine[step, neuron]}, SANA-FE {other[step, neuron]}")
        ours, windowed = ours + int(mine.sum()), windowed + int(other.sum())
    outside = sum(map(len, fired)) - windowed
    if outside:
        sys.exit(f"differs: SANA-FE has {outside} spikes outside all windows")
    return ours, windowed


def check(program: Program, rows: Rows, python: str) -> dict[str, float]:
    """All figures of one sample. Stops with a message where a spike differs."""
    network, expected = program.scheduled, literal.run(program.scheduled, rows, record=True).spikes
    assert expected is not None
    rates = measured_rates(network, rows)
    mapped = map_network(network, load(PROFILE), rates)
    with tempfile.TemporaryDirectory() as folder:
        exported, answer = Path(folder) / "network.npz", Path(folder) / "answer.json"
        export(mapped, rows, exported)
        subprocess.run([python, str(RUNNER), str(exported), str(answer)], check=True, stdout=subprocess.DEVNULL)
        found = json.loads(answer.read_text())
    ours, others = compare(network, expected, found["fired"])
    e = events(mapped, rates)
    joules = energy(e, mapped.partition.profile)
    idle_steps = program.steps + network.depth  # a lone sample takes this many steps, so updates are scaled up from T
    updates = (joules["neuron updates, active"] + joules["neuron updates, idle"]) * idle_steps / program.steps
    rest = sum(v for k, v in joules.items() if not k.startswith("neuron updates"))
    return {
        "neurons": program.neurons(),
        "cores": len(mapped.core),
        "spikes": ours,
        "SANA-FE spikes": others,
        "synaptic events": sum(counted(network, expected).events.values()),
        "SANA-FE synaptic events": found["total"]["spikes"],
        "energy uJ": (updates + rest) * 1e-6,
        "of it neuron updates": updates * 1e-6,
        "of it synaptic events": joules["synaptic events"] * 1e-6,
        **{f"SANA-FE energy uJ, {name}": value * 1e6 for name, value in found["energy"].items()},
        "SANA-FE updates": found["total"]["updated"],
        "updates": e.active_updates * idle_steps / program.steps,
        "latency us": timing(mapped, rates).latency * 1e6,
        "SANA-FE latency us": found["total"]["sim_time"] * 1e6,
    }


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("data", help="GLUE folder")
    parser.add_argument("--length", type=int, default=12, help="tokens; 12 is the most that the shipped program may have on 128 cores")
    o = parser.parse_args()
    program = program_file.load(o.program)
    encoder = Encoder(program)
    texts = [e.text for e in dataset.read(labelled.task_named(program.host.task), o.data, "dev", None)]
    tokens = next(t for t in encoder.tokens(texts) if len(t[0]) == o.length)
    found = check(program.at_length(o.length), encoder.rows([tokens], o.length), os.environ["SANAFE_PYTHON"])
    for name, value in found.items():
        print(f"{name:32} {value:,.{3 if isinstance(value, float) else 0}f}")
    print(f"{'energy, SANA-FE / ours':32} {found['SANA-FE energy uJ, total'] / found['energy uJ']:.3f}")
    print(f"{'latency, SANA-FE / ours':32} {found['SANA-FE latency us'] / found['latency us']:.3f}")


if __name__ == "__main__":
    main()
