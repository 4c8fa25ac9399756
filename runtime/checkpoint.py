"""The checkpoint: the only thing that models/ and compiler/ share. A folder of three files, documented here and nowhere else.

    config.json         the fields of `CheckpointConfig`, plus "format" and "version"
    model.safetensors   exactly the tensors of `tensor_table(config)`
    tokenizer.json      a Hugging Face `tokenizers` file

What it computes, all in integers (`arith.py` holds the LIF rule; v counts 1/64 of a synaptic unit, a spike is v > 64 * vth):

    current[d] = (sum_r projection[d, r] * (token + position + segment)[r] + bias[d]) >> embedding_shift     rounds down
    hidden's codes stand side by side for `window` positions: its own and the next ones (where causal, the ones before), nothing beyond the text
    a population with codes receives  gain[row] * (codes @ spikes)[row]  synaptic units and bias[row]/64 each step
    score, context receive  gain * (number of coincidences);   attended and output receive  skip * (spike of x, of attended)  besides
    logits[c] = sum over steps (and positions) of 64 * (codes @ spikes)[c], + bias[c] per position that is read
    readout "each", a language model: its head is a matrix of int8 instead of codes, and every position has logits of its own:
    logits[i, token] = sum over steps of 64 * (head @ spikes of position i)[token], + bias[token]

Codes are packed along rows, lowest bits first, each row padded with zero bits to a whole byte:
    ternary: 2 bits a weight, 0 -> 0, 1 -> +1, 2 -> -1 (3 is illegal);    binary: 1 bit a weight, 0 -> -1, 1 -> +1
A negative gain flips its row. What a value may be, beyond what its dtype holds (`check_tensors`):
    vth                              0..131071
    gain of a row, head.weight       -127..127
    score.gain, context.gain, skip   0..16256, and m * 2^e with m <= 127, e <= 7
    bias of a population             with all others of it a multiple of one power of two 2^e, |bias| <= 4095 * 2^e, e <= 7
    embedding tables and projection, embedding.bias, readout.bias, head.bias   anything: they stay on the host
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.errors import CheckpointError

FORMAT, VERSION = "tritspike-checkpoint", 2
EACH = "each"  # the readout of a language model: every position's logits over the vocabulary
KINDS = ("encoder", "query_key_value", "score", "context", "residual", "hidden")
BITS = {"ternary": 2, "binary": 1}
_CHOICES = {"weights": tuple(BITS), "readout": ("mean", "first", EACH), "reset": ("zero",)}
SIZES = {
    "vocabulary": (1, 1 << 20),
    "classes": (1, 1 << 20),
    "hidden": (1, 1 << 14),
    "layers": (1, 256),
    "heads": (1, 256),
    "head_dim": (1, 1024),
    "ffn": (1, 1 << 16),
    "steps": (1, 64),
    "max_length": (1, 4096),
    "window": (1, 16),
    "embedding_rank": (1, 1 << 14),
    "embedding_shift": (0, 30),
}
LONGEST_LINE = 200  # characters of a task's or a label's name
INT32 = (-(1 << 31), (1 << 31) - 1)
_ROW, _SHARED = (-arith.WEIGHT_LIMIT, arith.WEIGHT_LIMIT), (0, arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT)
_VALUES = {"vth": (0, arith.VTH_LIMIT), "weight": _ROW, "gain": _ROW, "skip": _SHARED, "score.gain": _SHARED, "context.gain": _SHARED}


@dataclass(frozen=True)
class CheckpointConfig:
    """Sizes and choices. `keep`: membrane kept a step, k/4096 with 1 <= k <= 4096, by population kind (`KINDS`).

    `logit_scale` turns an integer logit per position and step into the float logit that a softmax wants; it is for display.
    `labels` names the classes and is empty for regression. Where `readout` is "each", a class is a token of the vocabulary.
    """

    task: str
    labels: tuple[str, ...]
    vocabulary: int
    classes: int
    hidden: int
    layers: int
    heads: int
    head_dim: int
    ffn: int
    steps: int
    max_length: int
    window: int
    embedding_rank: int
    embedding_shift: int
    weights: str
    readout: str
    causal: bool
    reset: str
    keep: dict[str, int]
    logit_scale: float

    def to_json(self) -> dict[str, Any]:
        """What config.json holds."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}


