"""A checkpoint's tokenizer.json: its fields changed, and whole parts that the library knows put in their places."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from fuzz import containers, seeds, trees
from fuzz.case import LOWER, RUNTIME, Change, Kind, Step
from fuzz.seeds import TEXTS

FILE = Path("checkpoint") / "tokenizer.json"
_NORMALIZERS: tuple[Any, ...] = (
    *({"type": name} for name in ("NFC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")),
    {"type": "Replace", "pattern": {"String": ""}, "content": "w1 "},
    {"type": "Replace", "pattern": {"Regex": "(a*)*$|(w|w1)+x"}, "content": "w"},
    {"type": "Replace", "pattern": {"Regex": "("}, "content": ""},
    {"type": "Replace", "pattern": {"String": "w"}, "content": "w1 w2 " * 20_000},
    {"type": "Prepend", "prepend": "w1 " * 200_000},
    {"type": "Prepend", "prepend": ""},
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
    {"type": "Precompiled", "precompiled_charsmap": "AAAA"},
    {"type": "Precompiled", "precompiled_charsmap": ""},
    {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "w"}, "content": "w" * 40}] * 6},
)
_SPLITTERS: tuple[Any, ...] = (
    *({"type": name} for name in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts", "Punctuation")),
    *({"type": "Split", "pattern": {"String": text}, "behavior": "Isolated", "invert": False} for text in ("", "w", " ")),
    {"type": "Split", "pattern": {"Regex": "(?:w*)*1"}, "behavior": "Removed", "invert": True},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True},
    {"type": "Metaspace", "replacement": "__", "prepend_scheme": "never", "split": True},
    {"type": "CharDelimiterSplit", "delimiter": "w"},
    {"type": "Digits", "individual_digits": True},
    {"type": "FixedLength", "length": 0},
    {"type": "Sequence", "pretokenizers": []},
)
_MODELS: tuple[Any, ...] = (
    {"type": "WordLevel", "vocab": {"w1": 0, "w2": 1}, "unk_token": "absent"},
    {"type": "WordLevel", "vocab": {}, "unk_token": "[UNK]"},
    {"type": "WordPiece", "vocab": {"w": 0, "##1": 1}, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 3},
    {"type": "Unigram", "vocab": [["w", -1.0], ["1", -2.0]], "unk_id": None, "byte_fallback": False},
    {"type": "Unigram", "vocab": [["w", -1.0], ["", float("-inf")]], "unk_id": 7, "byte_fallback": True},
    {"type": "Unigram", "vocab": [], "unk_id": 0},
    {"type": "BPE", "vocab": {"w": 0, "1": 1, "w1": 2}, "merges": ["w 1"], "unk_token": None, "fuse_unk": False, "byte_fallback": False},
    {"type": "BPE", "vocab": {"w": 0}, "merges": ["w 1", "a b c"], "dropout": 0.5, "unk_token": "[UNK]"},
    {"type": "BPE", "vocab": {"w": 0, "1": 1, "w1": 2}, "merges": ["w 1"], "dropout": 1.5},
)
_ADDED: tuple[Any, ...] = tuple(
    {"id": number, "content": text, "single_word": False, "lstrip": True, "rstrip": True, "normalized": normal, "special": special}
    for number, text, normal, special in ((0, "[PAD]", False, True), (40, "w", True, False), (5000, "new", True, False), (3, "", False, True))
)
_TEMPLATES: tuple[Any, ...] = (
    {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    {"type": "BertProcessing", "sep": ["[SEP]", 5000], "cls": ["[CLS]", 4_000_000_000]},
    {"type": "RobertaProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1], "trim_offsets": True, "add_prefix_space": True},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "Sequence", "processors": [{"type": "BertProcessing", "sep": ["w1", 4], "cls": ["w2", 5]}] * 4},
)
_CUTS: tuple[Any, ...] = (
    {"direction": "Right", "max_length": 0, "strategy": "LongestFirst", "stride": 0},
    {"direction": "Left", "max_length": 3, "strategy": "OnlySecond", "stride": 5},
    {"direction": "Right", "max_length": 1 << 40, "strategy": "OnlyFirst", "stride": 1 << 40},
)
_PADS: tuple[Any, ...] = tuple(
    {"strategy": how, "direction": "Right", "pad_to_multiple_of": n, "pad_id": 9999, "pad_type_id": 9, "pad_token": "[PAD]"}
    for how, n in (("BatchLongest", None), ({"Fixed": 100}, None), ({"Fixed": 1 << 33}, None), ("BatchLongest", 1 << 33), ("BatchLongest", 0))
)
PARTS: dict[str, tuple[Any, ...]] = {
    "normalizer": _NORMALIZERS,
    "pre_tokenizer": (None, *_SPLITTERS),
    "model": _MODELS,
    "added_tokens": tuple([token] for token in _ADDED),
    "post_processor": (None, *_TEMPLATES),
    "truncation": _CUTS,
    "padding": _PADS,
    "decoder": (None, {"type": "BPEDecoder", "suffix": ""}, {"type": "ByteLevel"}, {"type": "WordPiece", "prefix": "##", "cleanup": True}),
}


def change(rng: Random, folder: Path) -> Change:
    """A part exchanged, fields changed, or bytes."""
    path = folder / FILE
    if rng.random() < 0.1:
        return Change(containers.file_changed(rng, path))
    text, said = text_changed(rng, path.read_text())
    path.write_text(text)
    return Change(said)


def text_changed(rng: Random, text: str) -> tuple[str, str]:
    """(a tokenizer's JSON with other parts, other fields or both, what they are)."""
    tree, said, kind = json.loads(text), [], rng.random()
    if kind < 0.6:
        for name in rng.sample(sorted(PARTS), rng.choice([1, 1, 2])):
            tree[name] = rng.choice(PARTS[name])
            said.append(f"{name} is {json.dumps(tree[name])[:80]}")
    if kind > 0.4:
        tree, more = trees.mutated(rng, tree)
        said += more
    return trees.dumps(tree), "; ".join(said)


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """Lower it, and let it read texts."""
    made = Step(LOWER, ("checkpoint", "--out", "lowered.tsp", "--head", seeds.head(folder)))
    texts = [rng.choice(TEXTS), rng.choice([*TEXTS, "w1 " * 3000, "a" * 3000])]
    if not seeds.is_language(folder):
        return made, *seeds.classified(rng, folder, "lowered.tsp", texts)
    return (
        made,
        Step(RUNTIME, ("perplexity", "lowered.tsp", "--data", "text.txt")),
        Step(RUNTIME, ("generate", "lowered.tsp", texts[0], "--tokens", "3")),
    )


KIND = Kind("tokenizer", seeds.checkpoints, change, steps)
