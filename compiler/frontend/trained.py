"""A checkpoint of version 3 (`runtime/host/trained.py`): its network is there already."""

from __future__ import annotations

from dataclasses import replace

from tritspike.compiler.errors import CompileError
from tritspike.runtime.host.program import Host
from tritspike.runtime.host.trained import Trained
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Network, Stream
from tritspike.runtime.network.terms import Handle, linear


def network(found: Trained, length: int | None = None) -> Network:
    """For texts of up to `length` tokens. Raises `CompileError` for a stream, which has no length, and for more than it was trained for."""
    if length is None:
        return found.network
    most = max((axis.size for p in found.network.populations for axis in p.grid if isinstance(axis, Axis) and axis.grows), default=0)
    if isinstance(found.timing, Stream) or not most:
        raise CompileError(f"length {length} of a stream, through which texts of any length flow", "no --length")
    require_length(length, most)
    return found.network.at_length(length)


def require_length(length: int | None, most: int) -> None:
    """Raises `CompileError`."""
    if length is not None and not 1 <= length <= most:
        raise CompileError(f"length {length} is outside 1..{most}, what the checkpoint's position table holds")


def on_chip(network: Network, host: Host) -> tuple[Network, Host]:
    """A language model's last product as synapses: membranes are read where the host would have counted spikes."""
    if host.head is None:
        return network, host
    last = network.by_name[network.probes[0].population]
    net = Net.of(replace(network, probes=()))
    over = list(grids.names(last.grid[-1:]))
    net.readout("readout", linear(Handle(last.name, last.grid), host.head, over=over, into="class"))
    return net.network(), replace(host, head=None)
