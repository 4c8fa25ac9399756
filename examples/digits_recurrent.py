"""Digits read row by row by neurons that hear themselves a row ago and whose current lasts: `python examples/digits_recurrent.py`."""

import numpy as np
import torch
from sklearn import datasets, model_selection
from torch import nn

from tritspike import net as tn
from tritspike.models.nets import Dense, Input, Lif, Neurons, Readout, Recurrent, first_difference, fit, fold, outcome, trace

ROWS = tn.Stream(steps=4, period=4, slot=8)  # a token is a row, a sequence is a digit


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.back, self.fires = Dense(96, 96), Lif(keep_u=3584, resets=tn.Resets.SEQUENCE)

    def forward(self, drive, past):
        return self.fires(drive + self.back(past))


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = Input(tn.Axis("pixel", 8), timing=ROWS)
        self.row, self.ahead, self.cell, self.digit = Neurons(8, 64), Dense(64, 96), Recurrent(Cell(), 96), Readout(96, 10)

    def forward(self, x):
        return self.digit(self.cell(self.ahead(self.row(self.x(x)))))  # (digits, rows, 10)


def spikes(pictures, seed):
    """(steps, pictures, 8 rows, 8): a pixel fires as often as it is bright."""
    return torch.from_numpy(np.random.default_rng(seed).random((ROWS.steps, *pictures.shape)) < pictures / 16).unflatten(2, (8, 8))


def main(float_steps=300, integer_steps=100):
    torch.manual_seed(0)
    x, held, y, truth = model_selection.train_test_split(*datasets.load_digits(return_X_y=True), test_size=0.25, random_state=0)
    model = Reader()

    def loss(step):
        some = np.random.default_rng(step).integers(0, len(x), 64)  # the last row's answer is the digit's
        return nn.functional.cross_entropy(model(spikes(x[some], step))[:, -1], torch.from_numpy(y[some]))

    fit(model, loss, float_steps, 1e-2)
    fold(model)
    fit(model, loss, integer_steps, 3e-3)
    program = tn.lower(trace(model), ROWS)
    played, ours = outcome(model, spikes(held, 1))
    differs, few = first_difference(ours, tn.run(program, played, record=True)), {name: some[: 8 * 10] for name, some in played.items()}
    accuracy = float((ours.read["digit"][7::8].argmax(1) == truth).mean())
    print(f"{program!r}: accuracy {accuracy:.4f} on {len(held)} digits that it was not trained on; the program differs from torch: {differs}")
    print(tn.verify(program, few, executors=["fast", "lava"]), tn.on_cores(program, spikes=few))
    return accuracy, differs


if __name__ == "__main__":
    main()
