"""Networks of torch libraries beside what they became here: benchmarks/results/libraries.json and .md.

    TORCH_LIBS_PYTHON=.../bin/python python benchmarks/libraries.py

TORCH_LIBS_PYTHON is a Python with snnTorch, SpikingJelly and Norse, which `make .venv/.torch-libs` sets up. A minute: each network is trained
there, exported by its library's own exporter, lowered, and its spikes are compared with those of the library's own forward pass.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tritspike.compiler.frontend.nir import build
from tritspike.compiler.frontend.nir.floats import run as run_floats
from tritspike.compiler.frontend.nir.lowering import Found
from tritspike.compiler.frontend.nir.match import Match
from tritspike.compiler.lower import lower_network
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import arrays
from tritspike.runtime.network.network import Scheduled

RUNNER = Path(__file__).with_name("libraries_run.py")
STEP = {"snntorch": None, "spikingjelly": 1e-4, "norse": 1e-6}  # of their files, in seconds; None: these tell
UNLIKE = {  # networks that do something else than their file says
    "Leaky, subtract (default)": "snnTorch's default takes the threshold off",
    "Synaptic, zero": "snnTorch resets a step late, and loses that step's input",
    "IFNode, weights in sixteenths, v_threshold 1": "SpikingJelly fires at the threshold itself",
    "LIFBoxCell, reset_subtract": "Norse takes the threshold off",
    "LIFCell": "Norse writes w_in = 1 for tau_syn/dt",
}

Bools = np.ndarray


@dataclass(frozen=True, eq=False)
class Exported:
    """A file of a library, and what its own forward pass fired. fired: by layer of the file, (samples, steps, neurons); the last is counted."""

    library: str
    name: str
    path: Path
    given: Bools
    fired: dict[str, Bools]
    truth: np.ndarray

    @cached_property
    def found(self) -> Found:
        """As a network of ours, a stream."""
        step = STEP[self.library]
        return build(self.path, step, None if step is None else "euler")

    @cached_property
    def program(self) -> Scheduled:
        """Lowered."""
        return lower_network(self.found.network, self.found.timing)

    def spikes(self, executor: str = "fast", samples: int | None = None) -> dict[str, Bools]:
        """By layer, of the first samples."""
        answer = arrays.run(self.program, self._played(samples), executor, How(), record=True)
        return {name: answer.spikes[name] for name in self.fired}

    def floats(self) -> dict[str, Bools]:
        """What the file says, in float64."""
        found = run_floats(self.found.floats, self._played(None))
        return {name: found[name] for name in self.fired}

    def _played(self, samples: int | None) -> dict[str, Bools]:
        (name,) = arrays.played(self.program)
        return {name: self.given[:samples]}

    def matches(self, other: dict[str, Bools]) -> tuple[Match, ...]:
        """By layer, in the order of the net."""
        return tuple(Match(name, int((a & other[name]).sum()), int((a | other[name]).sum())) for name, a in self.fired.items())

    def accuracy(self, fired: dict[str, Bools]) -> float:
        """Of the neuron of the last layer that fires most, the first of several."""
        return float((list(fired.values())[-1].sum(1).argmax(1) == self.truth).mean())


def made(python: str, library: str, folder: Path) -> dict[str, Any]:
    """All files of a library in a folder; versions, and by name None or what the exporter said."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([python, str(RUNNER), library, str(folder)], check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{RUNNER.name} {library}: exit {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def exported(said: dict[str, Any], library: str, folder: Path) -> Iterator[Exported]:
    """Those that were."""
    for number, (name, refused) in enumerate(said["kinds"].items()):
        if refused is None:
            path = folder / f"{library}-{number}.nir"
            with np.load(path.with_suffix(".npz")) as archive:
                arrays_of = {key: archive[key] for key in archive.files}
            given, truth = arrays_of.pop("input"), arrays_of.pop("truth")
            yield Exported(library, name, path, given, _by_node(path, arrays_of), truth)


def _by_node(path: Path, fired: dict[str, Bools]) -> dict[str, Bools]:
    """By what the exporter made of a place in the net: `1`, `_1` or `1.lif`."""
    from tritspike.compiler.frontend.nir.reading import read

    nodes = read(path).nodes
    return {next(node for node in (place, f"_{place}", f"{place}.lif") if node in nodes): some for place, some in fired.items()}


def row(one: Exported, version: str) -> dict[str, Any]:
    """Of the table."""
    ours = one.spikes()
    shares, floats = one.matches(ours), one.matches(one.floats())
    return {
        "library": f"{one.library} {version}",
        "network": one.name,
        "neurons": sum(some.shape[2] for some in one.fired.values()),
        "accuracy, its own": f"{one.accuracy(one.fired):.3f}",
        "lowered": f"{one.accuracy(ours):.3f}",
        "hidden spikes in both": _shown(shares[0]),
        "output spikes": _shown(shares[-1]),
        "of its file in float64, hidden": _shown(floats[0]),
        "what differs": UNLIKE.get(one.name, "nothing: exact" if one.found.exact else "rounded weights, decays"),
    }


def _shown(match: Match) -> str:
    """Four digits, none of them rounded up to all."""
    return "all" if match.both == match.either else f"{match.both * 10000 // match.either / 10000:.4f}"


def measure(python: str) -> list[dict[str, Any]]:
    """All rows, those that are like their files first."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for library in STEP:
            said = made(python, library, Path(folder))
            rows += [row(one, said["versions"][library]) for one in exported(said, library, Path(folder))]
    return sorted(rows, key=lambda r: r["network"] in UNLIKE)


if __name__ == "__main__":
    from measure import write

    remark = (
        "scikit-learn's digits, 1,347 to train with and 450 held out, 16 steps, one seed. Each network is trained in its library and exported by it. "
        "Shares: of the spikes that the library's own forward pass or the lowered program (or its file, run in float64) fires on the 450, those "
        "that both fire. The last rows do something that their NIR files do not say."
    )
    write("libraries", {"libraries": {"title": "Networks of torch libraries", "remark": remark, "rows": measure(os.environ["TORCH_LIBS_PYTHON"])}})
