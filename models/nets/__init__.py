"""Layers that a network of one's own is composed of, trained in torch, folded to the chip's integers, and traced to `runtime/network` records.

class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = nets.Input(tn.Axis("pixel", 64))
        self.first, self.hidden, self.digit = nets.Dense(64, 128), nets.Lif(), nets.Readout(128, 10)

    def forward(self, x):
        return self.digit(self.hidden(self.first(self.x(x))))

fit(model, loss, steps=400, rate=3e-3)
fold(model)                                          # integers from here on, and
fit(model, loss, steps=100, rate=1e-3)
program = tn.lower(trace(model), tn.Windows(8))
played, ours = outcome(model, spikes)                # what a host plays, and what torch computes
first_difference(ours, tn.run(program, played, record=True))         # None
"""

from tritspike.models.nets.attention import Both, Coincide, Cross, Gather
from tritspike.models.nets.fit import fit
from tritspike.models.nets.inputs import Embedding, Input
from tritspike.models.nets.layers import Dense, Lif, Skip
from tritspike.models.nets.neurons import Context, Neurons, Score, Sums, together
from tritspike.models.nets.outcome import outcome
from tritspike.models.nets.pictures import Conv, Pool
from tritspike.models.nets.readout import Count, Readout
from tritspike.models.nets.streams import Delay, Recurrent
from tritspike.models.nets.trace import SCALE, fold, trace
from tritspike.models.nets.traces import Trace
from tritspike.models.nets.values import Going, Texts
from tritspike.runtime.network.compare import first_difference

__all__ = [
    "SCALE",
    "Both",
    "Coincide",
    "Context",
    "Conv",
    "Count",
    "Cross",
    "Delay",
    "Dense",
    "Embedding",
    "Gather",
    "Going",
    "Input",
    "Lif",
    "Neurons",
    "Pool",
    "Readout",
    "Recurrent",
    "Score",
    "Skip",
    "Sums",
    "Texts",
    "Trace",
    "first_difference",
    "fit",
    "fold",
    "outcome",
    "together",
    "trace",
]
