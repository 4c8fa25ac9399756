"""What a module's neurons fire while it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from tritspike.models.nets.inputs import FromHost
from tritspike.models.nets.language import Head
from tritspike.models.nets.layer import Layer
from tritspike.models.nets.layers import Lif
from tritspike.models.nets.readout import Count, Readout
from tritspike.models.nets.trace import layers
from tritspike.models.nets.traces import Trace
from tritspike.models.nets.values import Spikes

FIRING, READ = (FromHost, Lif, Trace), (Readout, Count, Head)


def heard_of(module: nn.Module) -> dict[str, Layer]:
    """By name, the layers that fire and those that are read."""
    return {layer.name: layer for layer in layers(module).values() if isinstance(layer, FIRING + READ)}


@contextmanager
def listening(found: dict[str, Layer]) -> Iterator[dict[str, list[Spikes]]]:
    """What fires, and what is heard by what is read: by layer, each time that it is called."""
    seen: dict[str, list[Spikes]] = {}

    def keep(layer: Any, heard: Any, out: Any) -> None:
        seen.setdefault(layer.name, []).append(out if isinstance(out, Spikes) else heard[0])

    with _hooked(found, keep):
        yield seen


@contextmanager
def firing(module: nn.Module) -> Iterator[dict[str, Spikes]]:
    """What all that fires does at the module's last call, by name."""
    seen: dict[str, Spikes] = {}

    def keep(layer: Any, heard: Any, out: Spikes) -> None:
        seen[layer.name] = out

    with _hooked({name: layer for name, layer in heard_of(module).items() if isinstance(layer, FIRING)}, keep):
        yield seen


@contextmanager
def _hooked(found: dict[str, Layer], keep: Any) -> Iterator[None]:
    hooks = [layer.register_forward_hook(keep) for layer in found.values()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
