"""NIR graphs as float networks in steps: what leads from neurons to neurons becomes one sparse matrix a delay."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.nir.cells import any_of, in_steps, steady_parts
from tritspike.compiler.frontend.nir.floats import FloatNetwork, Layer, Read, Way
from tritspike.compiler.frontend.nir.matrices import Unfit, matrix, shape_behind
from tritspike.compiler.frontend.nir.nodes import Cell, Delay, End, Floats, Graph, Node, Shape
from tritspike.compiler.frontend.nir.ordering import ordered
from tritspike.compiler.frontend.nir.steps import Steps
from tritspike.compiler.frontend.nir.unsaid import unsaid
from tritspike.hw_profiles.errors import Finding, listed
from tritspike.runtime.network.network import Reads
from tritspike.runtime.network.wiring.judged import MOST_NEURONS

if TYPE_CHECKING:
    import scipy.sparse as sp

MOST_DELAY = 1000  # steps: each takes a relay for every neuron
_LONGEST_WAY = 200  # nodes
_OFF_GRID = 1e-3  # of a step


@dataclass(frozen=True, eq=False)
class Signal:
    """What a node gives: of each layer and delay, weights on its spikes; and what it adds besides. shape: of the numbers."""

    shape: Shape
    parts: dict[tuple[str, int], sp.csr_matrix] = field(default_factory=dict)
    constant: Floats | None = None


def discretise(graph: Graph, steps: Steps) -> FloatNetwork:
    """Raises `CompileError` with everything that it refuses."""
    found = _Discretised(graph, steps)
    network = found.network()
    if found.findings:
        raise CompileError(listed(dict.fromkeys(found.findings)))
    assert network is not None
    return network


class _Discretised:
    """One graph's, with findings as they come."""

    def __init__(self, graph: Graph, steps: Steps) -> None:
        self.graph, self.steps, self.findings = graph, steps, list[Finding]()
        self.notes: list[str] = []
        self.shapes: dict[str, Shape] = {}
        self.signals: dict[str, Signal] = {}
        self.sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
        self.targets: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for a, b in graph.edges:
            self.sources[b].append(a)
            self.targets[a].append(b)

    def refuse(self, where: str, what: str, found: object, allowed: object) -> None:
        """One more."""
        self.findings.append(Finding(where, what, found, allowed))

    def network(self) -> FloatNetwork | None:
        """None where something was refused: later questions are asked only where earlier ones were answered."""
        for question in (self._connected, self._cells, self._shaped, self._weighed):
            question()
            if self.findings:
                return None
        layers, ways = [], list[Way]()
        for node in self.graph.nodes.values():
            if _is_layer(node):
                layer, its = self._layer(node)
                layers.append(layer)
                ways += its
        read = [self._output(node, layers, ways) for node in self.graph.nodes.values() if isinstance(node, End) and _is_output(node)]
        if self.findings:
            return None
        if not self.steps.ours:
            self.notes += unsaid(node for node in self.graph.nodes.values() if isinstance(node, Cell))
        return ordered(layers, ways, tuple(read), self.steps, tuple(self.notes))

    def _connected(self) -> None:
        for name, node in self.graph.nodes.items():
            outer = isinstance(node, End) and not node.inner
            if not self.targets[name] and not (outer and node.kind == "Output"):
                self.refuse(name, "nodes that hear it", "none", "at least one: leave it out, or join it")
            if not self.sources[name] and not (outer and node.kind == "Input"):
                self.refuse(name, "nodes that it hears", "none", "at least one: leave it out, or join it")
        kinds = [node.kind for node in self.graph.nodes.values() if isinstance(node, End) and not node.inner]
        for kind in ("Input", "Output"):
            if kind not in kinds:
                self.refuse("the graph", f"nodes of kind {kind}", "none", "at least one")

    def _cells(self) -> None:
        """What neurons a chip has not."""
        for cell in (node for node in self.graph.nodes.values() if isinstance(node, Cell)):
            if cell.threshold is None and any(not self._reads(name) for name in self.targets[cell.name]):
                self.refuse(cell.name, f"{cell.kind} before {', '.join(self.targets[cell.name])}", "a graded value", "only before an Output: spikes")
            if cell.threshold is not None and (above := np.subtract(cell.threshold, cell.reset)).min() < 0:
                self.refuse(cell.name, "threshold above where the membrane is reset", f"{above.min():g}", "0 or more")
            if cell.tau_mem is not None and (self.steps.kept(cell.tau_mem) < 0).any():
                self.refuse(cell.name, "tau", f"{cell.tau_mem.min():g} s", f"at least a step, {self.steps.dt:g} s, in euler")
            if cell.tau_syn is not None and (self.steps.kept(cell.tau_syn) < 0).any():
                self.refuse(cell.name, "tau_syn", f"{cell.tau_syn.min():g} s", f"at least a step, {self.steps.dt:g} s, in euler")
            if cell.remembers and cell.threshold is not None and cell.reset.any():
                self.notes.append(f"{cell.name}: the membrane begins where it is reset to, {cell.reset.min():g}..{cell.reset.max():g}")

    def _reads(self, name: str) -> bool:
        node = self.graph.nodes[name]
        return isinstance(node, End) and node.kind == "Output" and (not node.inner or all(self._reads(t) for t in self.targets[name]))

    def _shaped(self) -> None:
        """Shapes spread from the inputs; what leads in circles through weights alone never gets one."""
        waiting = [name for name, node in self.graph.nodes.items() if isinstance(node, End) and not node.inner and node.kind == "Input"]
        while waiting:
            name = waiting.pop()
            if name in self.shapes:
                continue
            try:
                self.shapes[name] = self._shape(self.graph.nodes[name])
            except Unfit as unfit:
                self.findings.append(unfit.finding)
                return
            if int(np.prod(self.shapes[name])) > MOST_NEURONS:
                self.refuse(name, "numbers", f"{self.shapes[name]}", f"up to {MOST_NEURONS:,}")
                return
            waiting += self.targets[name]
        for name in self.graph.nodes.keys() - self.shapes.keys():
            self.refuse(name, "its way from an Input", "none", "one")

    def _shape(self, node: Node) -> Shape:
        """The first that is heard decides; `_weighed` holds the others against it."""
        known = [self.shapes[s] for s in self.sources[node.name] if s in self.shapes]
        if isinstance(node, End):
            return self._end_shape(node, known)
        if isinstance(node, Cell) and int(np.prod(node.shape)) > 1:
            return node.shape
        return shape_behind(node, known[0])

    def _end_shape(self, node: End, known: list[Shape]) -> Shape:
        """What is declared inside counts for nothing where something else comes: published files declare wrongly."""
        if not known:
            return node.shape
        if int(np.prod(known[0])) != int(np.prod(node.shape)):
            if not node.inner:
                raise Unfit(node, "numbers that it hears", int(np.prod(known[0])), f"{int(np.prod(node.shape))}, as it declares")
            self.notes.append(f"{node.name}: declares shape {node.shape}, and hears {known[0]}: what it hears is taken")
        return known[0]

    def _weighed(self) -> None:
        for name, node in self.graph.nodes.items():
            if _is_layer(node) or (isinstance(node, End) and _is_output(node)):
                self._heard(name)

    def _heard(self, name: str) -> Signal:
        """The sum of what leads into a node."""
        total = Signal(())
        for source in self.sources[name]:
            total = self._added(name, total, self._signal(source, (name,)))
        return total

    def _signal(self, name: str, way: tuple[str, ...]) -> Signal:
        """What a node gives. way: where it is asked from: one that asks for itself is in a circle of weights alone."""
        if name in self.signals:
            return self.signals[name]
        node = self.graph.nodes[name]
        if _is_layer(node):
            found = self._spikes(name)
        elif name in way or len(way) > _LONGEST_WAY:
            self._refuse_circle(name, way)
            return Signal(self.shapes[name])
        else:
            heard = Signal(())
            for source in self.sources[name]:
                heard = self._added(name, heard, self._signal(source, (*way, name)))
            found = self._through(node, heard)
        self.signals[name] = found
        return found

    def _refuse_circle(self, name: str, way: tuple[str, ...]) -> None:
        if self.findings:
            return
        if name in way:
            self.refuse(name, "its circle", "without a neuron in it", "neurons, whose spikes take a step")
        else:
            self.refuse(name, "nodes without a neuron between them", f"more than {_LONGEST_WAY}", f"up to {_LONGEST_WAY}")

    def _spikes(self, name: str) -> Signal:
        import scipy.sparse as sp

        return Signal(self.shapes[name], {(name, 0): sp.identity(int(np.prod(self.shapes[name])), format="csr")})

    def _added(self, name: str, total: Signal, more: Signal) -> Signal:
        if not total.shape:
            return more
        if int(np.prod(total.shape)) != int(np.prod(more.shape)):
            self.refuse(name, "what it hears", f"of shapes {total.shape} and {more.shape}", "one shape")
            return total
        parts = dict(total.parts)
        for key, weights in more.parts.items():
            parts[key] = parts[key] + weights if key in parts else weights
        return Signal(total.shape, parts, _together(total.constant, more.constant))

    def _through(self, node: Node, heard: Signal) -> Signal:
        """Behind one node that only weighs, waits or passes on."""
        if self.findings:
            return heard
        if isinstance(node, Delay):
            return self._delayed(node, heard)
        try:
            shape = shape_behind(node, heard.shape)
            weights, bias = matrix(node, heard.shape, shape)
        except Unfit as unfit:
            self.findings.append(unfit.finding)
            return heard
        constant = None if heard.constant is None else weights @ heard.constant
        return Signal(shape, {key: (weights @ part).tocsr() for key, part in heard.parts.items()}, _together(constant, bias))

    def _delayed(self, node: Delay, heard: Signal) -> Signal:
        import scipy.sparse as sp

        exact = node.seconds.ravel() / self.steps.dt
        waits, size = np.rint(exact).astype(np.int64), int(np.prod(heard.shape))
        if (np.abs(exact - waits) > _OFF_GRID).any() or waits.max() > MOST_DELAY:
            self.refuse(node.name, "delay", f"{exact.max():g} steps", f"whole steps of {self.steps.dt:g} s, up to {MOST_DELAY}")
        if len(waits) not in (1, size):
            self.refuse(node.name, "delays", len(waits), f"one, or one for each of {size}")
        if heard.constant is not None and heard.constant.any():
            self.refuse(node.name, "what it delays", "a bias", "spikes: put the bias behind the delay")
        if self.findings:
            return heard
        parts: dict[tuple[str, int], sp.csr_matrix] = {}
        for wait in np.unique(waits):
            chosen = sp.diags(np.broadcast_to(waits == wait, (size,)).astype(np.float64)).tocsr()
            for (source, before), weights in heard.parts.items():
                key = (source, before + int(wait))
                parts[key] = parts.get(key, 0 * weights) + chosen @ weights
        return replace(heard, parts=parts)

    def _layer(self, node: Node) -> tuple[Layer, list[Way]]:
        """A neuron node as it is in steps, with what it hears in its own units."""
        name, shape = node.name, self.shapes[node.name]
        size, none = int(np.prod(shape)), np.zeros(int(np.prod(shape)))
        if not isinstance(node, Cell):
            return Layer(name=name, shape=shape, keep_u=none, keep=none, plays=True), []
        heard = self._heard(name)
        if int(np.prod(heard.shape)) != size:
            self.refuse(name, "numbers that it hears", int(np.prod(heard.shape)), size)
            return Layer(name=name, shape=shape, keep_u=none, keep=none), []
        gain, keep_u, keep, rest = (np.broadcast_to(a.ravel() if a.ndim else a, (size,)) for a in in_steps(node, self.steps))
        constant = None if heard.constant is None else heard.constant * gain
        steady_u, steady = steady_parts(constant, rest, keep_u, size)
        layer = Layer(
            name=name,
            shape=shape,
            keep_u=keep_u,
            keep=keep,
            threshold=None if node.threshold is None else np.broadcast_to((node.threshold - node.reset).ravel(), (size,)),
            steady_u=steady_u,
            steady=steady,
            floor=np.broadcast_to(node.reset.ravel(), (size,)) if node.reset.any() else None,
        )
        return layer, self._ways(name, heard, gain)

    def _ways(self, target: str, heard: Signal, gain: Floats) -> list[Way]:
        import scipy.sparse as sp

        found = []
        for (source, delay), weights in heard.parts.items():
            weighed = (sp.diags(gain) @ weights).tocsr()
            weighed.eliminate_zeros()
            weighed.sort_indices()
            found.append(Way(source=source, target=target, weights=weighed, delay=delay))
        return found

    def _output(self, node: End, layers: list[Layer], ways: list[Way]) -> Read:
        """A layer as it is, where nothing but its spikes or its membranes come; else a layer of its own, which forgets."""
        import scipy.sparse as sp

        heard = self._heard(node.name)
        if len(heard.parts) == 1 and heard.constant is None:
            ((source, delay), weights) = next(iter(heard.parts.items()))
            size = next(layer.size for layer in layers if layer.name == source)
            if not delay and weights.shape[0] == size and not abs(weights - sp.identity(size)).nnz and not self._is_input(source):
                cell = self.graph.nodes[source]
                reads = Reads.MEMBRANE if isinstance(cell, Cell) and cell.threshold is None else Reads.COUNT
                return Read(name=node.name, layer=source, reads=reads)
        size = int(np.prod(heard.shape))
        none, steady = np.zeros(size), None if heard.constant is None else any_of(heard.constant, size)
        layers.append(Layer(name=node.name, shape=heard.shape, keep_u=none, keep=none, steady=steady))
        ways += self._ways(node.name, heard, np.ones(size))
        return Read(name=node.name, layer=node.name, reads=Reads.MEMBRANE)

    def _is_input(self, name: str) -> bool:
        return isinstance(self.graph.nodes[name], End)


def _together(a: Floats | None, b: Floats | None) -> Floats | None:
    if a is None or b is None:
        return a if b is None else b
    return a + b


def _is_layer(node: Node) -> bool:
    return isinstance(node, Cell) or (isinstance(node, End) and not node.inner and node.kind == "Input")


def _is_output(node: End) -> bool:
    return not node.inner and node.kind == "Output"
