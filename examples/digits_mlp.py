"""A spiking MLP on scikit-learn's digits: trained in torch, folded to integers, run on every executor: `python examples/digits_mlp.py`."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from tritspike import net as tn
from tritspike.models.nets.layers import Dense, Lif, Readout
from tritspike.models.nets.trace import fold, trace

STEPS = 8


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.hidden = Dense(64, 128), Lif()
        self.second, self.deeper = Dense(128, 64), Lif()
        self.digit = Readout(64, 10)

    def forward(self, x):
        return self.digit(self.deeper(self.second(self.hidden(self.first(x)))))


def spikes(pictures, seed):
    """(steps, pictures, 64): a pixel fires as often as it is bright."""
    return torch.from_numpy(np.random.default_rng(seed).random((STEPS, *pictures.shape)) < pictures / 16).bfloat16()


def train(model, x, y, steps, rate):
    optimiser, rng = torch.optim.Adam(model.parameters(), rate), np.random.default_rng(0)
    for step in range(steps):
        some = rng.integers(0, len(x), 64)
        loss = nn.functional.cross_entropy(model(spikes(x[some], step)), torch.from_numpy(y[some]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def main(float_steps=400, integer_steps=100):
    torch.manual_seed(0)
    x, held, y, truth = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)
    model = train(Mlp().train(), x, y, float_steps, 3e-3)
    fold(model)
    train(model, x, y, integer_steps, 1e-3)
    program = tn.lower(trace(model, tn.Axis("pixel", 64)), tn.Windows(STEPS))
    shown = spikes(held, 1)
    played = {"x": shown.bool().numpy().swapaxes(0, 1)}
    read = tn.run(program, played).read["digit"]
    with torch.no_grad():
        same = bool((64 * model.digit.totals(model.deeper(model.second(model.hidden(model.first(shown))))).numpy() == read).all())
    accuracy = float((read.argmax(1) == truth).mean())
    print(f"{program!r}: accuracy {accuracy:.4f} on {len(held)} digits that it was not trained on; torch's integers equal: {same}")
    print(tn.verify(program, {"x": played["x"][:20]}, executors=["fast", "lava"]))
    return accuracy, same


if __name__ == "__main__":
    main()
