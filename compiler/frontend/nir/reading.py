"""NIR files judged: each node by its fields, each edge by its ends; everything that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tritspike.compiler.frontend.nir.nodes import Cell, Convolution, Delay, End, Flatten, Floats, Graph, Node, Pool, Product, Scale, Shape
from tritspike.hw_profiles.errors import Finding, listed
from tritspike.runtime import hdf5
from tritspike.runtime.errors import FileError
from tritspike.runtime.hdf5 import Tree
from tritspike.runtime.network.wiring.judged import MOST_NEURONS

_MOST_EDGES = 100_000
_LONGEST_NAME = 100
_MOST_STEP = 1 << 16  # of a kernel's stride, padding, dilation
_LARGEST = 1e30  # of any number: beyond it products of a few are infinite


def read(path: Path) -> Graph:
    """The graph in a file, inner graphs taken apart. Raises `FileError` with everything that is wrong."""
    tree = hdf5.read(path, "NIR")
    found = _Graph()
    node = tree.get("node")
    if not isinstance(node, Mapping):
        raise FileError(f"{path}: an HDF5 file without the group 'node', in which NIR has its graph")
    found.graph(dict(node), "")
    if found.findings:
        raise FileError(f"{path}: not a sound NIR graph: {listed(found.findings)}")
    return Graph(found.nodes, tuple(found.edges), found.said)


class _Wrong(Exception):
    """A node's field: what it is called, what it holds, what it may hold."""

    def __init__(self, what: str, found: object, allowed: object) -> None:
        super().__init__(what)
        self.finding = (what, found, allowed)


