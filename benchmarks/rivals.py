"""(c, d) `fast` beside the same student in torch, matrix products in torch, and float32 and int8 BERTs in torch and onnxruntime.

Every rival runs the same sentences on all cores, in length-sorted batches of the best of a few sizes, after a run that is not counted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import berts
import numpy as np
import torch
from beside_lava import simulated
from measure import CHECKPOINT, CORES, SHARED, Best, best, timed

from tritspike.compiler.lower import lower
from tritspike.models import spiking
from tritspike.models.data import Corpus, pack
from tritspike.models.load import load_student
from tritspike.models.spiking_bert import SpikingBert
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import batches
from tritspike.runtime.host.text import Encoder, Tokens
from tritspike.runtime.tasks import dataset, labelled

torch.set_num_threads(CORES)
_BATCHES = (32, 128)


def sentences() -> list[str]:
    """SST-2's dev sentences."""
    return [str(e.text) for e in dataset.read(labelled.task_named("sst2"), os.environ["GLUE_DIR"], "dev")]


def corpus(tokens: Sequence[Tokens]) -> Corpus:
    """Token lists as the student's training code takes them."""
    starts = np.cumsum([0, *(len(ids) for ids, _ in tokens)])
    return Corpus(np.concatenate([ids for ids, _ in tokens]), np.concatenate([s for _, s in tokens]), starts)


@contextmanager
def float32_products() -> Any:
    """The student's exact bfloat16 products as plain float32 ones."""
    before = spiking.exact_product
    spiking.exact_product = lambda spikes, codes: spikes.float() @ codes.float().T
    yield
    spiking.exact_product = before


@torch.no_grad()
def students(encoder: Encoder, tokens: Sequence[Tokens]) -> list[dict[str, Any]]:
    """The shipped student in torch, float and integer mode, packed without padding."""
    integer = load_student(CHECKPOINT)
    floating = SpikingBert(integer.config).eval()

    def batch(some: list[Tokens]) -> Any:
        return pack(corpus(some), range(len(some)))

    with float32_products():
        rows = [("torch, float32 student", berts.fastest(floating, batch, tokens, _BATCHES))]
    rows.append(("torch, float student with exact bfloat16 products", berts.fastest(floating, batch, tokens, _BATCHES)))
    rows.append(("torch, integer mode with exact bfloat16 products", berts.fastest(integer, batch, tokens, _BATCHES)))
    return [berts.row(what, took) for what, took in rows]


def same_sentences() -> dict[str, Any]:
    """Everything on SST-2 dev."""
    encoder, texts = Encoder(lower(CHECKPOINT, "loihi2")), sentences()
    tokens = encoder.tokens(texts)
    encoded = [encoder.rows(some) for some in batches.cut(tokens, 1024)]
    ours = {
        "encoded spikes": lambda: simulated(encoder.program, encoded),
        "tokens": lambda: batches.streamed(encoder, tokens, DEFAULT, How()),
        "text": lambda: batches.answer(encoder, texts, DEFAULT, How()),
    }
    rows = [berts.row(f"fast, from {start} to logits", _each(timed(work), len(texts))) for start, work in ours.items()]
    rows += students(encoder, tokens)
    rows += berts.measured(berts.minilm(), every_eighth(berts.minilm_tokens(texts)), "MiniLM, 6 layers of 384")
    key = "processor ms" if SHARED else "ms a sentence"
    for row in rows:
        row[f"times fast from tokens, {key}"] = row[key] / rows[1][key]
    remark = (
        f"All {len(texts)} sentences of SST-2 dev, {CORES} cores, for MiniLM every eighth by length; every rival starts from tokens. {berts.REMARK}"
    )
    return {"title": "(c, d) The same sentences", "remark": remark, "rows": rows}


def every_eighth(tokens: list[Tokens]) -> list[Tokens]:
    """Of the sentences in order of length: as long on average, and a slow rival is timed more often in the same time."""
    return sorted(tokens, key=lambda t: len(t[0]))[4::8]


def _each(found: Best, count: int) -> Best:
    return Best(found.wall / count, found.processor / count)


@torch.no_grad()
def products() -> dict[str, Any]:
    """torch's own matrix products at the kernel's shapes."""
    rows, samples = [], 4096
    for inputs, neurons in ((384, 384), (384, 1536), (768, 768), (768, 3072), (3072, 768)):
        a, b = torch.randint(0, 2, (samples, inputs)).float(), torch.randint(-1, 2, (inputs, neurons)).float()
        work = samples * inputs * neurons / 1e9
        kinds = {
            "float32": partial(torch.mm, a, b),
            "bfloat16": partial(torch.mm, a.bfloat16(), b.bfloat16()),
            "int8": partial(torch._int_mm, a.char(), b.char()),
        }
        rows.append({"inputs": inputs, "neurons": neurons, **{f"{k}, GMAC/s": work / best(f, 0.5) for k, f in kinds.items()}})
    return {"title": "(c) torch's matrix products", "remark": f"{samples} rows, {CORES} cores; a product alone, no scan.", "rows": rows}
