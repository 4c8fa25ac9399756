"""In which order populations see a window, and when. Harder graph questions are networkx's, which takes its time to import."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from tritspike.runtime.network.network import Network, Synapse

if TYPE_CHECKING:
    import networkx as nx


def graph(network: Network) -> nx.MultiDiGraph:
    """Populations and the synapses between them, each edge with its `delay`."""
    import networkx as nx

    found = nx.MultiDiGraph()
    found.add_nodes_from(p.name for p in network.populations)
    found.add_edges_from((s.source, s.target, s.name, {"delay": s.delay}) for s in network.synapses)
    return found


def undelayed(network: Network) -> nx.DiGraph:
    """Populations and the synapses that must be passed within one window."""
    import networkx as nx

    found = nx.DiGraph()
    found.add_nodes_from(p.name for p in network.populations)
    found.add_edges_from((s.source, s.target) for s in network.synapses if not s.delay)
    return found


def loop(network: Network) -> tuple[str, ...] | None:
    """Populations of a loop without delay, which no order could run; None where there is none."""
    import networkx as nx

    try:
        return tuple(source for source, _ in nx.find_cycle(undelayed(network)))
    except nx.NetworkXNoCycle:
        return None


def order(network: Network) -> tuple[str, ...]:
    """Every population behind those that it hears without delay; of several orders the one nearest to the network's own.

    Without those in a loop, and behind one, which there is none of (`loop`).
    """
    names, heard = [p.name for p in network.populations], _heard(network)
    rank, followers = {name: n for n, name in enumerate(names)}, _turned(heard)
    waits, found = {name: len(sources) for name, sources in heard.items()}, list[str]()
    ready = [rank[name] for name in names if not waits[name]]  # ascending, and so a heap
    while ready:
        found.append(names[heappop(ready)])
        for name in followers[found[-1]]:
            waits[name] -= 1
            if not waits[name]:
                heappush(ready, rank[name])
    return tuple(found)


def _heard(network: Network) -> dict[str, set[str]]:
    return {p.name: {s.source for s in network.inputs(p.name) if not s.delay} for p in network.populations}


def _turned(heard: dict[str, set[str]]) -> dict[str, list[str]]:
    """Who hears each, of whom each hears."""
    found: dict[str, list[str]] = {name: [] for name in heard}
    for name, sources in heard.items():
        for source in sources:
            found[source].append(name)
    return found


def latencies(network: Network, period: int = 0) -> dict[str, int]:
    """The longest way from a population that hears nothing, in synapses: each takes one step.

    period: of a stream, in which populations come late enough for what they hear of earlier tokens, too; a loop whose delay is shorter than its
    way has no such latencies, and is left as if nobody had to wait (`gap` then is negative).
    """
    least: dict[str, int] = {}
    first = found = _longest(network, least)
    for _ in network.populations if period else ():
        early = [s for s in network.synapses if s.delay and gap(s, found, period) < 0]
        if not early:
            return found
        for s in early:
            least[s.target] = max(least.get(s.target, 0), found[s.source] + 1 - s.delay * period)
        found = _longest(network, least)
    return first


def _longest(network: Network, least: dict[str, int]) -> dict[str, int]:
    """Of some at least so much."""
    found: dict[str, int] = {}
    for name in order(network):
        found[name] = max((found[s.source] + 1 for s in network.inputs(name) if not s.delay), default=0)
        found[name] = max(found[name], least.get(name, 0))
    return found


def gap(synapse: Synapse, latency: dict[str, int], period: int) -> int:
    """Steps that a spike must wait on the way beyond the one that a synapse takes; negative where a delay is too short for its loop."""
    return latency[synapse.target] + synapse.delay * period - latency[synapse.source] - 1


def components(network: Network) -> list[tuple[str, ...]]:
    """Populations that hear each other, delays included, together; in an order in which each group hears only those before it."""
    import networkx as nx

    full = nx.DiGraph(graph(network))
    groups = nx.condensation(full)
    rank = {p.name: n for n, p in enumerate(network.populations)}
    key = {n: min(rank[name] for name in groups.nodes[n]["members"]) for n in groups}
    sorted_groups = nx.lexicographical_topological_sort(groups, key=key.__getitem__)
    return [tuple(sorted(groups.nodes[n]["members"], key=rank.__getitem__)) for n in sorted_groups]
