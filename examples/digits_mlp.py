"""A spiking MLP on scikit-learn's digits: trained in torch, folded to integers, run on every executor: `python examples/digits_mlp.py`."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from tritspike import net as tn
from tritspike.models.nets import Dense, Input, Lif, Readout, first_difference, fit, fold, outcome, trace

STEPS = 8


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = Input(tn.Axis("pixel", 64))
        self.first, self.hidden = Dense(64, 128), Lif()
        self.second, self.deeper = Dense(128, 64), Lif()
        self.digit = Readout(64, 10)

    def forward(self, x):
        return self.digit(self.deeper(self.second(self.hidden(self.first(self.x(x))))))


def spikes(pictures, seed):
    """(steps, pictures, 64): a pixel fires as often as it is bright."""
    return torch.from_numpy(np.random.default_rng(seed).random((STEPS, *pictures.shape)) < pictures / 16)


def main(float_steps=400, integer_steps=100):
    torch.manual_seed(0)
    x, held, y, truth = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)
    model = Mlp()

    def loss(step):
        some = np.random.default_rng(step).integers(0, len(x), 64)
        return nn.functional.cross_entropy(model(spikes(x[some], step)), torch.from_numpy(y[some]))

    fit(model, loss, float_steps, 3e-3)
    fold(model)
    fit(model, loss, integer_steps, 1e-3)
    program = tn.lower(trace(model), tn.Windows(STEPS))
    played, ours = outcome(model, spikes(held, 1))
    differs = first_difference(ours, tn.run(program, played, record=True))
    accuracy = float((ours.read["digit"].argmax(1) == truth).mean())
    print(f"{program!r}: accuracy {accuracy:.4f} on {len(held)} digits that it was not trained on; the program differs from torch: {differs}")
    print(tn.verify(program, {name: some[:20] for name, some in played.items()}, executors=["fast", "lava"]))
    return accuracy, differs


if __name__ == "__main__":
    main()
