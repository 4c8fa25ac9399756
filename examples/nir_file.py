"""scikit-learn's MLP as a NIR file, and the file as a program: floats in, integers on every executor: `python examples/nir_file.py`."""

import tempfile
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from tritspike import net as tn

DT, STEPS = 1e-3, 64


def graph(mlp, held):
    """Layers of integrate-and-fire cells that fire as often as scikit-learn's rectified units are strong, the strongest at each step."""
    nodes, given, before = {"in": nir.Input(np.array([64]))}, held, 1.0
    for n, (weight, bias) in enumerate(zip(mlp.coefs_, mlp.intercepts_)):
        drive = given @ (before * weight) + bias
        peak = np.quantile(drive, 0.999)
        nodes[f"w{n}"] = nir.Affine(before * weight.T / peak, bias / peak)
        nodes[f"if{n}"] = nir.IF(r=np.full(len(bias), 1 / DT), v_threshold=np.ones(len(bias)))
        given, before = np.clip(drive / peak, 0, 1), peak
    names = [*nodes, "out"]
    return nir.NIRGraph(nodes | {"out": nir.Output(np.array([10]))}, list(pairwise(names)))


def main(samples=450):
    x, held, y, truth = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)
    mlp = MLPClassifier((48,), max_iter=400, tol=1e-3, random_state=0).fit(x / 16, y)
    own = mlp.score(held / 16, truth)
    with tempfile.TemporaryDirectory() as folder:
        nir.write(path := Path(folder) / "digits.nir", graph(mlp, x / 16))
        found = tn.convert(path)
    print(*found.report, sep="\n")
    spikes = np.random.default_rng(0).random((samples, STEPS, 64)) < held[:samples, None] / 16
    counts = tn.play(found.program, {"in": spikes}).read["out"].sum(1)
    accuracy = float((counts.argmax(1) == truth[:samples]).mean())
    print(f"{found.program!r}: accuracy {accuracy:.3f}; scikit-learn's own, in floats: {own:.3f}")
    print(tn.verify(found.program, {"in": spikes[:3]}, executors=["fast", "lava"]))
    return accuracy, own


if __name__ == "__main__":
    main()
