"""Layers: each computes on tensors (steps, windows, channels ...) in either phase of training, and on symbols writes itself down.

Spikes are bfloat16 0 and 1; drives are float32, in thresholds before `fold` and in the chip's 1/64 synaptic units after it (`models/spiking.py`).
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import torch
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.symbols import Drive, Spikes, drive
from tritspike.models.spiking import QUANTISERS, head_product
from tritspike.runtime import arith
from tritspike.runtime.network.terms import conv2d, linear, same


class Layer(nn.Module):
    """fold: from here on integers, `scale` synaptic units in one threshold. name: of its population, as the module calls it (`trace.py`)."""

    name = ""
    scale: int | None = None

    def fold(self, scale: int) -> None:
        """From here on integers."""
        self.scale = scale


class Dense(Layer):
    """W s and a batch norm, which folds to a gain and a bias a row: the drive of `rows` neurons from the last axis of what it hears."""

    def __init__(self, columns: int, rows: int, weights: str = "ternary") -> None:
        super().__init__()
        self.synapses = spiking.Synapses(columns, rows, weights)

    def fold(self, scale: int) -> None:
        """From here on integers."""
        super().fold(scale)
        self.synapses.fold(scale)

    @overload
    def forward(self, spikes: Tensor) -> Tensor: ...
    @overload
    def forward(self, spikes: Spikes) -> Drive: ...
    def forward(self, spikes: Any) -> Any:
        """(T, N, columns) -> (T, N, rows)."""
        if isinstance(spikes, Spikes):
            codes, gain, bias = _integers(self.synapses)
            return drive(spikes, linear(spikes.handle, codes, gain), bias)
        return self.synapses(spikes)


class Conv(Layer):
    """A convolution of `size` x `size` places and a batch norm a channel; weights as in `Dense`. Channels are the last axis, as on the chip."""

    def __init__(self, channels: int, out: int, size: int, stride: int = 1, padding: int = 0, weights: str = "ternary") -> None:
        super().__init__()
        self.synapses = spiking.Synapses(channels * size * size, out, weights)
        self.channels, self.size, self.stride, self.padding = channels, size, stride, padding

    def fold(self, scale: int) -> None:
        """From here on integers."""
        super().fold(scale)
        self.synapses.fold(scale)

    def forward(self, spikes: Any) -> Any:
        """(T, N, rows, columns, channels) -> (T, N, rows', columns', out)."""
        if isinstance(spikes, Spikes):
            codes, gain, bias = _integers(self.synapses)
            kernel = codes.reshape(len(codes), self.channels, self.size, self.size)
            return drive(spikes, conv2d(spikes.handle, kernel, gain, stride=self.stride, padding=self.padding), bias)
        steps, windows, *place, channels = spikes.shape
        pictures = spikes.reshape(-1, *place, channels).permute(0, 3, 1, 2).float()
        patches = nn.functional.unfold(pictures, self.size, padding=self.padding, stride=self.stride)  # (T * N, channels * size^2, places)
        out = [(side + 2 * self.padding - self.size) // self.stride + 1 for side in place]
        drives = self.synapses(patches.transpose(1, 2).reshape(1, -1, patches.shape[1]))
        return drives.view(steps, windows, *out, -1)


class Skip(Layer):
    """One learned positive weight from each neuron to its like."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.weight = spiking.Weight(start)

    def fold(self, scale: int) -> None:
        """From here on an integer."""
        super().fold(scale)
        self.weight.fold(scale)

    def forward(self, spikes: Any) -> Any:
        """(T, N, ...) -> the same shape."""
        if isinstance(spikes, Spikes):
            mantissa, exponent = arith.mantissa_exponent(self.weight.integer())
            return drive(spikes, same(spikes.handle, mantissa).scaled(exponent))
        return spikes.float() * self.weight()


class Lif(Layer):
    """Neurons that hear a drive: v = trunc(v * keep / 4096) + drive, a spike above the threshold, then 0. Rest at the begin of each window."""

    def __init__(self, keep: int = 3072) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, heard: Any) -> Any:
        """(T, N, ...) drive -> (T, N, ...) spikes."""
        if isinstance(heard, Drive):
            assert self.scale is not None
            return Spikes(heard.net, heard.net.lif(self.name, heard.terms, keep=self.keep, vth=self.scale, bias=heard.bias))
        return spiking.lif(heard, self.keep, self.scale)


class Flatten(Layer):
    """Every place of a picture and every channel as one axis, in the order of the chip's neurons: no neurons of its own."""

    def forward(self, spikes: Any) -> Any:
        """(T, N, ...) -> (T, N, channels); a network's `Dense` after it hears all axes, so that nothing need be written down."""
        return spikes if isinstance(spikes, Spikes) else spikes.flatten(2)


class Readout(Layer):
    """Logits: spikes of all steps by ternary weights, summed up in membranes that never fire. Linear, so that it needs no batch norm."""

    def __init__(self, columns: int, classes: int, weights: str = "ternary") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, columns) / columns**0.5)
        self.quantise = QUANTISERS[weights]
        self.unit = nn.Parameter(torch.tensor(0.1))  # of a logit in counts; a scale alone, which changes no answer

    def codes(self) -> Tensor:
        """(classes, columns) in {-1, 0, 1}."""
        return self.quantise(self.weight)

    def forward(self, spikes: Any) -> Any:
        """(T, N, columns) -> (N, classes)."""
        if isinstance(spikes, Spikes):
            return spikes.net.readout(self.name, linear(spikes.handle, self.codes().detach().numpy().astype(np.int64), into="class"))
        return self.totals(spikes) * self.unit

    def totals(self, spikes: Tensor) -> Tensor:
        """(N, classes) sums in synaptic units: whole numbers, exact in float32, a 64th of the membranes that a chip reads."""
        return head_product(spikes.float().sum(0), self.codes())


def _integers(synapses: spiking.Synapses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(codes, gain, bias) of folded synapses."""
    gain, bias = synapses.registers()
    return tuple(t.detach().numpy().astype(np.int64) for t in (synapses.codes(), gain, bias))  # type: ignore[return-value]
