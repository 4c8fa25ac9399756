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

from tritspike.compiler.mapping.cost import energy, events, timing
from tritspike.compiler.mapping.fit import Mapped, map_program
from tritspike.compiler.mapping.rates import measured_rates
from tritspike.hw_profiles.profile import load
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.program import SOURCE, Samples
from tritspike.runtime.simulator import reference
from tritspike.runtime.tasks import glue
from tritspike.runtime.tiling import neurons

PROFILE = "loihi1"  # what SANA-FE's file describes: 8 by 4 tiles of 4 cores with 1,024 neurons
RUNNER = Path(__file__).with_name("sanafe_run.py")


def export(mapped: Mapped, samples: Samples, path: Path) -> None:
    """What sanafe_run.py reads: populations with registers and cores, synapses in synaptic units, biases with their windows."""
    program = mapped.partition.program
    out: dict[str, np.ndarray] = {"populations": np.array([p.name for p in program.populations])}
    spare = [c for c in range(mapped.partition.profile.cores) if c not in set(mapped.core.tolist())]
    for p in program.populations:
        out[f"{p.name}/registers"] = np.array([p.vth, p.keep / 4096])
        out[f"{p.name}/latency"] = np.array(p.latency)
        if p.role == SOURCE:
            out[f"{p.name}/spikes"] = samples.source(p.name)[0]
        elif p.bias is not None:
            out[f"{p.name}/bias"] = np.asarray(program.bias(p)) / 64
    out |= {f"{name}/core": theirs(core) for name, core in _cores(mapped, spare).items()}
    for n, s in enumerate(program.synapses):
        at = program.csr(s).tocoo()
        keep = at.data != 0
        parts = {"rows": at.row[keep], "columns": at.col[keep], "weights": at.data[keep].astype(np.int64) << s.exponent}
        out |= {f"connection {n}/{name}": values for name, values in parts.items()}
    out["connections"] = np.array([(s.source, s.target) for s in program.synapses])
    out["biased"] = np.array([p.name for p in program.populations if p.bias is not None])
    out["steps"], out["window"] = np.array(program.steps + program.depth), np.array(program.steps)
    np.savez(path, **out)


def _cores(mapped: Mapped, spare: list[int]) -> dict[str, np.ndarray]:
    """Core of every neuron; the host's sources on cores that are not in use, 1,024 to each."""
    program, found = mapped.partition.program, {}
    for t in mapped.partition.tilings:
        core = np.empty(program.size(t.population), np.int64)
        at = mapped.slice_core[mapped.partition.offsets[t.population.name] :]
        for box, c in zip(t.boxes, at):
            core[neurons(box, t.population, program.dims)] = c
        found[t.population.name] = core
    for p in program.populations:
        if p.role == SOURCE:
            cores = [spare.pop(0) for _ in range(-(-program.size(p) // 1024))]
            found[p.name] = np.repeat(cores, 1024)[: program.size(p)]
    return found


def theirs(core: np.ndarray) -> np.ndarray:
    """SANA-FE numbers tiles down columns, we along rows."""
    tile, slot = np.divmod(core, 4)
    y, x = np.divmod(tile, 8)
    return (x * 4 + y) * 4 + slot


def compare(program: Program, samples: Samples, fired: list[list[str]]) -> tuple[int, int]:
    """(spikes of ours, spikes of theirs) over all windows; stops at the first (population, step, neuron) that differs."""
    expected = reference.run(program, samples, record=True).spikes
    assert expected is not None
    got = {p.name: np.zeros((program.steps + program.depth, program.size(p)), np.bool_) for p in program.populations}
    for step, addresses in enumerate(fired):
        for address in addresses:
            name, neuron = address.rsplit(".", 1)
            got[name][step, int(neuron)] = True
    ours, windowed = 0, 0
    for p in program.populations:
        n = program.dims.size(p.axes)
        mine = np.unpackbits(expected[p.name][0], axis=-1, count=program.size(p)).astype(np.bool_)
        windows = [got[p.name][p.latency + k : p.latency + k + program.steps, k * n : (k + 1) * n] for k in range(p.stages)]
        other = np.concatenate(windows, 1)
        if not np.array_equal(mine, other):
            step, neuron = np.argwhere(mine != other)[0]
            sys.exit(f"differs: {p.name}[{neuron}], step {step}: reference {mine[step, neuron]}, SANA-FE {other[step, neuron]}")
        ours, windowed = ours + int(mine.sum()), windowed + int(other.sum())
    outside = sum(map(len, fired)) - windowed
    if outside:
        sys.exit(f"differs: SANA-FE has {outside} spikes outside all windows")
    return ours, windowed


def exact_events(program: Program, samples: Samples) -> int:
    """Synapses that this text's spikes pass, counted."""
    spikes = reference.run(program, samples, record=True).spikes
    assert spikes is not None
    total = 0
    for s in program.synapses:
        source = program.by_name[s.source]
        count = np.unpackbits(spikes[s.source][0], axis=-1, count=program.size(source)).sum(0).astype(np.int64)
        total += int((program.csr(s) != 0).astype(np.int64).sum(0).A1 @ count)
    return total


def check(program: Program, samples: Samples, python: str) -> dict[str, float]:
    """All figures of one sample. Stops with a message where a spike differs."""
    rates = measured_rates(program, samples)
    mapped = map_program(program, load(PROFILE), rates)
    with tempfile.TemporaryDirectory() as folder:
        network, answer = Path(folder) / "network.npz", Path(folder) / "answer.json"
        export(mapped, samples, network)
        subprocess.run([python, str(RUNNER), str(network), str(answer)], check=True, stdout=subprocess.DEVNULL)
        found = json.loads(answer.read_text())
    ours, others = compare(program, samples, found["fired"])
    e = events(mapped, rates)
    joules = energy(e, mapped.partition.profile)
    idle_steps = program.steps + program.depth  # a lone sample takes this many steps, so updates are scaled up from T
    updates = (joules["neuron updates, active"] + joules["neuron updates, idle"]) * idle_steps / program.steps
    rest = sum(v for k, v in joules.items() if not k.startswith("neuron updates"))
    return {
        "neurons": program.neurons(),
        "cores": len(mapped.core),
        "spikes": ours,
        "SANA-FE spikes": others,
        "synaptic events": exact_events(program, samples),
        "SANA-FE synaptic events": found["total"]["spikes"],
        "energy uJ": (updates + rest) * 1e-6,
        "of it neuron updates": updates * 1e-6,
        "of it synaptic events": joules["synaptic events"] * 1e-6,
        **{f"SANA-FE energy uJ, {name}": value * 1e6 for name, value in found["energy"].items()},
        "SANA-FE updates": found["total"]["updated"],
        "updates": e.active_updates * idle_steps / program.steps,
        "latency us": timing(mapped, rates)["latency"] * 1e6,
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
    texts = [e.text for e in glue.read(glue.task_named(program.host.task), o.data, "dev", None)]
    tokens = next(t for t in encoder.tokens(texts) if len(t[0]) == o.length)
    found = check(program.at_length(o.length), encoder.samples([tokens], o.length), os.environ["SANAFE_PYTHON"])
    for name, value in found.items():
        print(f"{name:32} {value:,.{3 if isinstance(value, float) else 0}f}")
    print(f"{'energy, SANA-FE / ours':32} {found['SANA-FE energy uJ, total'] / found['energy uJ']:.3f}")
    print(f"{'latency, SANA-FE / ours':32} {found['SANA-FE latency us'] / found['latency us']:.3f}")


if __name__ == "__main__":
    main()
