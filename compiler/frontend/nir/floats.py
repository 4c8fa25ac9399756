"""A graph in steps, still in floats: layers with what is left of each state in a step, and sparse weights between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.frontend.nir.nodes import Floats, Shape
from tritspike.compiler.frontend.nir.steps import Steps
from tritspike.runtime.network.network import Reads

if TYPE_CHECKING:
    import scipy.sparse as sp

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """u = keep_u u + x + steady_u;  v = keep v + u + steady;  s = v > threshold;  v = 0 where s. Arrays are (neurons,).

    x: what spikes bring, weights and gains in one. v counts from where it is reset. threshold None: it never fires, and v is read.
    floor: where v was reset to. shape: as the file has it. plays: it is an input.
    """

    name: str
    shape: Shape
    keep_u: Floats
    keep: Floats
    threshold: Floats | None = None
    steady_u: Floats | None = None
    steady: Floats | None = None
    floor: Floats | None = None
    plays: bool = False

    @property
    def size(self) -> int:
        """Neurons."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, eq=False, kw_only=True)
class Way:
    """x[t] of `target` has weights s[t - delay] of `source`. weights: (target neurons, source neurons)."""

    source: str
    target: str
    weights: sp.csr_matrix
    delay: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Read:
    """What an Output of the file is: of which layer, and its spikes or its membranes."""

    name: str
    layer: str
    reads: Reads


@dataclass(frozen=True, eq=False, kw_only=True)
class FloatNetwork:
    """Layers in an order in which each stands behind those that it hears without delay."""

    layers: tuple[Layer, ...]
    ways: tuple[Way, ...]
    read: tuple[Read, ...]
    steps: Steps
    notes: tuple[str, ...] = ()

    def into(self, name: str) -> list[Way]:
        """What a layer hears."""
        return [w for w in self.ways if w.target == name]


def run(network: FloatNetwork, spikes: dict[str, Bools]) -> dict[str, NDArray[Any]]:
    """In float64, step by step: by layer (samples, steps, neurons), its spikes, or its membranes where it never fires.

    spikes: by input layer, (samples, steps, neurons). Each sample begins with all states 0.
    """
    samples, count = next(iter(spikes.values())).shape[:2]
    out: dict[str, NDArray[Any]] = dict(spikes)
    states = {layer.name: np.zeros((2, samples, layer.size)) for layer in network.layers if not layer.plays}
    for layer in network.layers:
        if not layer.plays:
            out[layer.name] = np.zeros((samples, count, layer.size), np.bool_ if layer.threshold is not None else np.float64)
    for step in range(count):
        for layer in network.layers:
            if not layer.plays:
                out[layer.name][:, step] = _advance(layer, states[layer.name], _heard(network, layer, out, step))
    return out


def _heard(network: FloatNetwork, layer: Layer, out: dict[str, NDArray[Any]], step: int) -> Floats | float:
    """(samples, neurons)."""
    there = [w for w in network.into(layer.name) if step >= w.delay]
    found: Floats | float = 0.0
    for w in there:
        found = found + (w.weights @ out[w.source][:, step - w.delay].T.astype(np.float64)).T
    return found


def _advance(layer: Layer, state: Floats, x: Floats | float) -> NDArray[Any]:
    """(samples, neurons) spikes or membranes; state, (u and v, samples, neurons), is changed."""
    u, v = state
    u[:] = u * layer.keep_u + x + (0 if layer.steady_u is None else layer.steady_u)
    v[:] = v * layer.keep + u + (0 if layer.steady is None else layer.steady)
    if layer.threshold is None:
        return v
    fired = v > layer.threshold
    v[fired] = 0
    return fired
