"""Scikit-learn's digits read row by row, by neurons that hear themselves a row ago and whose current lasts: `python examples/digits_recurrent.py`."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from tritspike import net as tn
from tritspike.models.nets import Dense, Input, Lif, Readout, Recurrent, fold, outcome, trace

ROWS = tn.Stream(steps=4, period=4, slot=8)  # a token is a row, a sequence is a digit
KEPT = tn.Resets.SEQUENCE


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.back, self.fires = Dense(96, 96), Lif(keep_u=3584, resets=KEPT)

    def forward(self, drive, past):
        return self.fires(drive + self.back(past))


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = Input(tn.Axis("pixel", 8), timing=ROWS)
        self.row, self.seen = Dense(8, 64), Lif()
        self.ahead, self.cell = Dense(64, 96), Recurrent(Cell(), 96)
        self.digit = Readout(96, 10)

    def forward(self, x):
        return self.digit(self.cell(self.ahead(self.seen(self.row(self.x(x))))))


def spikes(pictures, seed):
    """(steps, pictures, rows, 8): a pixel fires as often as it is bright."""
    rows = pictures.reshape(-1, 8, 8) / 16
    return torch.from_numpy(np.random.default_rng(seed).random((ROWS.steps, *rows.shape)) < rows)


def train(model, x, y, steps, rate):
    optimiser, rng = torch.optim.Adam(model.parameters(), rate), np.random.default_rng(0)
    for step in range(steps):
        some = rng.integers(0, len(x), 64)
        loss = nn.functional.cross_entropy(model(spikes(x[some], step))[:, -1], torch.from_numpy(y[some]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def main(float_steps=300, integer_steps=150):
    torch.manual_seed(0)
    x, held, y, truth = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)
    model = train(Reader().train(), x, y, float_steps, 1e-2)
    fold(model)
    train(model, x, y, integer_steps, 3e-3)
    program = tn.lower(trace(model), ROWS)
    played, ours = outcome(model, spikes(held, 1))
    read = tn.run(program, played).read["digit"]
    same = bool((ours.read["digit"] == read).all())
    accuracy = float((read.reshape(-1, 8, 10)[:, -1].argmax(1) == truth).mean())
    print(f"{program!r}: accuracy {accuracy:.4f}, equal {same}")
    return accuracy, same


if __name__ == "__main__":
    main()
