"""A checkpoint in a few lines of numpy, as anyone may write one: random, but scaled so that populations neither sleep nor saturate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *(f"w{n}" for n in range(36))]
KINDS = ("encoder", "query_key_value", "score", "context", "residual", "hidden")


def small_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 1), ("[SEP]", 2)])
    return tokenizer


def config(**changes: Any) -> dict[str, Any]:
    base = dict(
        format="tritspike-checkpoint",
        version=2,
        task="sst2",
        labels=["0", "1"],
        vocabulary=len(WORDS),
        classes=2,
        hidden=16,
        layers=2,
        heads=2,
        head_dim=4,
        ffn=24,
        steps=4,
        max_length=12,
        window=1,
        embedding_rank=8,
        embedding_shift=5,
        weights="ternary",
        readout="mean",
        causal=False,
        reset="zero",
        keep=dict.fromkeys(KINDS, 3072),
        logit_scale=0.1,
    )
    language = dict(task="lm", labels=[], classes=base["vocabulary"], causal=True) if changes.get("readout") == "each" else {}
    return base | language | changes


def arrays(c: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    # the typical current of the embedding, so that x fires at a middling rate under the one threshold of all populations
    vth = max(20, int(60 * 60 / 3 * np.sqrt(c["embedding_rank"]) / 2 ** c["embedding_shift"] * rng.uniform(0.8, 1.6)))
    width, rank = c["heads"] * c["head_dim"], c["embedding_rank"]

    def int8(*shape: int) -> np.ndarray:
        return rng.integers(-60, 61, shape).astype(np.int8)

    def codes(rows: int, columns: int) -> np.ndarray:
        values = rng.choice([-1, 1] if c["weights"] == "binary" else [-1, 0, 1], (rows, columns))
        bits = (values > 0)[..., None] if c["weights"] == "binary" else np.stack([values > 0, values < 0], -1)
        return np.packbits(bits.reshape(rows, -1), axis=1, bitorder="little")

    def scalar(value: float) -> np.ndarray:
        return np.array([max(1, int(value))], np.int32)

    def population(rows: int, columns: int) -> dict[str, np.ndarray]:
        gain = np.clip(rng.choice([-1, 1], rows) * rng.uniform(0.8, 3, rows) * vth / np.sqrt(columns), -127, 127)
        return {
            "codes": codes(rows, columns),
            "gain": np.where(gain == 0, 1, gain).astype(np.int8),
            "bias": (rng.normal(0.35, 0.3, rows) * 64 * vth / 16).astype(np.int32) * 16,
            "vth": scalar(vth),
        }

    out = {
        "embedding.token": int8(c["vocabulary"], rank),
        "embedding.position": int8(c["max_length"], rank),
        "embedding.segment": int8(2, rank),
        "embedding.projection": int8(c["hidden"], rank),
        "embedding.bias": rng.integers(-99, 99, c["hidden"]).astype(np.int32),
        "embedding.vth": scalar(vth),
    }
    if c["readout"] == "each":
        out |= {"head.weight": int8(c["classes"], c["hidden"]), "head.bias": rng.integers(-999, 999, c["classes"]).astype(np.int32)}
    else:
        out |= {"readout.codes": codes(c["classes"], c["hidden"]), "readout.bias": rng.integers(-99, 99, c["classes"]).astype(np.int32)}
    shapes = {
        "query": (width, c["hidden"]),
        "key": (width, c["hidden"]),
        "value": (width, c["hidden"]),
        "attended": (c["hidden"], width),
        "hidden": (c["ffn"], c["window"] * c["hidden"]),
        "output": (c["hidden"], c["ffn"]),
    }
    for n in range(c["layers"]):
        layer = {f"{name}.{part}": a for name, shape in shapes.items() for part, a in population(*shape).items()}
        layer |= {
            "score.gain": _representable(vth * rng.uniform(0.7, 1.5)),
            "score.vth": scalar(vth),
            "context.gain": _representable(vth * rng.uniform(0.7, 1.5)),
            "context.vth": scalar(vth),
        }
        layer |= {f"{name}.skip": _representable(vth * rng.uniform(0.3, 0.9)) for name in ("attended", "output")}
        out |= {f"layer.{n}.{name}": a for name, a in layer.items()}
    return out


def _representable(value: float) -> np.ndarray:
    exponent = max(0, int(np.ceil(np.log2(value / 127))))
    return np.array([max(1, int(value) >> exponent) << exponent], np.int32)


def write(folder: Path, seed: int = 0, tensors: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    c = config(**changes)
    (folder / "config.json").write_text(json.dumps(c))
    save_file(arrays(c, seed) | (tensors or {}), folder / "model.safetensors")
    small_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def texts(seed: int, count: int, longest: int) -> list[str]:
    """Random texts whose token counts (with [CLS] and [SEP]) reach `longest`."""
    rng = np.random.default_rng(seed)
    lengths = [max(longest - 2, 0), *rng.integers(0, max(longest - 1, 1), count - 1)]
    return [" ".join(rng.choice(WORDS[4:], n)) for n in lengths]


def tokens(seed: int, count: int, longest: int) -> list[tuple[list[int], list[int]]]:
    """Random ids and segments of random lengths, the first of them `longest`."""
    rng = np.random.default_rng(seed)
    lengths = [longest, *rng.integers(1, longest + 1, count - 1)]
    return [(rng.integers(0, len(WORDS), n).tolist(), rng.integers(0, 2, n).tolist()) for n in lengths]
