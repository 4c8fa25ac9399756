"""Programs of checkpoints as networks with a host, and the rows that texts are of them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import random_checkpoint

from tritspike.compiler.frontend.checkpoint import Checkpoint, read_checkpoint
from tritspike.compiler.frontend.encoder import network
from tritspike.compiler.lower import lower_network as lower
from tritspike.runtime.checkpoint import EACH
from tritspike.runtime.host.program import TOKENS, FrontEnd, Host, Program
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.rows import Rows


def program(folder: Path, length: int | None = None, head: str = "host", profile: str = "loihi2") -> Program:
    ck = read_checkpoint(folder)
    return Program(scheduled=lower(network(ck, length, head), Windows(ck.config.steps)), host=host(ck, head), profile=profile)


def host(ck: Checkpoint, head: str) -> Host:
    c, t = ck.config, ck.tensors
    tables = {name: t[f"embedding.{name}"] for name in ("token", "position", "segment", "projection", "bias")}
    return Host(
        front=FrontEnd(**tables, shift=c.embedding_shift, keep=c.keep["encoder"], vth=ck.scalar("embedding.vth"), tokenizer=ck.tokenizer),
        class_bias=ck.integers("head.bias" if c.readout == EACH else "readout.bias"),
        first_position_only=c.readout == "first",
        task=c.task,
        labels=c.labels,
        logit_scale=c.logit_scale,
        weights=c.weights,
        head=t["head.weight"] if c.readout == EACH and head == "host" else None,
    )


def rows(p: Program, tokens) -> Rows:
    from tritspike.runtime.host.text import Encoder

    return Encoder(p).rows(tokens)


def of_texts(p: Program, seed: int, count: int, longest: int) -> Rows:
    from tritspike.runtime.host.text import Encoder

    encoder = Encoder(p)
    return encoder.rows(encoder.tokens(random_checkpoint.texts(seed, count, longest)))


if find_spec("tritspike.runtime.host.text") is None:  # until it is there: the encoder of programs of version 2, as it will be
    from tritspike.runtime.host import text as old

    class _Encoder:
        def __init__(self, p: Program) -> None:
            self.old = old.Encoder(SimpleNamespace(dims=SimpleNamespace(positions=p.positions), host=p.host, steps=p.steps))

        def tokens(self, texts):
            return self.old.tokens(texts)

        def rows(self, tokens, positions=None):
            found = self.old.samples(tokens, positions)
            return Rows({TOKENS: found.words}, found.lengths, found.positions)

    sys.modules["tritspike.runtime.host.text"] = SimpleNamespace(Encoder=_Encoder)
