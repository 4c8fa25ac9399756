"""How much of what onnxruntime computes of exported programs equals `fast`: adds to benchmarks/results/interchange.json and .md.

    GLUE_DIR=... python benchmarks/onnx_equal.py

Minutes: every checkpoint that ships at two lengths, every spike; and all sentences of SST-2's dev set, all logits. Needs onnxruntime.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from measure import ROOT, write

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import batches
from tritspike.runtime.host.program import Result
from tritspike.runtime.host.text import Encoder, Tokens
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tasks import dataset, labelled
from tritspike.runtime.tasks.sampling import random_tokens

ZOO = ROOT / "models" / "zoo"
_LENGTHS, _TEXTS = (8, 24), 3
_WHOLE = ("sst2-ternary",)


def spikes(folder: Path, length: int) -> dict[str, Any]:
    """One program on random texts: (neuron, step) cells of all populations, readings, and how many of either differ."""
    program = lower(folder, "hala-point")
    program = program if program.flows else lower(folder, "hala-point", length=length)
    encoder = Encoder(program)
    rows = encoder.rows(_as_long(encoder, length) if program.flows else random_tokens(encoder, _TEXTS, length), length)
    theirs, ours = (batches.run(program, rows, name, How(threads=1), Ask(record=True)) for name in ("fast", "onnx"))
    return {
        "program": folder.name,
        "tokens": length,
        "neurons": program.neurons(),
        **_counted(theirs, ours),
        "readings": int(theirs.read.size),
        "readings that differ": int((theirs.read != ours.read).sum()),
    }


def _as_long(encoder: Encoder, length: int) -> list[Tokens]:
    """Random texts of that many tokens, for a stream, which is lowered for no length."""
    drawn = np.random.default_rng(length).integers(0, len(encoder.program.host.front.token), (_TEXTS, length))
    return [(ids, [0] * length) for ids in drawn.tolist()]


def _counted(theirs: Result, ours: Result) -> dict[str, int]:
    there, here = theirs.spikes or {}, ours.spikes or {}
    assert there.keys() == here.keys()
    return {
        "spikes": sum(int(a.sum()) for a in there.values()),
        "cells": sum(a.size for a in there.values()),
        "cells that differ": sum(int((there[name] != here[name]).sum()) for name in there),
    }


def whole_set(name: str) -> dict[str, Any]:
    """SST-2's dev set: logits of all sentences, each at the shortest length that holds it."""
    encoder = Encoder(lower(ZOO / name, "hala-point"))
    texts = [e.text for e in dataset.read(labelled.task_named("sst2"), os.environ["GLUE_DIR"], "dev")]
    theirs, ours = (batches.answer(encoder, texts, executor, How(threads=1)).logits for executor in ("fast", "onnx"))
    return {"program": name, "sentences": len(texts), "logits": ours.size, "logits that differ": int(np.sum(theirs != ours))}


def dev() -> dict[str, Any]:
    """The table of whole sets."""
    return {"title": "SST-2's dev set in onnxruntime", "remark": "All logits beside fast's.", "rows": [whole_set(name) for name in _WHOLE]}


def zoo() -> dict[str, Any]:
    """The table of all checkpoints."""
    remark = (
        f"Every checkpoint that ships, lowered for {_LENGTHS[0]} and {_LENGTHS[1]} tokens, {_TEXTS} random texts of up to as many (a stream, "
        "which is lowered for no length, of as many): every population at every step, and all that is read, in onnxruntime and in fast."
    )
    rows = [spikes(folder, length) for folder in sorted(ZOO.iterdir()) for length in _LENGTHS]
    return {"title": "Every spike of the zoo in onnxruntime", "remark": remark, "rows": rows}


if __name__ == "__main__":
    write("interchange", {"equal": zoo()})
    write("interchange", {"dev": dev()})
