"""Memory without end: neurons whose current is an exponential average of their input, over tokens.

    u = lam u + 64 (g s + w);   v = keep v + u + bias;   a spike above the threshold, then v = 0, and u stays

Each hears one neuron, an event, by a weight g of its own, and in each step with input a constant w, which takes the mean away: what is left is
how much more often than usual the event came of late. The mean enters the current, not the membrane, so that both begin at nothing together.
Groups of neurons have time constants of their own. (Memory by averages in spiking language models, in floats: SpikingSSM, arXiv 2408.14909;
SPikE-SSM, 2410.17268. Here it is the stock neuron's own current.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritspike.models.nets import scan
from tritspike.models.nets.layer import Layer, integers
from tritspike.models.nets.norms import watched
from tritspike.models.nets.symbols import There, line
from tritspike.models.nets.values import Run, Spikes, extents
from tritspike.models.sizes import keep_of
from tritspike.models.spiking import straight
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Stream
from tritspike.runtime.network.neuron import Resets, Values
from tritspike.runtime.network.terms import shown, sparse

_DEAD = 0.01  # added to the variance of an event before it is divided by: one that hardly ever comes is no division by zero
_ROOM = 0.75  # of what bias, weight and current hold at the fold: training in integers may use the rest


class Trace(Layer):
    """Averages of what it hears, over axes of which the first has a cell for each of `tokens`: time constants, in tokens.

    timing: of the stream. keep: of the membrane. In floats the average of steady events is 1; batch statistics are those of the events.
    """

    lasts: Tensor
    louder: Tensor

    def __init__(self, axes: tuple[Axis, ...], tokens: Sequence[float], timing: Stream, keep: int = 3072) -> None:
        super().__init__()
        if axes[0].size != len(tokens):
            raise InputError(f"{len(tokens)} time constants of neurons over {shown(axes)}", f"{axes[0].size}, one for each {axes[0].name}")
        self.axes, self.timing, self.keep, self.resets = axes, timing, keep, Resets.SEQUENCE
        self.each = int(np.prod(extents(axes)[1:]))
        self.keep_u = [keep_of(n, timing.period) for n in tokens]
        lam = np.repeat(self.keep_u, self.each) / arith.KEEP_ALL
        token = lam**timing.period
        self._holds("lasts", timing.steps / timing.period / (1 - lam))  # what steady events of weight 1 add up to
        self._holds("louder", np.sqrt((1 + token) / (1 - token)))  # an average of tokens varies less than one of them
        self.norm = nn.BatchNorm1d(len(lam), eps=_DEAD, momentum=0.02)
        self.scales: list[int] | None = None  # thresholds in synaptic units, one a time constant

    def _holds(self, name: str, values: NDArray[np.float64]) -> None:
        """Constants that go where the module goes, and into no checkpoint."""
        self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)

    def computed(self, x: Spikes) -> Spikes:
        """Over the same axes."""
        self._require(x)
        flat, run = x.tensor.flatten(2).float(), x.run
        gain, balance, bias = self._registers() if self.scale is not None else self._floats(flat, run)
        drive = run.hushed(flat * gain + balance)
        spikes, after = scan.scan(drive, bias, self._rule(run), self.scale is not None, None if run.kept is None else run.kept.get(self))
        if run.kept is not None:
            run.kept[self] = after
        return Spikes(spikes.view(x.tensor.shape), x.grid, run, False)

    def _require(self, x: Spikes) -> None:
        if x.grid != self.axes or x.run.timing != self.timing:
            what = f"{line()}: {self.name} hears {shown(x.grid)} in {x.run.timing}"
            raise InputError(what, f"spikes over {shown(self.axes)} in {self.timing}, as it was made for")
        if not x.quiet:
            raise InputError(f"{line()}: {self.name} hears neurons that fire in steps without input", "neurons that begin each token at rest")

    def _floats(self, spikes: Tensor | None, run: Run | None) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, constant and bias a neuron, in thresholds; by the statistics of these spikes while it is trained."""
        mean, var = self.norm.running_mean, self.norm.running_var
        if self.training and spikes is not None and run is not None:
            mean, var = self._statistics(spikes.unflatten(0, (-1, run.frame))[:, : run.timing.steps])
        assert mean is not None and var is not None
        gain = self.norm.weight * self.louder / (var + self.norm.eps).sqrt() / self.lasts
        return gain, -gain * mean, self.norm.bias

    def _statistics(self, spikes: Tensor) -> tuple[Tensor, Tensor]:
        flat = spikes.detach().flatten(0, 2)
        mean = watched(self.norm, flat)
        return mean, mean - mean.square()

    def _rule(self, run: Run) -> scan.Registers:
        keep_u = np.repeat(np.array(self.keep_u, np.int64), self.each)
        if self.scales is None:
            threshold: Any = np.ones(len(keep_u), np.float32)
        else:
            threshold = np.repeat(np.array(self.scales, np.int64), self.each) << arith.INPUT_SHIFT
        return scan.Registers(self.keep, keep_u, threshold, run.frame, run.timing.period, run.begins)

    def fold(self, scale: int) -> None:
        """From here on integers, at a scale of its own for each time constant: a current that lasts leaves little room for its input."""
        with torch.no_grad():
            gain, balance, bias = self._floats(None, None)
            self.gain, self.balance, self.shift = (nn.Parameter(part.clone()) for part in (gain, balance, bias))
            mean = self.norm.running_mean
            assert mean is not None
            self.scale, self.scales = scale, [self._limit(n) for n in range(len(self.keep_u))]
            del self.norm
            weights = [part / arith.ONE / self.every(self.scales) for part in self._registers()[:2]]
            self.shift.sub_((weights[0] * mean + weights[1]) * self.lasts)  # what rounding has left of the mean

    def _limit(self, group: int) -> int:
        """The largest threshold, in synaptic units, at which registers hold the group's numbers and no input makes its current wrap."""
        own = slice(group * self.each, (group + 1) * self.each)
        gain, balance, shift = (part.detach()[own] for part in (self.gain, self.balance, self.shift))
        most = max(float((side * gain).relu().add((side * balance).relu()).max()) for side in (1, -1))
        bias = (arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT) / arith.ONE / (float(shift.abs().max()) + 1e-9)
        return max(1, int(min(_ROOM * _within(self.keep_u[group]) / (most + 1e-9), _ROOM * bias, arith.VTH_LIMIT)))

    def every(self, groups: Sequence[int]) -> Tensor:
        """One a neuron of one a group."""
        return torch.tensor(groups, dtype=torch.float32, device=self.lasts.device).repeat_interleave(self.each)

    def _registers(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, constant and bias a neuron in 1/64 synaptic units, integer-valued float32; gradients straight through."""
        assert self.scales is not None
        scale, within = self.every(self.scales), self.every([_within(keep_u) for keep_u in self.keep_u])
        gain = _rounded(self.gain * scale, -within, within)
        given = gain.detach()
        balance = _rounded(self.balance * scale, (-given).relu() - within, within - given.relu())
        return gain * arith.ONE, balance * arith.ONE, scan.register(self.shift * (scale * arith.ONE))

    def written(self, x: There) -> There:
        """A population over the same axes."""
        assert self.scales is not None
        gain, balance, bias = (integers(part) for part in self._registers())
        n = np.arange(len(gain))
        events = sparse(x.handle, n, n, gain >> arith.INPUT_SHIFT, self.axes)
        hears = events + sparse(x.writing.active(), n, 0 * n, balance >> arith.INPUT_SHIFT, self.axes)
        keep_u, vth = (Values((self.axes[0].name,), np.array(some, np.int64)) for some in (self.keep_u, self.scales))
        shaped = bias.reshape(extents(self.axes))
        made = x.writing.net.lif(self.name, hears, keep=self.keep, vth=vth, bias=shaped, keep_u=keep_u, resets=self.resets)
        x.writing.living.add(self.name)
        return There(x.writing, made)


def _within(keep_u: int) -> int:
    """The most synaptic units a step, for ever, that a current holds which keeps so much (`runtime/network/ranges.py`), and a weight."""
    return int(min((arith.A_LIMIT - 1) * (arith.KEEP_ALL - keep_u) // arith.KEEP_ALL, arith.WEIGHT_LIMIT))


def _rounded(value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Nearest whole numbers within bounds, gradients straight through and zero where clipped."""
    within = torch.minimum(torch.maximum(value, low), high)
    return straight(within, within.round())
