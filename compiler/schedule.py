"""When each population sees a window; relays where a spike must wait."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from tritspike.compiler.errors import CompileError
from tritspike.runtime.network import order
from tritspike.runtime.network.network import Network, Population, Scheduled, Stream, Synapse, Timing, Windows
from tritspike.runtime.network.neuron import RELAY
from tritspike.runtime.network.terms import Handle, same

_WEIGHT = 2  # against vth = 1: the registers of a neuron that ANDs two spikes, so that one process or core configuration serves both


def schedule(network: Network, timing: Timing) -> Scheduled:
    """Every synapse takes one step: populations see a window after the longest way to them, and shorter ways lead through relays.

    Raises `CompileError` for a loop without delay, and for delays where windows are of different texts.
    """
    require_schedulable(network, timing)
    whole, latency = relayed(network, timing, latencies(network, timing))
    return Scheduled(network=whole, timing=timing, latency=latency)


def relayed(network: Network, timing: Timing, latency: dict[str, int]) -> tuple[Network, dict[str, int]]:
    """The network with relays, and everybody's latency."""
    waits: dict[str, int] = {}
    for s in network.synapses:
        waits[s.source] = max(waits.get(s.source, 0), _gap(s, latency, timing))
    relays = [r for p in network.populations for r in _relays(p, waits.get(p.name, 0))]
    ours = [replace(s, source=_tap(s, latency, timing), delay=0) for s in network.synapses]
    led = [s for p in network.populations for s in _leads(p, waits.get(p.name, 0))]
    theirs = {_name(p.name, n): latency[p.name] + 1 + n for p in network.populations for n in range(waits.get(p.name, 0))}
    return replace(network, populations=(*network.populations, *relays), synapses=(*ours, *led)), latency | theirs


def require_schedulable(network: Network, timing: Timing) -> None:
    """Raises `CompileError` for a loop without delay, and for delays where windows are of different texts."""
    if (loop := order.loop(network)) is not None:
        raise CompileError(f"{' -> '.join((*loop, loop[0]))}: a loop without delay", "delay=1 on one of its synapses")
    delayed = next((s for s in network.synapses if s.delay), None)
    if delayed is not None and isinstance(timing, Windows):
        what = f"{delayed.name}: a delay of {delayed.delay}, and windows that are of different texts"
        raise CompileError(what, "a stream, whose windows are tokens of one")


def latencies(network: Network, timing: Timing) -> dict[str, int]:
    """When each population sees a window."""
    return order.latencies(network, timing.period if isinstance(timing, Stream) else 0)


def _gap(s: Synapse, latency: dict[str, int], timing: Timing) -> int:
    found = order.gap(s, latency, timing.period)
    if found < 0:
        raise CompileError(
            f"{s.name}: a delay of {s.delay} times {timing.period} steps is shorter by {-found} than the way that it closes",
            f"a period of at least {timing.period - (found // s.delay)} steps",
        )
    return found


def _name(source: str, number: int) -> str:
    return f"{source}.relay.{number}"


def _tap(s: Synapse, latency: dict[str, int], timing: Timing) -> str:
    gap = _gap(s, latency, timing)
    return _name(s.source, gap - 1) if gap else s.source


def _relays(p: Population, count: int) -> list[Population]:
    return [Population(name=_name(p.name, n), grid=p.grid, neuron=RELAY) for n in range(count)]


def _leads(p: Population, count: int) -> list[Synapse]:
    """From a population into its first relay, and from each into the next."""
    wiring = same(Handle(p.name, p.grid), _WEIGHT).wiring
    stations = [p.name, *(_name(p.name, n) for n in range(count))]
    return [Synapse(name=f"{b}<{a}", source=a, target=b, wiring=wiring) for a, b in pairwise(stations)]
