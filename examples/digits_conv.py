"""A spiking convolution on scikit-learn's digits, from torch to every executor: `python examples/digits_conv.py`."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from tritspike import net as tn
from tritspike.models.nets import Conv, Input, Lif, Readout, first_difference, fit, fold, outcome, trace

STEPS = 8


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = Input(tn.Axis("row", 8), tn.Axis("column", 8), tn.Axis("channel", 1))
        self.first, self.seen = Conv(1, 8, 3, padding=1), Lif()
        self.second, self.parts = Conv(8, 16, 3, stride=2, padding=1), Lif()
        self.digit = Readout(16 * 4 * 4, 10)

    def forward(self, x):
        return self.digit(self.parts(self.second(self.seen(self.first(self.x(x))))))


def spikes(pictures, seed):
    """(steps, pictures, 8, 8, 1): a pixel fires as often as it is bright."""
    return torch.from_numpy(np.random.default_rng(seed).random((STEPS, *pictures.shape)) < pictures / 16).unflatten(2, (8, 8, 1))


def main(float_steps=300, integer_steps=100):
    torch.manual_seed(0)
    x, held, y, truth = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)
    model = Net()

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
