"""Programs as ONNX graphs: in onnxruntime beside `fast` and stock Lava, and what the files take: benchmarks/results/interchange.json and .md.

    GLUE_DIR=... python benchmarks/interchange.py

A few minutes. Every executor reads the same sentences, and its logits are compared. Needs onnxruntime and Lava.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from beside_lava import on_fast, on_lava
from measure import CHECKPOINT, CORES, busy, timed, write

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.onnx import model
from tritspike.runtime.executors.table import executor
from tritspike.runtime.host import batches
from tritspike.runtime.host.text import Encoder, Tokens
from tritspike.runtime.tasks import dataset, labelled

_LENGTHS, _SENTENCES = (8, 24, 56), 32


def compared(encoder: Encoder, tokens: list[Tokens]) -> dict[str, Any]:
    """One length: milliseconds of one of the T steps that a sentence takes, by the clock and of processors."""
    program, rows = encoder.program, encoder.rows(tokens)
    engine = executor("onnx").prepare(program.scheduled, How())
    logits = batches.on(program, engine, rows).logits
    in_onnx, steps = timed(lambda: batches.on(program, engine, rows), 3), program.steps * len(rows)
    beside, lava, lava_processor = on_lava(program, rows)
    quick, fast = on_fast(program, [rows] * 8)  # so that its cores are full
    assert (logits == beside).all() and (quick.reshape(8, *logits.shape) == logits).all()
    return {
        "tokens": program.positions,
        "neurons": program.neurons(),
        "onnxruntime, ms a step": 1e3 * in_onnx.wall / steps,
        "processor ms": 1e3 * in_onnx.processor / steps,
        "fast, ms a step": 1e3 * fast.wall,
        "fast, processor ms": 1e3 * fast.processor,
        "Lava, ms a step": float(np.median(lava)),
        "Lava, processor ms": lava_processor,
        **files(program.scheduled),
    }


def files(scheduled: Any) -> dict[str, float]:
    """MiB of both kinds of file."""
    kinds = {"file, MiB": model.Options(), "compact, MiB": model.Options(opset=25, compact=True)}
    return {name: model.graph(scheduled, options).size / (1 << 20) for name, options in kinds.items()}


def measure() -> dict[str, Any]:
    """The table: the last sentences of SST-2's dev set that a program of each length holds."""
    load = busy()
    texts = [str(e.text) for e in dataset.read(labelled.task_named("sst2"), os.environ["GLUE_DIR"], "dev")]
    every, rows = Encoder(lower(CHECKPOINT, "loihi2")).tokens(texts), []
    for length in _LENGTHS:
        encoder = Encoder(lower(CHECKPOINT, "loihi2", length=length))
        rows.append(compared(encoder, [t for t in every if len(t[0]) <= length][-_SENTENCES:]))
    remark = (
        f"`sst2-one-chip` on {CORES} cores: the same program and {_SENTENCES} sentences of each length, equal logits, start-up apart on all sides; "
        "a step is one of the T = 4 that a sentence takes. onnxruntime steps every population of the chip, filling and emptying the network's depth "
        "included; fast skips what it proves to be repetition. Processor time sums all threads and processes: it holds where others use the machine."
    )
    return {"title": "Programs as ONNX graphs", "remark": remark, "load before": load, "rows": rows}


if __name__ == "__main__":
    write("interchange", {"onnx": measure()})
