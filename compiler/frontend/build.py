"""From a checkpoint to the first graph: model operations only, no delays, products whole, numbers as stored."""

from __future__ import annotations

import numpy as np

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.checkpoint import Checkpoint
from tritspike.compiler.ir.graph import Edge, Graph, Lif, Op, ProductEdge, Readout, Source
from tritspike.runtime.checkpoint import EACH
from tritspike.runtime.program import Bias, FrontEnd, Host
from tritspike.runtime.wiring import Along, Dims, Matrix, Pool

HEADS = ("host", "chip")


def build(checkpoint: Checkpoint, length: int | None, head: str = "host") -> Graph:
    """The graph of `checkpoint` for texts of up to `length` tokens (default: the most it was trained for).

    head: where a language model's last product is made, on the host from spike counts or on the chip. Other readouts are always on the chip.
    """
    c = checkpoint.config
    positions = c.max_length if length is None else length
    if not 1 <= positions <= c.max_length:
        raise CompileError(f"length {positions} is outside 1..{c.max_length}, what the checkpoint's position table holds")
    dims = Dims(positions, c.heads, c.head_dim, c.hidden, c.ffn, c.classes, c.causal)
    ops: list[Op] = [Source(name="x", axes="ie")]
    for n in range(c.layers):
        ops += _layer(checkpoint, f"layer.{n}", ops[-1].name)
    if c.readout != EACH or head == "chip":
        ops.append(_readout(checkpoint, ops[-1].name))
    return Graph(dims=dims, steps=c.steps, ops=tuple(ops), host=_host(checkpoint, head))


def _readout(checkpoint: Checkpoint, last: str) -> Readout:
    """One class for all positions together, or each position's logits over the vocabulary."""
    c = checkpoint.config
    if c.readout == EACH:
        wiring = Matrix(checkpoint.tensors["head.weight"], np.ones(c.classes, np.int64))
        return Readout(name="readout", axes="ic", inputs=(Edge(source=last, wiring=wiring),))
    pool = Pool(checkpoint.codes("readout", c.hidden), first=c.readout == "first")
    return Readout(name="readout", axes="c", inputs=(Edge(source=last, wiring=pool),))


def _host(checkpoint: Checkpoint, head: str) -> Host:
    c, t = checkpoint.config, checkpoint.tensors
    tables = {name: t[f"embedding.{name}"] for name in ("token", "position", "segment", "projection", "bias")}
    front = FrontEnd(
        **tables, shift=c.embedding_shift, keep=c.keep["encoder"], vth=checkpoint.scalar("embedding.vth"), tokenizer=checkpoint.tokenizer
    )
    return Host(
        front=front,
        class_bias=checkpoint.integers("head.bias" if c.readout == EACH else "readout.bias"),
        first_position_only=c.readout == "first",
        task=c.task,
        labels=c.labels,
        logit_scale=c.logit_scale,
        weights=c.weights,
        head=t["head.weight"] if c.readout == EACH and head == "host" else None,
    )


def _layer(ck: Checkpoint, at: str, x: str) -> list[Op]:
    qkv = [_linear(ck, f"{at}.{name}", "ihd", x, "query_key_value") for name in ("query", "key", "value")]
    score = _product(ck, f"{at}.score", "hp", (f"{at}.query", "ihd"), (f"{at}.key", "jhd"), "hpd")
    context = _product(ck, f"{at}.context", "ihd", (f"{at}.score", "hp"), (f"{at}.value", "jhd"), "hpd")
    attended = _linear(ck, f"{at}.attended", "ie", context.name, "residual", skip=x)
    hidden = _linear(ck, f"{at}.hidden", "if", attended.name, "hidden")
    return [*qkv, score, context, attended, hidden, _linear(ck, f"{at}.output", "ie", hidden.name, "residual", skip=attended.name)]


def _linear(ck: Checkpoint, name: str, axes: str, source: str, kind: str, skip: str | None = None) -> Lif:
    """W s + bias, a matrix for each position that is heard, with an identity synapse of weight `skip` from another population where there is one."""
    edges = [Edge(source=source, wiring=matrix) for matrix in _matrices(ck, name)]
    if skip is not None:
        edges.append(Edge(source=skip, wiring=Along("ie", ck.scalar(f"{name}.skip"))))
    bias = Bias(ck.integers(f"{name}.bias"), 0)
    return Lif(name=name, axes=axes, inputs=tuple(edges), keep=ck.config.keep[kind], vth=ck.scalar(f"{name}.vth"), bias=bias)


def _matrices(ck: Checkpoint, name: str) -> list[Matrix]:
    c, kind = ck.config, name.rsplit(".", 1)[-1]
    fan_in = {"attended": c.heads * c.head_dim, "output": c.ffn}.get(kind, c.hidden)
    window = c.window if kind == "hidden" else 1
    parts = np.split(ck.codes(name, fan_in * window), window, axis=1)
    return [Matrix(np.ascontiguousarray(codes), ck.integers(f"{name}.gain"), -n if c.causal else n) for n, codes in enumerate(parts)]


def _product(ck: Checkpoint, name: str, axes: str, left: tuple[str, str], right: tuple[str, str], inner: str) -> Lif:
    edge = ProductEdge(left=left, right=right, axes=inner, weight=Along(inner, ck.scalar(f"{name}.gain")))
    return Lif(name=name, axes=axes, inputs=(edge,), keep=ck.config.keep[name.rsplit(".", 1)[-1]], vth=ck.scalar(f"{name}.vth"))
