"""A spiking convolution on scikit-learn's digits, from torch to every executor: `python examples/digits_conv.py`."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from tritspike import net as tn
from tritspike.models.nets.layers import Conv, Flatten, Lif, Readout
from tritspike.models.nets.trace import fold, trace

STEPS = 8


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.seen = Conv(1, 8, 3, padding=1), Lif()
        self.second, self.parts = Conv(8, 16, 3, stride=2, padding=1), Lif()
        self.flat, self.digit = Flatten(), Readout(16 * 4 * 4, 10)

    def hidden(self, x):
        return self.flat(self.parts(self.second(self.seen(self.first(x)))))

    def forward(self, x):
        return self.digit(self.hidden(x))


def spikes(pictures, seed):
    """(steps, pictures, 8, 8, 1): a pixel fires as often as it is bright."""
    return torch.from_numpy(np.random.default_rng(seed).random((STEPS, *pictures.shape)) < pictures / 16).bfloat16().reshape(STEPS, -1, 8, 8, 1)


def train(model, x, y, steps, rate):
    optimiser, rng = torch.optim.Adam(model.parameters(), rate), np.random.default_rng(0)
    for step in range(steps):
        some = rng.integers(0, len(x), 64)
        loss = nn.functional.cross_entropy(model(spikes(x[some], step)), torch.from_numpy(y[some]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def main(float_steps=300, integer_steps=100):
    torch.manual_seed(0)
    x, held, y, truth = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)
    model = train(Net().train(), x, y, float_steps, 3e-3)
    fold(model)
    train(model, x, y, integer_steps, 1e-3)
    program = tn.lower(trace(model, tn.Axis("row", 8), tn.Axis("column", 8), tn.Axis("channel", 1)), tn.Windows(STEPS))
    shown = spikes(held, 1)
    played = {"x": shown.bool().numpy().swapaxes(0, 1)}
    read = tn.run(program, played).read["digit"]
    with torch.no_grad():
        same = bool((64 * model.digit.totals(model.hidden(shown)).numpy() == read).all())
    accuracy = float((read.argmax(1) == truth).mean())
    print(f"{program!r}: accuracy {accuracy:.4f} on {len(held)} digits that it was not trained on; torch's integers equal: {same}")
    print(tn.verify(program, {"x": played["x"][:20]}, executors=["fast", "lava"]))
    return accuracy, same


if __name__ == "__main__":
    main()