class _Graph:
    """Collects nodes, edges and findings of a graph and those in it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[tuple[str, str]] = []
        self.findings: list[Finding] = []
        self.said: dict[str, object] = {}
        self._ends: dict[str, tuple[list[str], list[str]]] = {}  # of each inner graph: its inputs and outputs

    def graph(self, tree: Tree, at: str) -> None:
        """One graph. at: the names around it, each with a stroke behind it."""
        self._remember(tree)
        nodes = tree.get("nodes")
        if not isinstance(nodes, Mapping) or not nodes:
            self._finding(at, "nodes", "none", "a group of nodes")
            return
        self._ends[at] = ([], [])
        for name, node in nodes.items():
            self._node(name, node, at)
        self._edges(tree.get("edges"), set(nodes), at)

    def _finding(self, at: str, what: str, found: object, allowed: object) -> None:
        self.findings.append(Finding(at.rstrip("/") or "the graph", what, found, allowed))

    def _remember(self, tree: Tree) -> None:
        said = tree.get("metadata")
        if isinstance(said, Mapping):
            self.said |= {k: v.item() if isinstance(v, np.ndarray) and v.size == 1 else v for k, v in said.items() if not isinstance(v, Mapping)}

    def _node(self, name: str, tree: Any, at: str) -> None:
        full = at + name
        if not isinstance(tree, Mapping) or not isinstance(kind := tree.get("type"), str):
            self._finding(full, "type", "not there", "a text, by which NIR calls a node")
            return
        if not name.isprintable() or len(full) > _LONGEST_NAME:
            self._finding(full, "name", f"{len(full)} characters", f"up to {_LONGEST_NAME} printable ones")
            return
        if kind == "NIRGraph":
            self.graph(dict(tree), f"{full}/")
            return
        self._remember(dict(tree))
        try:
            self.nodes[full] = _KINDS[kind](_Fields(dict(tree)), full, kind) if kind in _KINDS else _unknown(kind)
        except _Wrong as wrong:
            self._finding(full, *wrong.finding)
        else:
            self._end(self.nodes[full], at)

    def _end(self, node: Node, at: str) -> None:
        if not isinstance(node, End):
            return
        self._ends[at][node.kind == "Output"].append(node.name)
        if at:
            self.nodes[node.name] = End(name=node.name, kind=node.kind, shape=node.shape, inner=True)

    def _edges(self, found: Any, names: set[str], at: str) -> None:
        if not isinstance(found, np.ndarray) or found.dtype != object or found.ndim != 2 or found.shape[1] != 2 or len(found) > _MOST_EDGES:
            self._finding(at, "edges", "no pairs of names", f"up to {_MOST_EDGES:,} of (from, to)")
            return
        for name in dict.fromkeys(str(end) for end in found.ravel() if end not in names):
            self._finding(at, "what an edge names", f"{name!r}, which is no node", f"nodes of this graph: {', '.join(sorted(names)[:8])}")
        for a, b in found:
            if a in names and b in names:
                self._join(at, a, b)

    def _join(self, at: str, a: str, b: str) -> None:
        """An edge to a graph leads to its inputs, one from it comes from its outputs."""
        sources = self._ends[f"{at}{a}/"][1] if f"{at}{a}/" in self._ends else [at + a]
        targets = self._ends[f"{at}{b}/"][0] if f"{at}{b}/" in self._ends else [at + b]
        for name, ends, what in ((a, sources, "an Output"), (b, targets, "an Input")):
            if len(ends) != 1:
                self._finding(at + name, f"what an edge {a} -> {b} is to join", f"{len(ends)} nodes", f"{what}, one")
        self.edges += [(s, t) for s in sources[:1] for t in targets[:1]]


class _Fields:
    """One node's datasets. Raises `_Wrong` for what is missing or of another form."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def numbers(self, name: str, dims: int | None = None) -> Floats:
        """Finite ones. dims: how many axes they have."""
        found = self.tree.get(name)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "iufb":
            raise _Wrong(name, "not there" if found is None else "no numbers", "numbers")
        if not found.size or (dims is not None and found.ndim != dims):
            raise _Wrong(name, f"of shape {found.shape}", "at least one number" if dims is None else f"{dims} axes, none of length 0")
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise _Wrong(name, "not finite", "finite numbers")
        if np.abs(found.astype(np.float64)).max() > _LARGEST:
            raise _Wrong(name, f"up to {np.abs(found.astype(np.float64)).max():.3g}", f"numbers up to {_LARGEST:g}")
        return found.astype(np.float64)

    def optional(self, name: str, default: Floats) -> Floats:
        """Or the default, where it is not there."""
        return self.numbers(name) if name in self.tree else default

    def times(self, name: str) -> Floats:
        """Of more than 0 seconds."""
        found = self.numbers(name)
        if found.min() <= 0:
            raise _Wrong(name, f"{found.min():g}", "more than 0")
        return found

    def shape(self, name: str) -> Shape:
        """Of 1..MOST_NEURONS cells in all."""
        sides = self.whole(name, MOST_NEURONS, least=1)
        if len(sides) > 8 or np.prod(np.array(sides, np.float64)) > MOST_NEURONS:
            raise _Wrong(name, f"{sides}"[:60], f"up to 8 axes, {MOST_NEURONS:,} cells in all")
        return sides

    def whole(self, name: str, most: int, least: int = 0) -> tuple[int, ...]:
        """Whole numbers, one or some."""
        found = self.numbers(name).ravel()
        if len(found) > 8 or (found != np.rint(found)).any() or found.min() < least or found.max() > most:
            raise _Wrong(name, f"{found[:8]}", f"whole numbers in {least}..{most}")
        return tuple(int(n) for n in found)

    def pair(self, name: str, least: int = 0) -> tuple[int, int]:
        """(height, width); one number is both."""
        found = self.whole(name, _MOST_STEP, least)
        if len(found) not in (1, 2):
            raise _Wrong(name, f"{len(found)} numbers", "one or two")
        return found[0], found[-1]


def _unknown(kind: str) -> Node:
    raise _Wrong("type", repr(kind), f"one of {', '.join([*_KINDS, 'NIRGraph'])}")


def _end(f: _Fields, name: str, kind: str) -> Node:
    return End(name=name, kind=kind, shape=f.shape("shape"))


def _product(f: _Fields, name: str, kind: str) -> Node:
    weight = f.numbers("weight", 2)
    return Product(name=name, kind=kind, weight=weight, bias=_bias(f, len(weight)) if kind == "Affine" else None)


