"""A module back from the network that it was traced to: in integers, to train on and to hold torch against the executors."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.layers import Dense
from tritspike.models.nets.neurons import Context, Neurons, Score, Sums
from tritspike.models.nets.readout import Readout
from tritspike.models.nets.trace import layers
from tritspike.models.nets.traces import Trace
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.network import Network, Population, Synapse
from tritspike.runtime.network.neuron import each, numbers
from tritspike.runtime.network.wiring import Dense as Matrix
from tritspike.runtime.network.wiring import Join, Sparse


@torch.no_grad()
def fill(module: nn.Module, network: Network) -> None:
    """Every `Neurons`, `Score`, `Context`, `Sums`, `Trace` and `Readout` of `module`, which is in floats, takes its registers from the population of
    its name.

    Raises `InputError` where there is none, or it is none that such a layer is traced to.
    """
    scale = _scale(module, network)
    for name, part in module.named_modules():
        if isinstance(part, Neurons | Score | Context | Sums | Trace):
            _vth(network, name)
            _fill(part, network, name, scale)
    for layer in layers(module).values():
        if isinstance(layer, Readout):
            _fill_readout(layer, network)
        if layer.scale is None:
            layer.scale = scale


def _scale(module: nn.Module, network: Network) -> int:
    found = {_vth(network, name) for name, part in module.named_modules() if isinstance(part, Neurons)}
    if len(found) != 1:
        raise InputError(f"populations have {len(found)} different thresholds", "one, which integers are trained with")
    return found.pop()


def _vth(network: Network, name: str) -> int:
    p = network.by_name.get(name)
    if p is None or p.neuron is None:
        raise InputError(f"no population {name!r}", "those of the network that was trained")
    return int(numbers(p.neuron.vth).min())


def _fill(part: nn.Module, network: Network, name: str, scale: int) -> None:
    p, inputs = network.by_name[name], network.inputs(name)
    if isinstance(part, Trace):
        _fill_trace(part, p, [s for s in inputs if isinstance(s.wiring, Sparse)])
    elif isinstance(part, Neurons):
        _fill_dense(part.hears, p, [s for s in inputs if isinstance(s.wiring, Matrix)], scale)
        if part.skip is not None:
            _fill_weight(part.skip.weight, _one(inputs, name), scale)
    else:
        assert isinstance(part, Score | Context | Sums)
        _fill_weight(part.hears.weight, _one(inputs, name), scale)


def _one(inputs: tuple[Synapse, ...], name: str) -> int:
    """The positive weight of the synapses that are all alike: masks inhibit."""
    found = [s.wiring.weight << s.exponent for s in inputs if isinstance(s.wiring, Join) and s.wiring.weight >= 0]
    if len(found) != 1:
        raise InputError(f"{name}: hears {len(found)} populations by one weight", "one")
    return found[0]


def _fill_dense(part: Dense, p: Population, heard: list[Synapse], scale: int) -> None:
    matrices = [s.wiring for s in heard if isinstance(s.wiring, Matrix)]
    codes = np.concatenate([m.codes for m in matrices], 1)
    if codes.shape != tuple(part.synapses.weight.shape) or any((m.gain != matrices[0].gain).any() for m in matrices):
        raise InputError(f"{p.name}: a matrix of {codes.shape}", f"{tuple(part.synapses.weight.shape)}, with one gain a row")
    synapses, bias = part.synapses, _biases(p)
    synapses.quantise = as_stored
    synapses.weight.copy_(torch.from_numpy(codes.astype(np.float32)))
    synapses.gain = nn.Parameter(torch.from_numpy(matrices[0].gain / scale).float())
    synapses.bias_grid = grid_of(bias)
    synapses.shift = nn.Parameter(torch.from_numpy(bias / (scale * arith.ONE)).float())
    synapses.scale = scale
    del synapses.norm


def _fill_readout(part: Readout, network: Network) -> None:
    _vth(network, part.name)
    matrices = [s.wiring.codes for s in network.inputs(part.name) if isinstance(s.wiring, Matrix)]
    if [codes.shape for codes in matrices] != [tuple(part.weight.shape)]:
        raise InputError(f"{part.name}: matrices of {[codes.shape for codes in matrices]}", f"one of {tuple(part.weight.shape)}")
    part.quantise = as_stored
    part.weight.copy_(torch.from_numpy(matrices[0].astype(np.float32)))


def _fill_trace(part: Trace, p: Population, heard: list[Synapse]) -> None:
    assert p.neuron is not None
    size = int(np.prod([axis.size for axis in part.axes]))
    vth = np.broadcast_to(each(p.neuron.vth, p.grid), size).reshape(len(part.keep_u), -1)[:, 0]
    part.scales, part.scale = vth.tolist(), int(vth.max())
    scale = part.every(part.scales)
    weights = [np.zeros(size, np.int64), np.zeros(size, np.int64)]
    for found, s in zip(weights, heard):
        assert isinstance(s.wiring, Sparse)
        found[s.wiring.rows] = s.wiring.weights
    part.gain, part.balance = (nn.Parameter(torch.from_numpy(found).float() / scale) for found in weights)
    part.shift = nn.Parameter(torch.from_numpy(_biases(p)).float() / (scale * arith.ONE))
    del part.norm


def _biases(p: Population) -> NDArray[np.int64]:
    """One a row, or a neuron of a trace."""
    assert p.neuron is not None
    if p.neuron.bias is None:
        return np.zeros(int(np.prod([axis.cells for axis in p.grid if not getattr(axis, "grows", False)])), np.int64)
    return numbers(p.neuron.bias.mantissa).reshape(-1) << p.neuron.bias.exponent


def as_stored(weight: Tensor) -> Tensor:
    """Codes that are there already."""
    return weight


def grid_of(bias: NDArray[np.int64]) -> int:
    """The coarsest power of two, up to 2^7, that all biases are multiples of."""
    common = int(np.gcd.reduce(bias)) or 1
    return min(common & -common, 1 << arith.BIAS_EXPONENT_LIMIT)


def _fill_weight(weight: spiking.Weight, value: int, scale: int) -> None:
    weight.log.fill_(math.log(value / scale) if value else -math.inf)
    weight.scale = scale
