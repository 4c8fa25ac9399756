"""A folded module as a network: its forward is called on symbols."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import torch
from torch import nn

from tritspike.models import spiking
from tritspike.models.nets.layer import Layer
from tritspike.models.nets.symbols import Blank, Writing
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import given
from tritspike.runtime.network.network import Network

SCALE = 224  # synaptic units in one threshold: gains of up to 127 resolve it to half a percent


def fold(module: nn.Module, scale: int | None = None) -> None:
    """Every layer of `module` computes in the chip's integers from here on; what is trained on is what a chip computes.

    scale: synaptic units in one threshold, one for all layers; by default the most up to 224 at which every gain and weight fits its register.
    Raises `InputError` where that was done before.
    """
    found = layers(module)
    if scale is not None:
        given.number(scale, "scale", 1, arith.VTH_LIMIT)
    if folded := [path for path, layer in found.items() if layer.scale is not None]:
        raise InputError(f"{folded[0]}: folded already", "one fold, and training that goes on in integers")
    chosen = min([SCALE, *_limits(module)]) if scale is None else scale
    for layer in found.values():
        layer.fold(max(chosen, 1))


@torch.no_grad()
def _limits(module: nn.Module) -> Iterator[int]:
    for part in module.modules():
        if isinstance(part, spiking.Synapses):
            yield int(arith.WEIGHT_LIMIT / part.affine()[0].abs().max())
        elif isinstance(part, spiking.Weight):
            yield int(spiking.SHARED_LIMIT / part())


def trace(module: nn.Module) -> Network:
    """The network of a folded module. Populations, ports and probes are named as the module names its layers.

    Raises `InputError` for a module that is not folded, and for what its forward does that is no layer, by name and line.
    """
    for path, layer in layers(module).items():
        if layer.scale is None:
            raise InputError(f"{path or type(module).__name__}: not folded", "fold(module), and train on in integers")
    writing = Writing()
    module(*(Blank(writing) for _ in range(_inputs(module))))
    return writing.net.network()


def layers(module: nn.Module) -> dict[str, Layer]:
    """By name, which each is told. Raises `InputError` where there are none."""
    if not isinstance(module, nn.Module):
        raise InputError(f"a module is needed, not {type(module).__name__}", "a torch.nn.Module of layers of tritspike.models.nets")
    found = {name: layer for name, layer in module.named_modules() if isinstance(layer, Layer)}
    if not found:
        raise InputError(f"{type(module).__name__} has no layers", "compose it of those in tritspike.models.nets")
    for path, layer in found.items():
        layer.name = path.removesuffix(".fires").removesuffix(".hears")  # as in `Neurons`, whose name its population has
    return found


def _inputs(module: nn.Module) -> int:
    """Of a forward: what it must be given."""
    given = inspect.signature(module.forward).parameters.values()
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in given)
