"""Published networks of others beside what they became: adds to benchmarks/results/interchange.json and .md.

    python benchmarks/others.py DATA     # a folder with nir/ and qonnx/, of others' files

Minutes. NIR against a float64 run of the file in the same convention, QONNX against an evaluation of the file; both on fast and on Lava.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from measure import write
from numpy.typing import NDArray

from tritspike.compiler.frontend.nir import build as of_nir
from tritspike.compiler.frontend.nir import floats
from tritspike.compiler.frontend.nir.floats import FloatNetwork
from tritspike.compiler.frontend.nir.lowering import Found
from tritspike.compiler.frontend.nir.match import Bools, random_input
from tritspike.compiler.frontend.qonnx.lowering import build as of_qonnx
from tritspike.compiler.frontend.qonnx.lowering import evaluate
from tritspike.compiler.lower import lower_network
from tritspike.runtime import arith
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import arrays

_SEEDS, _SAMPLES, _STEPS, _RATE = 10, 64, 256, 0.08
_INPUTS = 4000
RECORDED = {  # by file, what its authors recorded of its hidden layer
    "braille_noDelay_bias_zero": ("norse_activity_noDelay_bias_zero", "lava_activity_noDelay_bias_zero"),
    "braille_noDelay_noBias_subtract": ("snntorch_activity_noDelay_noBias_subtract",),
}


@dataclass(frozen=True, eq=False)
class Beside:
    """A file's network, what it became, and the float64 run of each seed."""

    found: Found
    played: tuple[dict[str, Bools], ...]
    theirs: tuple[dict[str, NDArray[Any]], ...]

    @property
    def layers(self) -> list[str]:
        """That fire, hidden first."""
        return [layer.name for layer in self.found.floats.layers if not layer.plays and layer.threshold is not None]

    def shares(self, runs: list[dict[str, NDArray[Any]]]) -> NDArray[np.float64]:
        """(seeds, layers) |A and B| / |A or B|."""
        return np.array([[_share(a[name], b[name]) for name in self.layers] for a, b in zip(runs, self.theirs)])

    def ours(self, executor: str, seeds: int) -> list[dict[str, Bools]]:
        """Spikes of the first seeds."""
        program = lower_network(self.found.network, self.found.timing)
        return [arrays.run(program, given, executor, How(), record=True).spikes for given in self.played[:seeds]]

    def with_parts(self, changed: FloatNetwork) -> NDArray[np.float64]:
        """(layers,) mean shares of a float64 run of another network."""
        return self.shares([floats.run(changed, given) for given in self.played]).mean(0)


def beside(path: Path) -> Beside:
    """With the float64 runs made."""
    found = of_nir(path)
    played = tuple(random_input(found.floats, _SAMPLES, _STEPS, _RATE, seed) for seed in range(_SEEDS))
    return Beside(found, played, tuple(floats.run(found.floats, given) for given in played))


def _share(a: Bools, b: Bools) -> float:
    return float((a & b).sum() / (a | b).sum())


def agreement(name: str, both: Beside, data: Path) -> dict[str, Any]:
    """The row of one file."""
    ours = both.ours("fast", _SEEDS)
    lava, shares = both.ours("lava", 1)[0], both.shares(ours)
    hidden = both.layers[0]
    rate = lambda runs: np.mean([run[hidden].mean() for run in runs])  # noqa: E731
    recorded = [np.load(data / f"{file}.npy").mean() for file in RECORDED[name]]
    return {
        "file": f"{name}.nir",
        "neurons": sum(layer.size for layer in both.found.floats.layers if not layer.plays),
        "hidden": f"{shares[:, 0].mean():.4f} ({shares[:, 0].std(ddof=1):.4f})",
        "output": f"{shares[:, 1].mean():.4f} ({shares[:, 1].std(ddof=1):.4f})",
        "hidden rate: ours, float64, recorded": f"{rate(ours):.4f}, {rate(both.theirs):.4f}, {' and '.join(f'{r:.4f}' for r in recorded)}",
        "cells on Lava": sum(int(lava[layer].size) for layer in both.layers),
        "of them other than fast's": sum(int((lava[layer] != ours[0][layer]).sum()) for layer in both.layers),
    }


