"""The spiking encoder and language model of a version 2 checkpoint (`runtime/checkpoint.py`) as a network, with numbers as they are stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.checkpoint import EACH
from tritspike.runtime.host.checkpoint import Checkpoint
from tritspike.runtime.host.program import TOKENS, FrontEnd, Host
from tritspike.runtime.host.trained import Trained
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Network, Windows
from tritspike.runtime.network.neuron import RELAY, Bias, Values
from tritspike.runtime.network.terms import Handle, Sum, Term, linear, onto, same, summed

HEADS = ("host", "chip")


def trained(ck: Checkpoint, length: int | None = None, head: str = HEADS[0]) -> Trained:
    """What a checkpoint of a later version holds. length, head: as of `network`."""
    return Trained(network=network(ck, length, head), timing=Windows(ck.config.steps), host=host(ck, head))


def network(ck: Checkpoint, length: int | None = None, head: str = "host") -> Network:
    """For texts of up to `length` tokens (default: the most it was trained for). head: "host" or "chip", of a language model's last product."""
    c = ck.config
    made = _Encoder(ck, Axis("position", c.max_length if length is None else length, grows=True))
    at = made.net.input("x", made.position, Axis("hidden", c.hidden), plays=TOKENS)
    for n in range(c.layers):
        at = made.layer(f"layer.{n}", at)
    if c.readout == EACH and head == "host":
        made.net.count(at, "answer")
    else:
        made.net.readout("readout", made.readout(at))
    return made.net.network()


def host(ck: Checkpoint, head: str = "host") -> Host:
    """What stays off the chip."""
    c, t = ck.config, ck.tensors
    tables = {name: t[f"embedding.{name}"] for name in ("token", "position", "segment", "projection", "bias")}
    front = FrontEnd(**tables, shift=c.embedding_shift, keep=c.keep["encoder"], vth=ck.scalar("embedding.vth"), tokenizer=ck.tokenizer)
    return Host(
        front=front,
        class_bias=ck.integers("head.bias" if c.readout == EACH else "readout.bias"),
        first_position_only=c.readout == "first",
        task=c.task,
        labels=c.labels,
        logit_scale=c.logit_scale,
        weights=c.weights,
        head=t["head.weight"] if c.readout == EACH and head == "host" else None,
    )


class _Encoder:
    """One checkpoint's populations."""

    def __init__(self, ck: Checkpoint, position: Axis) -> None:
        self.ck, self.c, self.position, self.net = ck, ck.config, position, Net()
        self.heads = (Axis("head", ck.config.heads), Axis("channel", ck.config.head_dim))

    def layer(self, at: str, x: Handle) -> Handle:
        """Attention by coincidence, then an FFN that hears a window, each beside a skip."""
        query, key, value = (self.linear(f"{at}.{name}", [x], self.heads, "query_key_value") for name in ("query", "key", "value"))
        met = self.net.coincide(f"{at}.score.and", query, key, causal=self.c.causal)
        score = self.lif(f"{at}.score", _weighing(summed(met, ["channel"]), self.ck.scalar(f"{at}.score.gain")), "score")
        carried = onto(score, met.grid) + onto(value, met.grid, renamed={"position": "key"})
        gathered = self.net.population(f"{at}.context.and", carried, RELAY)
        context = self.lif(f"{at}.context", _weighing(onto(gathered, query.grid), self.ck.scalar(f"{at}.context.gain")), "context")
        attended = self.linear(f"{at}.attended", [context], (Axis("hidden", self.c.hidden),), "residual", skip=x)
        hidden = self.linear(f"{at}.hidden", [attended] * self.c.window, (Axis("ffn", self.c.ffn),), "hidden")
        return self.linear(f"{at}.output", [hidden], (Axis("hidden", self.c.hidden),), "residual", skip=attended)

    def linear(self, name: str, heard: list[Handle], into: tuple[Axis, ...], kind: str, skip: Handle | None = None) -> Handle:
        """W s + bias: a matrix for each position that is heard, its own and the next ones (where causal, the ones before)."""
        columns = len(heard) * int(np.prod([axis.cells for axis in heard[0].grid[1:]]))
        parts, gain = np.split(self.ck.codes(name, columns), len(heard), 1), self.ck.integers(f"{name}.gain")
        way = -1 if self.c.causal else 1
        taps = [linear(h, part, gain, into=into, shift={"position": way * n}) for n, (h, part) in enumerate(zip(heard, parts))]
        terms = Sum(tuple(taps)) if skip is None else Sum(tuple(taps)) + _weighing(same(skip), self.ck.scalar(f"{name}.skip"))
        return self.lif(name, terms, kind, self.ck.integers(f"{name}.bias"))

    def lif(self, name: str, hears: Term | Sum, kind: str, bias: NDArray[np.int64] | None = None) -> Handle:
        """A population; its biases, one a channel, as they are stored."""
        axes = [axis for axis in hears.grid[1:] if isinstance(axis, Axis)]
        own = None if bias is None else Bias(Values(tuple(a.name for a in axes), bias.reshape([a.size for a in axes])))
        return self.net.lif(name, hears, keep=self.c.keep[kind], vth=self.ck.scalar(f"{name}.vth"), bias=own)

    def readout(self, last: Handle) -> Term:
        """One class for all positions together, or each position's logits over the vocabulary."""
        if self.c.readout == EACH:
            return linear(last, self.ck.tensors["head.weight"], into="class")
        codes = self.ck.codes("readout", self.c.hidden)
        return (
            linear(last, codes, into="class", at={"position": 0})
            if self.c.readout == "first"
            else linear(last, codes, into="class", pool=["position"])
        )


def _weighing(term: Term, weight: int) -> Term:
    """With a weight of any size, which fold-registers writes as the chip does."""
    return replace(term, wiring=term.wiring.weighing(weight))
