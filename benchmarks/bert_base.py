"""(c) Random ternary programs of BERT-base's size beside a BERT-base: as the weights fall out, and with thresholds that make spikes as rare as
those of trained models. Every program's spike rate is counted as `compare` counts it (`runtime/tasks/spike_rates.py`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import berts
import numpy as np
import random_checkpoint
from beside_lava import simulated
from measure import BERT_BASE, CORES, timed

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import batches
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder, Tokens
from tritspike.runtime.tasks import spike_rates

THRESHOLDS = (1.0, 1.55)  # times those of the random checkpoint; 1.55 was found by trying, for a mean rate of 0.2
_SYNAPSES = 12 * (4 * 768**2 + 2 * 768 * 3072)  # of the linear layers, a token; a float BERT-base multiplies as often


def program(thresholds: float) -> Program:
    """The random program, every threshold multiplied."""
    shape: dict[str, Any] = {**BERT_BASE, "readout": "first"}
    drawn = random_checkpoint.arrays(random_checkpoint.config(**shape), 0)
    raised = {name: (a * thresholds).astype(np.int32) for name, a in drawn.items() if name.endswith(".vth")}
    with tempfile.TemporaryDirectory() as folder:
        return lower(random_checkpoint.write(Path(folder) / "c", 0, tensors=raised, **shape), "hala-point")


def rates(encoder: Encoder, tokens: list[Tokens]) -> tuple[float, float, float]:
    """Mean spike rate over populations, and the least and greatest of one."""
    answers = batches.streamed(encoder, tokens, DEFAULT, How(count=True))
    assert answers.activity is not None
    own, _ = spike_rates.spike_counts(encoder.program, answers.activity, answers.lengths)
    each = [count.rate for count in own.values()]
    return spike_rates.mean(own) or 0.0, min(each), max(each)


def measure(top: float) -> dict[str, Any]:
    """Full-length sentences through each program, and through a BERT-base; `top`: the binary roofline in GMAC/s."""
    rng = np.random.default_rng(0)
    tokens: list[Tokens] = [(rng.integers(0, 40, 128).tolist(), [0] * 128) for _ in range(16)]
    rows = [_fast(thresholds, tokens, top) for thresholds in THRESHOLDS]
    rivals = berts.measured(berts.random_bert(**berts.BASE), tokens, "BERT-base, 12 layers of 768")
    rows += [_counted(row, 1, ("", "", "")) for row in rivals]
    remark = (
        f"Sentences of 128 tokens, {CORES} cores. The linear layers have {_SYNAPSES / 1e6:.1f} M synapses a token, each looked at in "
        f"{BERT_BASE['steps']} steps: G synapses/s count them so, or once a token, as a BERT multiplies. All time is counted. {berts.REMARK}"
    )
    return {"title": "BERT-base's size", "remark": remark, "rows": rows}


def _fast(thresholds: float, tokens: list[Tokens], top: float) -> dict[str, Any]:
    encoder = Encoder(program(thresholds))
    mean, least, most = rates(encoder, tokens[:4])
    some = [encoder.rows(tokens[n : n + 4]) for n in range(0, 16, 4)]
    found = timed(lambda: simulated(encoder.program, some), 3)
    row = berts.row(f"fast, ternary, T = {BERT_BASE['steps']}", berts.Best(*(value / len(tokens) for value in found)))
    return _counted(row, encoder.program.steps, (mean, f"{least:.2f} .. {most:.2f}", top / 2))


def _counted(row: dict[str, Any], steps: int, about: tuple[Any, Any, Any]) -> dict[str, Any]:
    """The row with its spike rates and synapses a second; `about`: mean rate, range of rates, roofline."""
    mean, spread, top = about
    a_token = _SYNAPSES * 128 / row["ms a sentence"] / 1e6
    counts = {"G synapses/s, all steps": a_token * steps, "once a token": a_token}
    return {"what": row.pop("what"), "spike rate": mean, "least .. most": spread, **row, **counts, "of the roofline": top and a_token * steps / top}