def lost(name: str, both: Beside) -> list[dict[str, Any]]:
    """Float64 runs in which one kind of number alone is rounded as ours are."""
    kinds = {"weights": _weights(both.found), "weights, on a grid twice as fine": _weights(both.found, 2), "decays": _decays(both.found)}
    kinds["biases, as if they were weights"] = _biases(both.found)
    rows = []
    for kind, changed in kinds.items():
        hidden, output = both.with_parts(changed)
        rows.append({"file": f"{name}.nir", "rounded": kind, "hidden": f"{hidden:.4f}", "output": f"{output:.4f}"})
    return rows


def _weights(found: Found, finer: int = 1) -> FloatNetwork:
    grids, ways = {m.layer.name: m.grid for m in found.made}, []
    for way in found.floats.ways:
        weights, units = way.weights.copy(), finer * np.repeat(grids[way.target].units, np.diff(way.weights.indptr))
        weights.data = np.rint(weights.data * units) / units
        ways.append(replace(way, weights=weights))
    return replace(found.floats, ways=tuple(ways))


def _decays(found: Found) -> FloatNetwork:
    kept = {m.layer.name: {"keep": m.grid.keep / arith.KEEP_ALL, "keep_u": m.grid.keep_u / arith.KEEP_ALL} for m in found.made}
    return replace(found.floats, layers=tuple(replace(a, **kept.get(a.name, {})) for a in found.floats.layers))


def _biases(found: Found) -> FloatNetwork:
    units = {m.layer.name: m.grid.units for m in found.made}
    changed = (a if a.steady_u is None else replace(a, steady_u=np.rint(a.steady_u * units[a.name]) / units[a.name]) for a in found.floats.layers)
    return replace(found.floats, layers=tuple(changed))


def integers(path: Path) -> dict[str, Any]:
    """A QONNX file's head, beside an evaluation of the file."""
    found = of_qonnx(path)
    x = np.random.default_rng(0).uniform(-1, 1, (_INPUTS, *found.graph.shape[1:])).astype(np.float32)
    last, program = found.products[-1], lower_network(found.network, found.timing)
    theirs = evaluate(found.graph, x, last.op.gives).reshape(len(x), -1)
    differ = {}
    for executor in ("fast", "lava"):
        read = arrays.run(program, found.encode(x), executor, How()).read["head"]
        differ[f"that differ on {executor}"] = int((found.sums(read) * last.unit * last.gain != theirs).sum())
    return {"file": path.name, "neurons": found.network.neurons(), "inputs": _INPUTS, "integers of the head": theirs.size, **differ}


def measure(data: Path) -> dict[str, dict[str, Any]]:
    """Three tables."""
    files = {name: beside(data / "nir" / f"{name}.nir") for name in RECORDED}
    how = f"random spikes at a rate of {_RATE}, {_SEEDS} seeds of {_SAMPLES} samples of {_STEPS} steps"
    remark = (
        f"Of the spikes of either run, lowered or float64, those in both: {how}; mean (standard deviation over seeds). Lava ran the first seed. "
        "What the authors recorded was on one sample of their own input."
    )
    return {
        "nir": {"title": "Published NIR files", "remark": remark, "rows": [agreement(n, both, data / "nir") for n, both in files.items()]},
        "nir-lost": {
            "title": "What is lost in them",
            "remark": "Float64 runs in which one kind of number alone is rounded to the grid, beside the plain one; input as above.",
            "rows": [row for n, both in files.items() for row in lost(n, both)],
        },
        "qonnx": {
            "title": "Published QONNX files",
            "remark": "Inputs uniform in -1..1; every integer of the last product beside an evaluation of the file.",
            "rows": [integers(path) for path in sorted((data / "qonnx").glob("*.onnx"))],
        },
    }


if __name__ == "__main__":
    write("interchange", measure(Path(sys.argv[1])))
