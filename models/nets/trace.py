"""A folded module as a network: its forward is called on symbols."""

from __future__ import annotations

from torch import nn

from tritspike.models.nets.layers import Layer
from tritspike.models.nets.symbols import Spikes
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Network

SCALE = 224  # synaptic units in one threshold: gains of up to 127 resolve it to half a percent


def fold(module: nn.Module, scale: int = SCALE) -> None:
    """Every layer of `module` computes in the chip's integers from here on; what is trained on is what a chip computes."""
    for layer in _layers(module).values():
        layer.fold(scale)


def trace(module: nn.Module, *axes: Axis, name: str = "x") -> Network:
    """The network of a folded module that hears one population over `axes`. Populations are named as the module names its layers.

    Raises `InputError` for a module that is not folded, and for what its forward does that is no layer, by name and line.
    """
    layers = _layers(module)
    for path, layer in layers.items():
        if layer.scale is None:
            raise InputError(f"{path or type(module).__name__}: not folded", "fold(module), and train on in integers")
        layer.name = path
    net = Net()
    module(Spikes(net, net.input(name, *axes)))
    return net.network()


def _layers(module: nn.Module) -> dict[str, Layer]:
    found = {name: layer for name, layer in module.named_modules() if isinstance(layer, Layer)}
    if not found:
        raise InputError(f"{type(module).__name__} has no layers", "compose it of those in tritspike.models.nets.layers")
    return found