def config_from_json(raw: dict[str, Any], where: str) -> CheckpointConfig:
    """Read and check config.json's object. Raises `CheckpointError` naming the field, what it holds and what is allowed."""
    if raw.get("format") != FORMAT or raw.get("version") != VERSION:
        raise CheckpointError(
            f"{where}: format {raw.get('format')!r} version {raw.get('version')!r}, this compiler reads {FORMAT!r} version {VERSION}"
        )
    names = {f.name for f in fields(CheckpointConfig)}
    for name in sorted(names ^ (raw.keys() - {"format", "version"})):
        raise CheckpointError(f"{where}: {'missing' if name in names else 'unknown'} field {name!r}")
    config = CheckpointConfig(**{n: raw[n] for n in names})
    for complaint in _complaints(config):
        raise CheckpointError(f"{where}: {complaint}")
    return replace(config, labels=tuple(config.labels))


def _complaints(c: CheckpointConfig) -> Iterator[str]:
    for name, (low, high) in SIZES.items():
        value = getattr(c, name)
        if type(value) is not int or not low <= value <= high:
            yield f"{name} is {value!r}, allowed {low}..{high}"
    for name, allowed in _CHOICES.items():
        if getattr(c, name) not in allowed:
            yield f"{name} is {getattr(c, name)!r}, allowed {', '.join(allowed)}"
    if not isinstance(c.keep, dict) or set(c.keep) != set(KINDS) or any(type(k) is not int or not 1 <= k <= 4096 for k in c.keep.values()):
        yield f"keep is {c.keep!r}, needs {', '.join(KINDS)}, each 1..4096"
    if type(c.causal) is not bool:
        yield f"causal is {c.causal!r}, must be true or false"
    if type(c.logit_scale) not in (int, float) or not abs(c.logit_scale) <= sys.float_info.max:
        yield f"logit_scale is {c.logit_scale!r}, must be a finite number"
    yield from _name_complaints(c)


def is_line(text: str) -> bool:
    """Whether a terminal shows it as it is, in one line."""
    return len(text) <= LONGEST_LINE and text.isprintable()


def _name_complaints(c: CheckpointConfig) -> Iterator[str]:
    if not isinstance(c.task, str):
        yield f"task is {c.task!r}, must be a string"
    elif not is_line(c.task):
        yield f"task is {c.task!r:.80}, must be up to {LONGEST_LINE} printable characters"
    if not isinstance(c.labels, list) or not all(isinstance(label, str) for label in c.labels):
        yield f"labels is {c.labels!r}, must be a list of strings"
    elif not all(map(is_line, c.labels)):
        yield f"labels is {c.labels!r:.80}, each must be up to {LONGEST_LINE} printable characters"
    elif c.labels and len(c.labels) != c.classes:
        yield f"{len(c.labels)} labels for {c.classes} classes"
    if c.readout == EACH:
        yield from _language_complaints(c)


def _language_complaints(c: CheckpointConfig) -> Iterator[str]:
    if c.classes != c.vocabulary:
        yield f"{c.classes} classes for a vocabulary of {c.vocabulary}; with readout {EACH} they are the same"
    if not c.causal:
        yield f"causal is false; with readout {EACH} a position must not hear the token that it predicts"
    if c.labels:
        yield f"{len(c.labels)} labels; with readout {EACH} the classes are tokens and have none"