def _bias(f: _Fields, rows: int) -> Floats:
    found = f.numbers("bias").ravel()
    if len(found) != rows:
        raise _Wrong("bias", f"{len(found)} numbers", f"{rows}, one a row of weight")
    return found


def _scale(f: _Fields, name: str, kind: str) -> Node:
    return Scale(name=name, kind=kind, scale=f.numbers("scale"))


def _convolution(f: _Fields, name: str, kind: str) -> Node:
    flat = kind == "Conv1d"
    weight = f.numbers("weight", 3 if flat else 4)
    bias = _bias(f, len(weight)) if f.tree.get("bias") is not None else None
    (groups,) = f.whole("groups", len(weight), least=1) or (1,)
    if len(weight) % groups:
        raise _Wrong("groups", groups, f"a divisor of {len(weight)}, the channels that come out")
    way = lambda what, least, over: _flat(f.pair(what, least), over) if flat else f.pair(what, least)  # noqa: E731
    return Convolution(
        name=name,
        kind=kind,
        weight=weight[:, :, None] if flat else weight,
        bias=bias,
        stride=way("stride", 1, 1),
        padding=_padding(f.tree["padding"]) if isinstance(f.tree.get("padding"), str) else way("padding", 0, 0),
        dilation=way("dilation", 1, 1),
        groups=groups,
    )


def _flat(pair: tuple[int, int], over: int) -> tuple[int, int]:
    """Of one dimension, as the width of a picture of height 1."""
    return over, pair[1]


def _padding(said: str) -> tuple[int, int] | None:
    if said not in ("same", "valid"):
        raise _Wrong("padding", repr(said), "whole numbers, 'same' or 'valid'")
    return None if said == "same" else (0, 0)


def _pool(f: _Fields, name: str, kind: str) -> Node:
    return Pool(name=name, kind=kind, size=f.pair("kernel_size", 1), stride=f.pair("stride", 1), padding=f.pair("padding"))


def _flatten(f: _Fields, name: str, kind: str) -> Node:
    return Flatten(name=name, kind=kind)


def _delay(f: _Fields, name: str, kind: str) -> Node:
    found = f.numbers("delay")
    if found.min() < 0:
        raise _Wrong("delay", f"{found.min():g} s", "0 or more")
    return Delay(name=name, kind=kind, seconds=found)


def _cell(f: _Fields, name: str, kind: str) -> Node:
    if kind == "Threshold":
        return Cell(name=name, kind=kind, r=np.ones(()), threshold=f.numbers("threshold"))
    fires, leaks, synaptic = kind.endswith("IF"), "L" in kind, kind.startswith("Cuba")
    none = np.zeros(())
    found = Cell(
        name=name,
        kind=kind,
        r=f.numbers("r"),
        tau_mem=f.times("tau_mem" if synaptic else "tau") if leaks else None,
        tau_syn=f.times("tau_syn") if synaptic else None,
        w_in=f.optional("w_in", np.ones(())) if synaptic else None,
        leak=f.numbers("v_leak") if leaks else none,
        threshold=f.numbers("v_threshold") if fires else None,
        reset=f.optional("v_reset", none) if fires else none,
    )
    try:
        if np.prod(found.shape) > MOST_NEURONS:
            raise _Wrong("its parameters", f"of {found.shape}", f"up to {MOST_NEURONS:,} neurons")
    except ValueError:
        raise _Wrong("its parameters", "of several shapes", "one shape, or single numbers") from None
    return found


_KINDS: dict[str, Callable[[_Fields, str, str], Node]] = {
    **dict.fromkeys(("Input", "Output"), _end),
    **dict.fromkeys(("Linear", "Affine"), _product),
    "Scale": _scale,
    **dict.fromkeys(("Conv1d", "Conv2d"), _convolution),
    **dict.fromkeys(("SumPool2d", "AvgPool2d"), _pool),
    "Flatten": _flatten,
    "Delay": _delay,
    **dict.fromkeys(("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF", "Threshold"), _cell),
}
