"""Every rule of the graph finds what breaks it, and the runner says which pass it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import random_checkpoint

from tritspike.compiler.errors import VerifyError
from tritspike.compiler.ir.graph import Edge, Graph, Stream
from tritspike.compiler.ir.verify import verify
from tritspike.compiler.lower import lowered_graph
from tritspike.compiler.passes.base import Pass
from tritspike.compiler.passes.expand_products import ExpandProducts
from tritspike.compiler.passes.fold_registers import FoldRegisters
from tritspike.compiler.pipeline import DEFAULT, run
from tritspike.hw_profiles.profile import load
from tritspike.runtime.wiring import Along, Matrix, Pool

SIZES = dict(layers=1, hidden=8, heads=2, head_dim=2, ffn=6, max_length=4, steps=3, embedding_rank=4)
HEARING_X = ("x.relay", "layer.0.query", "layer.0.key", "layer.0.value")
Change = Callable[[Graph], Graph]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return random_checkpoint.write(tmp_path_factory.mktemp("verify") / "checkpoint", **SIZES)


@pytest.fixture(scope="module")
def graph(folder) -> Graph:
    """Lowered whole."""
    return lowered_graph(folder, load("tiny"))


def _op(name: str, **changes) -> Change:
    return lambda g: g.with_ops([replace(op, **changes) if op.name == name else op for op in g.ops])


def _edge(name: str, number: int, **changes) -> Change:
    def change(g: Graph) -> Graph:
        edges = list(g.op(name).inputs)
        edges[number] = replace(edges[number], **changes)
        return _op(name, inputs=tuple(edges))(g)

    return change


def _narrower(name: str, kind: type) -> Change:
    """The first matrix of `name` without its last column."""

    def change(g: Graph) -> Graph:
        wiring = g.op(name).inputs[0].wiring
        codes = wiring.codes[:, :-1]
        return _edge(name, 0, wiring=Matrix(codes, wiring.gain) if kind is Matrix else Pool(codes, wiring.first))(g)

    return change


def _first(name: str) -> Change:
    return lambda g: g.with_ops([g.op(name), *(op for op in g.ops if op.name != name)])


def _again(name: str, called: str) -> Change:
    return lambda g: g.with_ops([*g.ops, replace(g.op(name), name=called)])


def _without(name: str) -> Change:
    return lambda g: g.with_ops([op for op in g.ops if op.name != name])


BROKEN = {
    "unknown source": (_edge("layer.0.hidden", 0, source="ghost"), "layer.0.hidden: reads %ghost, which nothing above it defines"),
    "used before defined": (
        _first("layer.0.key"),
        "layer.0.key: reads %x, which nothing above it defines; layer.0.key: reads %pad, which nothing above it defines",
    ),
    "defined twice": (_again("layer.0.key", "layer.0.key"), "layer.0.key: defined twice"),
    "only a relay hears itself": (
        _edge("layer.0.hidden", 0, source="layer.0.hidden"),
        "layer.0.hidden: reads %layer.0.hidden, which nothing above it defines; "
        "layer.0.hidden <- layer.0.hidden: a 6x8 matrix between 6 and 6 channels; "
        "layer.0.hidden <- layer.0.hidden: spans 0 steps, a synapse takes 1",
    ),
    "source with input": (
        _op("x", inputs=(Edge(source="pad", wiring=Along("i")),), latency=1),
        "x: a source has no inputs, this one 1; " + "; ".join(f"{name} <- x: spans 0 steps, a synapse takes 1" for name in HEARING_X),
    ),
    "deaf lif": (_op("layer.0.hidden", inputs=()), "layer.0.hidden: a lif needs an input"),
    "deaf relay": (_op("x.relay", inputs=()), "x.relay: a relay needs an input"),
    "deaf readout": (_op("readout", inputs=()), "readout: a readout needs an input"),
    "lone coincidence": (
        lambda g: _op("layer.0.score.and", inputs=g.op("layer.0.score.and").inputs[:1])(g),
        "layer.0.score.and: a coincidence has two inputs, this one 1",
    ),
    "no readout": (_without("readout"), "a graph has exactly one readout"),
    "two readouts": (_again("readout", "second"), "a graph has exactly one readout"),
    "axes": (_edge("layer.0.attended", 1, wiring=Along("if")), "layer.0.attended <- x.relay: reads [if], the source has [ie]"),
    "matrix": (_narrower("layer.0.query", Matrix), "layer.0.query <- x: a 4x7 matrix between 8 and 4 channels"),
    "pool": (_narrower("readout", Pool), "readout <- layer.0.output: a 2x7 matrix between 8 and 2 channels"),
    "late": (_op("readout", latency=99), "readout <- layer.0.output: spans 91 steps, a synapse takes 1"),
    "tapped early": (_edge("layer.0.attended", 1, stage=3), "layer.0.attended <- x.relay: spans 2 steps, a synapse takes 1"),
    "before its source": (_op("readout", latency=3), "readout <- layer.0.output: spans -5 steps, a synapse takes 1"),
    "integer stream": (_edge("layer.0.hidden", 0, stream=Stream.INTEGER), "layer.0.hidden <- layer.0.attended: no op takes integer streams yet"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_found(name, graph):
    verify(graph, "whole")
    change, message = BROKEN[name]
    with pytest.raises(VerifyError) as error:
        verify(change(graph), "when")
    assert str(error.value) == f"when: {message}"


def test_all_findings_are_shown(graph):
    with pytest.raises(VerifyError) as error:
        verify(_without("readout")(_edge("layer.0.hidden", 0, source="ghost", stream=Stream.INTEGER)(graph)), "when")
    assert str(error.value) == (
        "when: layer.0.hidden: reads %ghost, which nothing above it defines; a graph has exactly one readout; "
        "layer.0.hidden <- ghost: no op takes integer streams yet"
    )


def test_before_relays_an_edge_may_span_more_but_not_less(folder):
    graph = lowered_graph(folder, load("tiny"), DEFAULT[:4])
    verify(graph, "whole")
    with pytest.raises(VerifyError) as error:
        verify(_op("layer.0.attended", latency=5)(graph), "when")
    assert str(error.value) == "when: layer.0.attended <- layer.0.context: spans 0 steps, a synapse takes 1"
    with pytest.raises(VerifyError, match=r"readout <- layer\.0\.output: spans \d+ steps"):
        verify(_op("layer.0.output", latency=None)(graph), "when")


@dataclass(frozen=True)
class BreakSomething(Pass):
    """Break the graph as told."""

    name: ClassVar[str] = "break-something"
    how: Change

    def apply(self, graph, profile):
        return self.how(graph)


@pytest.mark.parametrize("name", ["unknown source", "defined twice", "no readout", "integer stream"])
def test_the_runner_names_the_pass_that_broke_it_and_stops(name, folder, tmp_path):
    change, message = BROKEN[name]
    with pytest.raises(VerifyError) as error:
        lowered_graph(folder, load("tiny"), [FoldRegisters(), BreakSomething(change), ExpandProducts()], dump=tmp_path / "ir")
    assert str(error.value) == f"after break-something: {message}"
    assert sorted(p.name for p in (tmp_path / "ir").iterdir()) == ["00-frontend.txt", "01-fold-registers.txt"]


def test_the_runner_refuses_a_graph_that_was_broken_before(graph):
    with pytest.raises(VerifyError) as error:
        run(BreakSomething(BROKEN["unknown source"][0]).apply(graph, load("tiny")), load("tiny"))
    assert str(error.value) == "before the first pass: layer.0.hidden: reads %ghost, which nothing above it defines"