def tensor_table(c: CheckpointConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Every tensor's (dtype, shape) by name."""
    table: dict[str, tuple[str, tuple[int, ...]]] = {
        "embedding.token": ("int8", (c.vocabulary, c.embedding_rank)),
        "embedding.position": ("int8", (c.max_length, c.embedding_rank)),
        "embedding.segment": ("int8", (2, c.embedding_rank)),
        "embedding.projection": ("int8", (c.hidden, c.embedding_rank)),
        "embedding.bias": ("int32", (c.hidden,)),
        "embedding.vth": ("int32", (1,)),
    }
    if c.readout == EACH:
        table |= {"head.weight": ("int8", (c.classes, c.hidden)), "head.bias": ("int32", (c.classes,))}
    else:
        table |= {"readout.codes": ("uint8", (c.classes, packed_width(c.hidden, c.weights))), "readout.bias": ("int32", (c.classes,))}
    for n in range(c.layers):
        table |= {f"layer.{n}.{name}": spec for name, spec in _layer_table(c).items()}
    return table


def _layer_table(c: CheckpointConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    width = c.heads * c.head_dim
    matrices = {
        "query": (width, c.hidden),
        "key": (width, c.hidden),
        "value": (width, c.hidden),
        "attended": (c.hidden, width),
        "hidden": (c.ffn, c.window * c.hidden),
        "output": (c.hidden, c.ffn),
    }
    table: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, (rows, columns) in matrices.items():
        table |= {
            f"{name}.codes": ("uint8", (rows, packed_width(columns, c.weights))),
            f"{name}.gain": ("int8", (rows,)),
            f"{name}.bias": ("int32", (rows,)),
            f"{name}.vth": ("int32", (1,)),
        }
    for name in ("score", "context"):
        table |= {f"{name}.gain": ("int32", (1,)), f"{name}.vth": ("int32", (1,))}
    return table | {"attended.skip": ("int32", (1,)), "output.skip": ("int32", (1,))}


def check_tensors(arrays: dict[str, NDArray[Any]], config: CheckpointConfig, where: str) -> None:
    """`CheckpointError` naming the first tensor that is not in the table, not of its dtype and shape, or holds what it may not.

    The one place that says so: what is trained, loaded and lowered is the same.
    """
    table = tensor_table(config)
    for name in sorted(arrays.keys() ^ table.keys()):
        raise CheckpointError(f"{where}: tensor {name} is {'missing' if name in table else 'not part of the schema'}")
    for name, (dtype, shape) in table.items():
        found = arrays[name]
        if np.issubdtype(found.dtype, np.floating) and np.isnan(found).any():
            raise CheckpointError(f"{where}: tensor {name} holds NaN; every tensor is {dtype} or another integer")
        if (str(found.dtype), found.shape) != (dtype, shape):
            raise CheckpointError(f"{where}: tensor {name} is {found.dtype}{list(found.shape)}, config.json asks for {dtype}{list(shape)}")
        _check_values(name, found.astype(np.int64), f"{where}: tensor {name}")


def _check_values(name: str, found: NDArray[np.int64], where: str) -> None:
    kind = name.rsplit(".", 1)[-1]
    owner = ".".join(name.rsplit(".", 2)[-2:])
    limits = _VALUES.get(owner, _VALUES.get(kind))
    if limits is not None and not limits[0] <= found.min() <= found.max() <= limits[1]:
        raise CheckpointError(f"{where} holds {found.min()}..{found.max()}, allowed {limits[0]}..{limits[1]}")
    if limits == _SHARED:
        _check_shared(int(found[0]), where)
    if kind == "bias" and name.startswith("layer.") and arith.bias_exponent(found) is None:
        raise CheckpointError(
            f"{where} holds values up to {np.abs(found).max()}, not multiples of one power of two with mantissas up to {arith.BIAS_MANTISSA_LIMIT}",
            "round them to a coarser grid",
        )


def _check_shared(value: int, where: str) -> None:
    mantissa, exponent = arith.mantissa_exponent(value)
    if mantissa << exponent != value:
        raise CheckpointError(f"{where} holds {value}, not m << e with m <= {arith.WEIGHT_LIMIT}", f"{mantissa << exponent} is")


def packed_width(columns: int, weights: str) -> int:
    """Bytes in a packed row of `columns` codes."""
    return (columns * BITS[weights] + 7) // 8


def pack_codes(codes: NDArray[np.int8], weights: str) -> NDArray[np.uint8]:
    """(rows, columns) codes in {-1, 0, 1} (binary: {-1, 1}) -> (rows, packed_width) bytes."""
    if weights == "binary":
        return np.packbits(codes > 0, axis=1, bitorder="little")
    bits = np.stack([codes > 0, codes < 0], axis=-1).reshape(len(codes), -1)
    return np.packbits(bits, axis=1, bitorder="little")


def unpack_codes(packed: NDArray[np.uint8], columns: int, weights: str, where: str = "codes") -> NDArray[np.int8]:
    """The inverse of `pack_codes`; `CheckpointError` on the illegal pair of bits or set padding bits."""
    bits = np.unpackbits(packed, axis=1, bitorder="little").astype(np.int8)
    used, spare = bits[:, : columns * BITS[weights]], bits[:, columns * BITS[weights] :]
    if spare.any():
        raise CheckpointError(f"{where}: padding bits are set; each row has {columns} {weights} codes")
    if weights == "binary":
        return (2 * used - 1).astype(np.int8)
    if (used[:, 0::2] & used[:, 1::2]).any():
        raise CheckpointError(f"{where}: codes are not ternary: found 3, allowed 0, 1, 2")
    return used[:, 0::2] - used[:, 1::2]
