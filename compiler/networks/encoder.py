"""The spiking encoder and language model of a version 2 checkpoint (`runtime/checkpoint.py`) as a network, written by hand.

Padding follows a text. At a padded position every input but bias, mask and matrices that hear earlier positions is silent, by induction from the
host's silent x; the mask outweighs the most that these can bring, so that v <= 0 there at every step, whatever the leak.
"""

from __future__ import annotations

import numpy as np

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.checkpoint import Checkpoint
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import EACH
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Network
from tritspike.runtime.network.neuron import RELAY
from tritspike.runtime.network.terms import Handle, Sum, Term, linear, onto, same, summed

PADDING = "pad"


def network(ck: Checkpoint, length: int | None = None, head: str = "host") -> Network:
    """For texts of up to `length` tokens (default: the most it was trained for). head: "host" or "chip", of a language model's last product."""
    c = ck.config
    positions = c.max_length if length is None else length
    if not 1 <= positions <= c.max_length:
        raise CompileError(f"length {positions} is outside 1..{c.max_length}, what the checkpoint's position table holds")
    made = _Encoder(ck, Axis("position", positions, grows=True))
    at = made.net.input("x", made.position, Axis("hidden", c.hidden))
    for n in range(c.layers):
        at = made.layer(f"layer.{n}", at)
    if c.readout == EACH and head == "host":
        made.net.count(at, "answer")
    else:
        made.net.readout("readout", made.readout(at))
    return made.net.network()


class _Encoder:
    """One checkpoint's populations."""

    def __init__(self, ck: Checkpoint, position: Axis) -> None:
        self.ck, self.c, self.position, self.net = ck, ck.config, position, Net()
        self.heads = (Axis("head", ck.config.heads), Axis("channel", ck.config.head_dim))
        self.pad = self.net.input("mask", position, plays=PADDING)

    def layer(self, at: str, x: Handle) -> Handle:
        """Attention by coincidence, then an FFN that hears a window, each beside a skip."""
        query, key, value = (self.linear(f"{at}.{name}", [x], self.heads, "query_key_value") for name in ("query", "key", "value"))
        met = self.net.coincide(f"{at}.score.and", query, key, causal=self.c.causal)
        score = self.lif(f"{at}.score", summed(met, ["channel"]).weighing(self.ck.scalar(f"{at}.score.gain")), "score")
        carried = onto(score, met.grid) + onto(value, met.grid, renamed={"position": "key"})
        gathered = self.net.population(f"{at}.context.and", carried, RELAY)
        context = self.lif(f"{at}.context", onto(gathered, query.grid).weighing(self.ck.scalar(f"{at}.context.gain")), "context")
        attended = self.linear(f"{at}.attended", [context], (Axis("hidden", self.c.hidden),), "residual", skip=x)
        hidden = self.linear(f"{at}.hidden", [attended] * self.c.window, (Axis("ffn", self.c.ffn),), "hidden")
        return self.linear(f"{at}.output", [hidden], (Axis("hidden", self.c.hidden),), "residual", skip=attended)

    def linear(self, name: str, heard: list[Handle], into: tuple[Axis, ...], kind: str, skip: Handle | None = None) -> Handle:
        """W s + bias: a matrix for each position that is heard, its own and the next ones (where causal, the ones before)."""
        columns = len(heard) * int(np.prod([axis.cells for axis in heard[0].grid[1:]]))
        parts, gain = np.split(self.ck.codes(name, columns), len(heard), 1), self.ck.integers(f"{name}.gain")
        way = -1 if self.c.causal else 1
        taps = [linear(h, part, gain, into=into, shift={"position": way * n}) for n, (h, part) in enumerate(zip(heard, parts))]
        terms = Sum(tuple(taps)) if skip is None else Sum(tuple(taps)) + same(skip).weighing(self.ck.scalar(f"{name}.skip"))
        return self.lif(name, terms, kind, self.ck.integers(f"{name}.bias"), taps[1:] if self.c.causal else [])

    def lif(self, name: str, hears: Term | Sum, kind: str, bias: np.ndarray | None = None, earlier: list[Term] | None = None) -> Handle:
        """With a mask that outweighs its largest positive bias and all that earlier positions can add."""
        shaped = None if bias is None else bias.reshape([axis.cells for axis in (Sum(()) + hears).grid[1:]])
        need = 0 if bias is None else -(-max(int(bias.max()), 0) // arith.ONE)
        need += sum(t.wiring.bounds(t.source.grid, t.grid)[0] for t in earlier or [])
        masked = hears + self.mask(need, (Sum(()) + hears)) if need else hears
        return self.net.lif(name, masked, keep=self.c.keep[kind], vth=self.ck.scalar(f"{name}.vth"), bias=shaped)

    def mask(self, need: int, hears: Sum) -> Sum:
        """Inhibition of at least `need` synaptic units, in as many synapses as it takes: one weight holds 127 << 7."""
        most = arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT
        return Sum(tuple(self._mask(min(need - at, most), hears) for at in range(0, need, most)))

    def _mask(self, need: int, hears: Sum) -> Term:
        exponent = next(e for e in range(arith.EXPONENT_LIMIT + 1) if need <= arith.WEIGHT_LIMIT << e)
        return onto(self.pad, hears.grid, -need >> exponent).scaled(exponent)

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
